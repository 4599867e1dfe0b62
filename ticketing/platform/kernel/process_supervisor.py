"""Process supervisor: start, restart and stop processes with all their descendants.

Grandchildren can outlive their parents (Dagster starts code servers and run workers). This
process is their subreaper and inherits every orphan, so all descendants can be stopped.
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
STARTUP_SECONDS = 10  # a process that cannot work at all ends sooner
MIN_RESTART_DELAY_SECONDS, MAX_RESTART_DELAY_SECONDS = 1.0, 30.0
MAX_PORT_ATTEMPTS = 100
MAX_LOG_TAIL_BYTES = 2000


class FreePorts:
    """Chooses ports of 127.0.0.1, each once, so that two installations can run side by side."""

    def __init__(self) -> None:
        self._chosen = set[int]()

    def take(self, preferred: int) -> int:
        """Return the port, or the next one that is free and was not taken before."""
        candidates = range(preferred, preferred + MAX_PORT_ATTEMPTS)
        unused = (port for port in candidates if port not in self._chosen and is_port_free(port))
        port = next(unused, preferred)
        self._chosen.add(port)
        return port


def is_port_free(port: int) -> bool:
    """Return whether nothing listens on a port of 127.0.0.1."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


class ProcessSpec(NamedTuple):
    """A command to keep running, and the file for its output."""

    command: Sequence[str]
    log: Path


@dataclass
class _Child:
    """A supervised process and its restart state."""

    spec: ProcessSpec
    process: "subprocess.Popen[bytes]"
    started_at: float
    has_been_up: bool = False
    restart_delay: float = MIN_RESTART_DELAY_SECONDS
    restart_at: float | None = None


class _ProcessGroup:
    """The child processes; orphaned descendants are adopted as a subreaper."""

    def __init__(self, environment: Mapping[str, str], cwd: Path) -> None:
        self._environment, self._cwd = environment, cwd
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.set_subreaper(enabled=True)
        self.children: list[_Child] = []

    def set_subreaper(self, *, enabled: bool) -> None:
        self._libc.prctl(PR_SET_CHILD_SUBREAPER, int(enabled), 0, 0, 0)

    def start(self, spec: ProcessSpec) -> "subprocess.Popen[bytes]":
        spec.log.parent.mkdir(parents=True, exist_ok=True)
        with spec.log.open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - our own command
                spec.command,
                env=dict(self._environment),
                cwd=self._cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches only this process, which stops the others
                preexec_fn=lambda: self._libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0),  # noqa: PLW1509 - no threads here
            )

    def stop_orphans(self) -> None:
        """Stop orphans of a dead child, because they would keep its ports open."""
        children = {child.process.pid for child in self.children}
        for number in (signal.SIGTERM, signal.SIGKILL):
            orphans = [one for one in _descendants(os.getpid(), deep=False) if one not in children]
            for orphan in [deep for one in orphans for deep in [one, *_descendants(one)]]:
                _send_signal(orphan, number)
            _wait_until(lambda: not set(_descendants(os.getpid(), deep=False)) - children)


def supervise(
    specs: Sequence[ProcessSpec],
    environment: Mapping[str, str],
    *,
    cwd: Path,
    on_tick: Callable[[], None] = lambda: None,
    on_message: Callable[[str], None] = lambda _: None,
) -> int:
    """Run services until SIGINT or SIGTERM, then stop all their descendants.

    A service that ends after `STARTUP_SECONDS` is restarted; one that ends sooner stops everything.
    `on_tick` is called every second, for other things to keep running; `on_message` receives a line
    about each end of a service, and about the stop. Returns 0 after a signal, else the exit code of
    the failed service.
    """
    stopping = False

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    previous = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    group = _ProcessGroup(environment, cwd)
    code: int | None = None
    try:
        for service in specs:
            group.children.append(_Child(service, group.start(service), time.monotonic()))
        ticked_at = time.monotonic()
        while not stopping and code is None:
            time.sleep(TICK_SECONDS)
            code = _restart_or_fail(group, on_message)
            if time.monotonic() - ticked_at > ON_TICK_SECONDS:
                # a server that `on_tick` starts may outlive this process
                group.set_subreaper(enabled=False)
                on_tick()
                group.set_subreaper(enabled=True)
                ticked_at = time.monotonic()
        if stopping:
            on_message("stopping …")
    finally:
        _stop_all([child.process for child in group.children])
        for number, handler in previous.items():
            signal.signal(number, handler)
    return 0 if stopping or code is None else code


def _restart_or_fail(group: _ProcessGroup, on_message: Callable[[str], None]) -> int | None:
    """Restart ended processes; return the exit code of one that could not start, else None."""
    now = time.monotonic()
    for child in group.children:
        code = child.process.poll()
        if code is None:
            child.has_been_up |= now - child.started_at > STARTUP_SECONDS
            if now - child.started_at > MAX_RESTART_DELAY_SECONDS:
                child.restart_delay = MIN_RESTART_DELAY_SECONDS
        elif not child.has_been_up:
            on_message(f"{_describe_end(child.spec, code)}; see {child.spec.log}")
            return code
        elif child.restart_at is None:
            child.restart_at = now + child.restart_delay
            end = _describe_end(child.spec, code)
            on_message(f"{end}; started again in {child.restart_delay:.0f} s")
        elif now >= child.restart_at:
            group.stop_orphans()
            child.process, child.started_at = group.start(child.spec), time.monotonic()
            child.restart_at = None
            child.restart_delay = min(2 * child.restart_delay, MAX_RESTART_DELAY_SECONDS)
    return None


def _describe_end(spec: ProcessSpec, code: int) -> str:
    """Return the name of a service that ended, its exit code and the last line of its log."""
    with spec.log.open("rb") as log:
        log.seek(max(0, log.seek(0, os.SEEK_END) - MAX_LOG_TAIL_BYTES))
        lines = log.read().decode(errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "it wrote nothing")
    return f"{spec.log.stem} ended ({code}): {last}"


def _stop_all(children: "Sequence[subprocess.Popen[bytes]]") -> None:
    """Send SIGINT to the children, then SIGTERM and SIGKILL to all orphans descendants."""
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
    """Wait for ended orphans, so that they do not count as running."""
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
    """Return the process ids of children, and of their descendants when `deep`, from /proc."""
    try:
        tasks = list(Path(f"/proc/{process}/task").iterdir())
        found = [int(word) for task in tasks for word in (task / "children").read_text().split()]
    except FileNotFoundError:
        return []
    deeper = [one for child in found for one in _descendants(child)] if deep else []
    return [*found, *deeper]
