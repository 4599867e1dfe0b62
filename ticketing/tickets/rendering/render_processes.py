"""Render chunks in several processes, which end with this one, however it ends.

Each is a program of its own that gets its work over a socket: a fork would copy the locks of other
threads, and the end of the socket tells a process that its parent was killed.
"""

import os
import subprocess
import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from typing import cast

from ticketing.platform.kernel import json_logging
from ticketing.platform.kernel.errors import Unavailable
from ticketing.tickets.rendering.render_chunk import ChunkRenderer, ChunkResult

TICKETS_A_PROCESS = 3_000  # starting a process takes as long as this many tickets
WAITING_CHUNKS = 2  # per process, so that none is idle while its result is counted
GRACE_SECONDS = 5
_PROGRAM = "ticketing.tickets.rendering.render_worker"


def process_count(tickets: int) -> int:
    """Return how many processes are worth starting for this many tickets."""
    return max(1, min(len(os.sched_getaffinity(0)), tickets // TICKETS_A_PROCESS))


def render_in_processes(
    work: ChunkRenderer, chunks: Iterator[Sequence[int]], count: int
) -> Generator[ChunkResult]:
    """Yield the results of chunks in the order in which they are completed.

    Raises Unavailable when a process ends; what it recorded stays. Closing the iterator stops all
    of them at once: chunks that are not recorded are rendered by the next run.
    """
    with ExitStack() as stack:
        workers = [stack.enter_context(_worker(work)) for _ in range(count)]
        open_chunks = {worker: _send_first(worker, chunks) for worker in workers}
        while any(open_chunks.values()):
            busy = [worker for worker, waiting in open_chunks.items() if waiting]
            for worker in cast("list[Connection]", wait(busy)):
                yield _receive(worker)
                open_chunks[worker] += _send(worker, chunks) - 1


def _send_first(worker: Connection, chunks: Iterator[Sequence[int]]) -> int:
    return sum(_send(worker, chunks) for _ in range(WAITING_CHUNKS))


def _send(worker: Connection, chunks: Iterator[Sequence[int]]) -> int:
    """Send the next chunk; return the number of chunks sent."""
    chunk = next(chunks, None)
    if chunk is None:
        return 0
    try:
        worker.send(chunk)
    except OSError as error:
        raise _ended() from error
    return 1


def _receive(worker: Connection) -> ChunkResult:
    try:
        result = worker.recv()
    except (EOFError, OSError) as error:
        raise _ended() from error
    if isinstance(result, ChunkResult):
        return result
    raise result  # what the process raised


def _ended() -> Unavailable:
    return Unavailable("a rendering process was ended; the next attempt renders the rest")


@contextmanager
def _worker(work: ChunkRenderer) -> Iterator[Connection]:
    """Start a process, and end it at the end: by itself, or at once after an error."""
    ours, theirs = Pipe()
    process = subprocess.Popen(  # noqa: S603  # our own program
        [sys.executable, "-m", _PROGRAM, str(theirs.fileno())],
        pass_fds=[theirs.fileno()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    theirs.close()
    try:
        url = work.database.engine.url.render_as_string(hide_password=False)
        # over the socket, because other users see arguments and environment
        ours.send((url, work.renderer, work.folder, work.request, json_logging.destination()))
        yield ours
        ours.close()
        process.wait(GRACE_SECONDS)
    finally:
        with suppress(OSError):
            ours.close()
        _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
