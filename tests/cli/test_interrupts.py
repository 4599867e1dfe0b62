"""Tests of Ctrl-C in the first second of a command: one line, 130, and no traceback."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.process, pytest.mark.slow]
DELAYS = (0.15, 0.4, 0.8)  # in the imports of the interpreter, of the command, and at its start


@pytest.mark.parametrize("command", ["events list", "doctor", "serve"])
def test_ctrl_c_at_any_time_says_that_it_stopped(
    command: str, database_url: str, tmp_path: Path, unused_port: int
) -> None:
    environment = os.environ | {
        "DATABASE_URL": database_url, "TICKETING_DATA": str(tmp_path), "WEB_PORT": str(unused_port),
    }  # fmt: skip
    started = [
        (
            subprocess.Popen(
                [sys.executable, "-m", "ticketing", *command.split()], env=environment,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            ),
            time.monotonic() + delay,
        )
        for delay in DELAYS
    ]  # fmt: skip
    for process, at in started:
        time.sleep(max(0.0, at - time.monotonic()))
        process.send_signal(signal.SIGINT)
    ends = [(process, *process.communicate(timeout=60)) for process, _ in started]

    for process, _, said in ends:
        assert "Traceback" not in said
        assert process.returncode in {0, 1, 130}  # it may have been done before
        assert process.returncode != 130 or "stopped" in said
    assert ends[0][0].returncode == 130
