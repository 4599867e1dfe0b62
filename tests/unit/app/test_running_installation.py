"""Tests of what `ticketing up` leaves in the data folder for other commands."""

import os
from pathlib import Path

import pytest

from ticketing.app.running_installation import (
    announced_simulators,
    exclusive_start,
    with_running_simulators,
)
from ticketing.platform.kernel.errors import Misconfigured
from ticketing.platform.settings import Settings

ADDRESSES = {
    "midtrans_simulator_url": "http://127.0.0.1:9001",
    "whatsapp_simulator_url": "http://127.0.0.1:9002",
}


def test_a_data_folder_is_started_once_and_the_refusal_names_the_process(tmp_path: Path) -> None:
    with (
        exclusive_start(tmp_path),
        pytest.raises(Misconfigured, match=rf"already running.*pid {os.getpid()};"),
        exclusive_start(tmp_path),
    ):
        pass

    with exclusive_start(tmp_path):
        pass


def test_commands_find_the_simulators_while_they_run_unless_they_are_given_others(
    tmp_path: Path,
) -> None:
    default = Settings(_env_file=None, data_path=tmp_path)
    chosen = Settings(
        _env_file=None, data_path=tmp_path, midtrans_simulator_url="http://127.0.0.1:7000"
    )

    with announced_simulators(tmp_path, ADDRESSES):
        found = with_running_simulators(default)
        kept = with_running_simulators(chosen)

    assert found.midtrans_simulator_url == ADDRESSES["midtrans_simulator_url"]
    assert kept.midtrans_simulator_url == "http://127.0.0.1:7000"
    assert kept.whatsapp_simulator_url == ADDRESSES["whatsapp_simulator_url"]
    assert with_running_simulators(default) == default
