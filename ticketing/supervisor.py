"""Keeping a family of processes: started together, stopped together, none left behind.

Grandchildren can outlive their parents (Dagster starts code servers and run workers). As their
subreaper we inherit every orphan, so all descendants can be found and stopped.
"""

import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import NamedTuple

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
PATIENCE_SECONDS = 20
HIGHEST_TRY = 100


def free_port(wanted: int) -> int:
    """The wanted port on 127.0.0.1, or the next that is free: two checkouts run side by side."""
    for port in range(wanted, wanted + HIGHEST_TRY):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    return wanted


class Service(NamedTuple):
    """A command that is to run on and on, and the file that takes what it prints."""

    command: Sequence[str]
    log: Path


def supervise(services: Sequence[Service], environment: Mapping[str, str], *, cwd: Path) -> int:
    """Run services until one ends or we are told to stop; then stop all that came of them.

    Returns 0 after Ctrl-C or SIGTERM, else the exit code of the service that ended.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    told_to_stop = False

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal told_to_stop
        told_to_stop = True

    previous = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    children = [_started(service, environment, cwd, libc) for service in services]
    try:
        while not told_to_stop and all(child.poll() is None for child in children):
            time.sleep(0.2)
    finally:
        ended = [child.returncode for child in children if child.returncode is not None]
        _stop_all(children)
        for number, handler in previous.items():
            signal.signal(number, handler)
    return 0 if told_to_stop else ended[0]


def _started(
    service: Service, environment: Mapping[str, str], cwd: Path, libc: ctypes.CDLL
) -> "subprocess.Popen[bytes]":
    service.log.parent.mkdir(parents=True, exist_ok=True)
    with service.log.open("ab") as log:
        return subprocess.Popen(  # noqa: S603 - our own command
            service.command,
            env=dict(environment),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches us alone; we stop the others in order
            preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0),  # noqa: PLW1509 - no threads here
        )


def _stop_all(children: "Sequence[subprocess.Popen[bytes]]") -> None:
    """Ask the first children, then whoever is left, then insist."""
    for child in children:
        if child.poll() is None:
            child.send_signal(signal.SIGINT)
    _wait(lambda: all(child.poll() is not None for child in children))
    for number in (signal.SIGTERM, signal.SIGKILL):
        for orphan in _descendants(os.getpid()):
            _send(orphan, number)
        _wait(lambda: not _descendants(os.getpid()))


def _wait(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not done() and time.monotonic() < deadline:
        _reap()
        time.sleep(0.05)


def _reap() -> None:
    """Collect orphans that have ended, so that they are not counted as living."""
    for orphan in _descendants(os.getpid(), deep=False):
        try:
            os.waitpid(orphan, os.WNOHANG)
        except ChildProcessError:
            continue


def _send(process: int, number: signal.Signals) -> None:
    try:
        os.kill(process, number)
    except ProcessLookupError:
        return


def _descendants(process: int, *, deep: bool = True) -> list[int]:
    """Process numbers of children, and of theirs when `deep`; from Linux' /proc."""
    try:
        tasks = list(Path(f"/proc/{process}/task").iterdir())
        found = [int(word) for task in tasks for word in (task / "children").read_text().split()]
    except FileNotFoundError:
        return []
    deeper = [one for child in found for one in _descendants(child)] if deep else []
    return [*found, *deeper]
