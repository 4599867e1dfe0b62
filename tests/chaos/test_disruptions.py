"""Tests of what a sale is disrupted by; `python -m chaos --disrupt all` does it for real."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chaos import shifted_clock
from chaos.disruptions import DISRUPTIONS, is_possible
from ticketing.platform.cli import console
from ticketing.platform.http import services


def test_without_root_only_the_disruptions_of_the_disk_are_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    left_out = {name for name in DISRUPTIONS if not is_possible(name)}

    assert left_out == {"disk-full", "read-only-documents"}


def test_clocks_of_web_and_command_line_jump_while_they_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (console, services):
        monkeypatch.setattr(module, "now", module.now)  # restored at the end
    file = tmp_path / "clock"

    shifted_clock.install(file)
    right = console.now() - datetime.now(UTC)
    file.write_text("-3600", encoding="ascii")
    wrong = services.now() - datetime.now(UTC)

    assert abs(right) < timedelta(minutes=1)
    assert abs(wrong + timedelta(hours=1)) < timedelta(minutes=1)
