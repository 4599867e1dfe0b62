"""Disruptions of a sale that are no kill of one process: each lasts some seconds, then ends.

`python -m chaos --disrupt NAME`. Those of the disk need root, because they mount a small file
system under the documents; for others they are skipped with a word.
"""

import errno
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

import psycopg

from chaos.processes import ProcessManager

Disruption = Callable[[ProcessManager], AbstractContextManager[None]]
CLOCK_SHIFTS_SECONDS = (3600.0, -3600.0)
CHUNK = b"\0" * 65_536


def needs_root(name: str) -> bool:
    """Return whether only root can do it."""
    return name in {"disk-full", "read-only-documents"}


@contextmanager
def _stopped(processes: ProcessManager, name: str) -> Iterator[None]:
    """Stop a process with SIGSTOP: its connections and locks stay, and it answers nobody."""
    processes.send_signal(name, signal.SIGSTOP)
    try:
        yield
    finally:
        processes.send_signal(name, signal.SIGCONT)


@contextmanager
def _full_disk(processes: ProcessManager) -> Iterator[None]:
    """Fill the documents' file system to its last byte."""
    ballast = processes.documents / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(CHUNK):
                pass
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
    try:
        yield
    finally:
        ballast.unlink()


@contextmanager
def _read_only_documents(processes: ProcessManager) -> Iterator[None]:
    """Make the documents' file system read-only, as Linux does after an error of a disk."""
    _remount(processes, "ro")
    try:
        yield
    finally:
        _remount(processes, "rw")


def _remount(processes: ProcessManager, mode: str) -> None:
    """Remount; retried, because a file that is being written keeps the file system writable."""
    command = ["mount", "-o", f"remount,{mode}", str(processes.documents)]
    for _ in range(200):
        if subprocess.run(command, check=False, capture_output=True).returncode == 0:  # noqa: S603
            return
        time.sleep(0.02)
    raise TimeoutError(f"{processes.documents} stays busy and cannot be remounted {mode}")


@contextmanager
def _long_lock(processes: ProcessManager) -> Iterator[None]:
    """Lock the table of orders, as a forgotten transaction or a migration does."""
    with psycopg.connect(processes.database_url) as connection:
        connection.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        yield
        connection.rollback()


@contextmanager
def _no_connections(processes: ProcessManager) -> Iterator[None]:
    """Take every connection that PostgreSQL has left, and cut those that the application holds."""
    with ExitStack() as taken:
        first = taken.enter_context(psycopg.connect(processes.database_url, autocommit=True))
        first.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        for _ in range(1000):
            try:
                taken.enter_context(psycopg.connect(processes.database_url))
            except psycopg.OperationalError:
                break
        yield


@contextmanager
def _clock_jumps(processes: ProcessManager) -> Iterator[None]:
    """Let the clocks of web and worker jump an hour ahead, then an hour back."""
    shift = CLOCK_SHIFTS_SECONDS[processes.disruption_counts["clock-jump"] % 2]
    processes.clock_file.write_text(f"{shift}", encoding="ascii")
    try:
        yield
    finally:
        processes.clock_file.write_text("0", encoding="ascii")


@contextmanager
def _two_of_each(processes: ProcessManager, *names: str) -> Iterator[None]:
    """Run these processes beside those that run."""
    for name in names:
        processes.add(name)
    try:
        yield
    finally:
        for name in names:
            processes.remove(name)


@contextmanager
def _everything_killed(processes: ProcessManager) -> Iterator[None]:
    """Kill PostgreSQL and all processes at once, as a power failure does, and start them again."""
    processes.kill_all()
    processes.keep_running()
    yield


DISRUPTIONS: dict[str, Disruption] = {
    "stop-worker": lambda processes: _stopped(processes, "worker"),
    "stop-web": lambda processes: _stopped(processes, "web"),
    "disk-full": _full_disk,
    "read-only-documents": _read_only_documents,
    "clock-jump": _clock_jumps,
    "long-lock": _long_lock,
    "no-connections": _no_connections,
    "two-workers": lambda processes: _two_of_each(processes, "second worker"),
    "two-daemons": lambda processes: _two_of_each(processes, "daemon", "second daemon"),
    "kill-everything": _everything_killed,
}


def is_possible(name: str) -> bool:
    """Return whether this user can cause the disruption."""
    return os.geteuid() == 0 or not needs_root(name)
