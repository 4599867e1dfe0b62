"""Tests of Ctrl-C in the first second of a command: one line, 130, and no traceback."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.process, pytest.mark.slow]
DELAYS = (0.0, 0.25, 0.6)  # in the imports of the program, of the command, and at its start
PATIENCE_SECONDS = 60


def _wait_for_imports(process: int) -> None:
    """Wait until the program imports: before, Ctrl-C is the interpreter's own business."""
    until = time.monotonic() + PATIENCE_SECONDS
    maps = Path(f"/proc/{process}/maps")
    while "lib-dynload" not in maps.read_text(encoding="utf-8") and time.monotonic() < until:
        time.sleep(0.005)


@pytest.mark.parametrize("command", ["events list", "doctor", "serve"])
@pytest.mark.parametrize("delay", DELAYS)
def test_ctrl_c_at_any_time_says_that_it_stopped(
    command: str, delay: float, database_url: str, tmp_path: Path, unused_port: int
) -> None:
    environment = os.environ | {
        "DATABASE_URL": database_url, "TICKETING_DATA": str(tmp_path), "WEB_PORT": str(unused_port),
        "TICKETING_MASTER_SECRET": "5e" * 32,
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "ticketing", *command.split()], env=environment,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    _wait_for_imports(process.pid)
    time.sleep(delay)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=PATIENCE_SECONDS)

    assert "Traceback" not in said
    assert process.returncode in ({130} if delay == 0 else {0, 1, 130})  # or it had been done
    assert process.returncode != 130 or "stopped" in said


def test_ctrl_c_in_a_finalizer_ends_the_process_too() -> None:
    program = """
import os, signal
from ticketing.platform.cli.interrupts import exit_on_interrupt, raise_on_interrupt
class Finalized:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
exit_on_interrupt()
raise_on_interrupt()
Finalized()
print("went on")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "\nticketing: stopped\n"
