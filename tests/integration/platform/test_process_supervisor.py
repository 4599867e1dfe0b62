"""Tests of the process supervisor: all child processes are stopped together, at any depth."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from ticketing.platform.kernel.process_supervisor import FreePorts

pytestmark = [pytest.mark.kill, pytest.mark.process]

# a child that starts a grandchild in a session of its own, which starts one that ignores SIGTERM
PROCESS_TREE = """
import os, signal, subprocess, sys, time
from pathlib import Path
from ticketing.platform.kernel import process_supervisor
from ticketing.platform.kernel.process_supervisor import ProcessSpec
from ticketing.platform.kernel.process_supervisor import supervise

stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(300)"
child = (
    "import subprocess, sys, time;"
    f"subprocess.Popen([sys.executable, '-c', {stubborn!r}], start_new_session=True);"
    "open('ready', 'w').close(); time.sleep(300)"
)

process_supervisor.STOP_TIMEOUT_SECONDS = 1
process_supervisor.STARTUP_SECONDS = 0
process_supervisor.MIN_RESTART_DELAY_SECONDS = 0.1
process_supervisor.ON_TICK_SECONDS = 0.5
quiet = [sys.executable, "-c", "import time; time.sleep(300)"]
services = [
    ProcessSpec([sys.executable, "-c", child], Path("a.log")),
    ProcessSpec(quiet, Path("b.log")),
]
seen = Path("seen").touch
sys.exit(supervise(services, os.environ, cwd=Path.cwd(), on_tick=seen, on_message=print))
"""


@pytest.fixture
def process_tree(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start a supervisor with two children and a grandchild that ignores signals."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROCESS_TREE], cwd=tmp_path, start_new_session=True
    )
    deadline = time.monotonic() + 60
    files = {tmp_path / "ready", tmp_path / "seen"}
    while not files <= set(tmp_path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.02)
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def orphans() -> Iterator[list[int]]:
    """Return a list of process ids that are killed after the test."""
    left: list[int] = []
    yield left
    for process in left:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_stop_leaves_no_process(
    process_tree: subprocess.Popen[bytes], signal_number: signal.Signals
) -> None:
    before = descendants(process_tree.pid)

    process_tree.send_signal(signal_number)

    assert process_tree.wait(60) == 0
    assert len(before) == 3
    assert [process for process in before if Path(f"/proc/{process}").exists()] == []


def test_a_child_that_ends_by_itself_gives_its_exit_code_and_last_words(tmp_path: Path) -> None:
    ending = "print('the port is taken'); sys.exit(7)"
    script = PROCESS_TREE.replace('time.sleep(300)"\n)', f'{ending}"\n)').replace(
        "STARTUP_SECONDS = 0", "STARTUP_SECONDS = 600"
    )

    ended = subprocess.run(
        [sys.executable, "-c", script], check=False, cwd=tmp_path, capture_output=True, text=True
    )

    assert ended.returncode == 7
    assert ended.stdout == "a ended (7): the port is taken; see a.log\n"


def test_a_child_that_was_killed_is_started_again_without_what_it_left_behind(
    process_tree: subprocess.Popen[bytes],
) -> None:
    child, stubborn = (
        descendants(process_tree.pid)[0],
        descendants(descendants(process_tree.pid)[0])[0],
    )

    os.kill(child, signal.SIGKILL)

    deadline = time.monotonic() + 60
    while len(descendants(process_tree.pid)) < 3 or child in descendants(process_tree.pid):
        assert time.monotonic() < deadline
        assert process_tree.poll() is None
        time.sleep(0.05)
    assert not Path(f"/proc/{stubborn}").exists()
    process_tree.send_signal(signal.SIGINT)
    assert process_tree.wait(60) == 0


def test_the_child_ends_when_the_supervisor_is_killed(
    process_tree: subprocess.Popen[bytes], orphans: list[int]
) -> None:
    child = descendants(process_tree.pid)[0]
    orphans += descendants(child)

    process_tree.kill()
    process_tree.wait()

    deadline = time.monotonic() + 60
    while Path(f"/proc/{child}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{child}").exists()


def test_a_taken_port_gives_the_next_free_one_and_none_twice() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        wanted = taken.getsockname()[1]

        ports = FreePorts()
        first, second = ports.take(wanted), ports.take(wanted)

    assert wanted < first < second


def descendants(process: int) -> list[int]:
    """Return the direct and indirect child processes of a process, from the kernel's list."""
    path = Path(f"/proc/{process}/task/{process}/children")
    found = [int(word) for word in path.read_text().split()] if path.exists() else []
    return [*found, *(deeper for child in found for deeper in descendants(child))]
