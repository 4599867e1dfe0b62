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
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NamedTuple

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
STOP_TIMEOUT_SECONDS = 20
TICK_SECONDS, ON_TICK_SECONDS = 0.2, 1.0
STARTUP_SECONDS = 10  # what cannot work at all has said so by then
MIN_RESTART_DELAY_SECONDS, MAX_RESTART_DELAY_SECONDS = 1.0, 30.0
MAX_PORT_ATTEMPTS = 100


def free_port(preferred: int) -> int:
    """The wanted port on 127.0.0.1, or the next that is free: two checkouts run side by side."""
    for port in range(preferred, preferred + MAX_PORT_ATTEMPTS):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    return preferred


class ProcessSpec(NamedTuple):
    """A command that is to run on and on, and the file that takes what it prints."""

    command: Sequence[str]
    log: Path


@dataclass
class _Child:
    """A service, its process, and how often it had to be started again."""

    spec: ProcessSpec
    process: "subprocess.Popen[bytes]"
    started_at: float
    has_been_up: bool = False
    restart_delay: float = MIN_RESTART_DELAY_SECONDS
    restart_at: float | None = None

    @property
    def name(self) -> str:
        """As its log is called."""
        return self.spec.log.stem


class _ProcessGroup:
    """The children, and the kernel's promise that their orphans become ours."""

    def __init__(self, environment: Mapping[str, str], cwd: Path) -> None:
        self._environment, self._cwd = environment, cwd
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.set_subreaper(enabled=True)
        self.children: list[_Child] = []

    def set_subreaper(self, *, enabled: bool) -> None:
        self._libc.prctl(PR_SET_CHILD_SUBREAPER, int(enabled), 0, 0, 0)

    def start(self, spec: ProcessSpec) -> "subprocess.Popen[bytes]":
        return _spawn(spec, self._environment, self._cwd, self._libc)

    def add(self, spec: ProcessSpec) -> None:
        self.children.append(_Child(spec, self.start(spec), time.monotonic()))

    def stop_orphans(self) -> None:
        """What a dead child left behind would hold its ports."""
        ours = {child.process.pid for child in self.children}
        for number in (signal.SIGTERM, signal.SIGKILL):
            left = [one for one in _descendants(os.getpid(), deep=False) if one not in ours]
            for orphan in [deep for one in left for deep in [one, *_descendants(one)]]:
                _send_signal(orphan, number)
            _wait_until(lambda: not set(_descendants(os.getpid(), deep=False)) - ours)


def supervise(
    specs: Sequence[ProcessSpec],
    environment: Mapping[str, str],
    *,
    cwd: Path,
    on_tick: Callable[[], None] = lambda: None,
    on_message: Callable[[str], None] = lambda _: None,
) -> int:
    """Keep services running until we are told to stop; then stop all that came of them.

    One that ends after it has worked is started again; one that ends at once cannot work, and ends
    everything. `tend` is called every second, for what else has to be kept running. Returns 0 after
    Ctrl-C or SIGTERM, else the exit code of the service that could not work.
    """
    told_to_stop = False

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal told_to_stop
        told_to_stop = True

    previous = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    family = _ProcessGroup(environment, cwd)
    code: int | None = None
    try:
        for service in specs:
            family.add(service)
        tended = time.monotonic()
        while not told_to_stop and code is None:
            time.sleep(TICK_SECONDS)
            code = _restart_or_fail(family, on_message)
            if time.monotonic() - tended > ON_TICK_SECONDS:
                family.set_subreaper(enabled=False)  # a server that `tend` starts outlives us
                on_tick()
                family.set_subreaper(enabled=True)
                tended = time.monotonic()
    finally:
        _stop_all([child.process for child in family.children])
        for number, handler in previous.items():
            signal.signal(number, handler)
    return 0 if told_to_stop or code is None else code


def _restart_or_fail(group: _ProcessGroup, on_message: Callable[[str], None]) -> int | None:
    """Start again whoever ended; the exit code of one for whom that would be in vain."""
    now = time.monotonic()
    for child in group.children:
        code = child.process.poll()
        if code is None:
            child.has_been_up |= now - child.started_at > STARTUP_SECONDS
            if now - child.started_at > MAX_RESTART_DELAY_SECONDS:
                child.restart_delay = MIN_RESTART_DELAY_SECONDS
        elif not child.has_been_up:
            return code
        elif child.restart_at is None:
            child.restart_at = now + child.restart_delay
            on_message(f"{child.name} ended ({code}); started again in {child.restart_delay:.0f} s")
        elif now >= child.restart_at:
            group.stop_orphans()
            child.process, child.started_at = group.start(child.spec), time.monotonic()
            child.restart_at = None
            child.restart_delay = min(2 * child.restart_delay, MAX_RESTART_DELAY_SECONDS)
    return None


def _spawn(
    spec: ProcessSpec, environment: Mapping[str, str], cwd: Path, libc: ctypes.CDLL
) -> "subprocess.Popen[bytes]":
    spec.log.parent.mkdir(parents=True, exist_ok=True)
    with spec.log.open("ab") as log:
        return subprocess.Popen(  # noqa: S603 - our own command
            spec.command,
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
    _wait_until(lambda: all(child.poll() is not None for child in children))
    for number in (signal.SIGTERM, signal.SIGKILL):
        for orphan in _descendants(os.getpid()):
            _send_signal(orphan, number)
        _wait_until(lambda: not _descendants(os.getpid()))


def _wait_until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + STOP_TIMEOUT_SECONDS
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


def _send_signal(process: int, number: signal.Signals) -> None:
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
