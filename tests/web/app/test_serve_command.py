"""Tests of `ticketing serve` and `ticketing api-keys` as processes."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]
Ticketing = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def environment(database_url: str, tmp_path: Path, unused_port: int) -> dict[str, str]:
    """Return an environment with a database and a folder of its own."""
    return {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": database_url,
        "TICKETING_MASTER_SECRET": bytes(range(32)).hex(),
        "TICKETING_DATA": str(tmp_path / "data"),
        "WEB_PORT": str(unused_port),
        "COLUMNS": "200",
    }


@pytest.fixture
def ticketing(run_ticketing: Run, environment: dict[str, str]) -> Ticketing:
    """Return a function that runs `ticketing …`."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return run_ticketing(*arguments, environment=environment)

    return run


@pytest.mark.slow
def test_a_key_is_shown_once_listed_without_it_and_revoked(ticketing: Ticketing) -> None:
    made = ticketing("api-keys", "create", "school", "--role", "operator")
    again = ticketing("api-keys", "create", "school")
    ended = ticketing("api-keys", "revoke", "school")
    listed = ticketing("api-keys", "list", "--json")
    shown = ticketing("api-keys", "list")

    assert (made.returncode, ended.returncode, shown.returncode) == (0, 0, 0)
    assert made.stdout.startswith("tk_")
    assert (again.returncode, "choose another name" in again.stderr) == (2, True)
    [key] = json.loads(listed.stdout)
    assert (key["name"], key["role"], key["revoked_at"] is None) == ("school", "operator", False)
    assert made.stdout.strip() not in listed.stdout + shown.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["api-keys", "create", "x", "--role", "king"], "viewer, operator, admin"),
        (["api-keys", "revoke", "nobody"], "no valid API key 'nobody'"),
        (["serve", "--port", "0"], "--port"),
    ],
)
def test_bad_usage_is_exit_code_2_and_names_the_remedy(
    ticketing: Ticketing, arguments: list[str], message: str
) -> None:
    refused = ticketing(*arguments)

    assert refused.returncode == 2
    assert message in refused.stderr


def test_a_taken_port_is_exit_code_2_and_named(ticketing: Ticketing, unused_port: int) -> None:
    with socket.create_server(("127.0.0.1", unused_port)):
        refused = ticketing("serve")

    assert refused.returncode == 2
    assert f"cannot listen on 127.0.0.1, port {unused_port}" in refused.stderr
    assert "WEB_PORT" in refused.stderr


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"MIDTRANS_ENVIRONMENT": "production"}, "set MIDTRANS_SERVER_KEY"),
        ({"MIDTRANS_ENVIRONMENT": "production", "MIDTRANS_SERVER_KEY": "SB-Mid-server-x"},
         "the server key is a sandbox key"),
        ({"MIDTRANS_ENVIRONMENT": "production", "MIDTRANS_SERVER_KEY": "Mid-server-x"},
         "set WEB_PUBLIC_URL"),
    ],
)  # fmt: skip
def test_with_settings_that_cannot_sell_it_does_not_start(
    run_ticketing: Ticketing, environment: dict[str, str], settings: dict[str, str], message: str
) -> None:
    refused = run_ticketing("serve", environment=environment | settings)

    assert refused.returncode == 2
    assert message in refused.stderr


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.process
def test_it_listens_on_loopback_only_and_stops_on_a_signal(
    environment: dict[str, str],
    unused_port: int,
    stop: signal.Signals,
    until_it_answers: Callable[[str], httpx.Response],
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "ticketing", "serve"],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    alive = until_it_answers(f"http://127.0.0.1:{unused_port}/health")
    listening = Path("/proc/net/tcp").read_text(encoding="ascii")
    process.send_signal(stop)
    said, _ = process.communicate(timeout=60)

    assert alive.status_code == 200
    assert f"0100007F:{unused_port:04X} 00000000:0000 0A" in listening
    assert f"http://127.0.0.1:{unused_port}/docs" in said
    assert "Traceback" not in said
    assert process.returncode == 0
