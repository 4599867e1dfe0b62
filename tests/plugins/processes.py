"""Processes of a test's own, started in milliseconds by a fork server."""

import json
import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from subprocess import DEVNULL, PIPE, STDOUT, CompletedProcess, Popen, TimeoutExpired
from typing import IO
from uuid import uuid4

import pytest

from ticketing.platform.paths import PROJECT_ROOT

FORK_SERVER = Path(__file__).with_name("fork_server.py")
# a host with DATABASE_URL makes up no secret
WITH_SECRET = {"TICKETING_MASTER_SECRET": bytes(range(32)).hex()}
COMMAND = "import ticketing.__main__; ticketing.__main__.main()"
MODULE = "import runpy, sys; runpy.run_module(sys.argv.pop(1), run_name='__main__')"


class ForkedProcess:
    """A child of the fork server, with the part of the interface of `Popen` that tests use."""

    def __init__(
        self, pid: int, ended: int, stdout: IO[str] | None, stderr: IO[str] | None
    ) -> None:
        """`ended` gets the exit code; `stdout` and `stderr` are there if they are pipes."""
        self.pid = pid
        self.stdout = stdout
        self.stderr = stderr
        self.returncode: int | None = None
        self._ended = ended

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""
        return self._exit_code(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; gives the exit code, minus the signal's number if it was killed."""
        code = self._exit_code(timeout)
        if code is None:
            raise TimeoutExpired("a forked process", timeout or 0)
        return code

    def communicate(self, timeout: float | None = None) -> tuple[str | None, str | None]:
        """Read what it writes to the end, and wait; kill it when that takes too long."""
        timer = threading.Timer(timeout or 0, self.kill)
        if timeout is not None:
            timer.start()
        said = [pipe.read() if pipe else None for pipe in (self.stdout, self.stderr)]
        self.wait()
        timer.cancel()
        for pipe in (self.stdout, self.stderr):
            if pipe:
                pipe.close()
        return said[0], said[1]

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)

    def _exit_code(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._ended], [], [], timeout)[0]:
            code = os.read(self._ended, 16)
            os.close(self._ended)
            self.returncode = int(code or -signal.SIGKILL)  # nothing: the server has died
        return self.returncode


class ForkServer:
    """Starts processes that have everything loaded."""

    def __init__(self) -> None:
        """Start the server itself; it loads while the tests go on."""
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = Popen(
                [sys.executable, FORK_SERVER, str(theirs.fileno())],
                cwd=PROJECT_ROOT, pass_fds=[theirs.fileno()], stdin=DEVNULL,
            )  # fmt: skip
        self._lock = threading.Lock()

    def start(
        self,
        script: str,
        *arguments: str,
        environment: Mapping[str, str] = os.environ,
        stdin: int | None = None,
        stdout: int | None = None,
        stderr: int | None = None,
        cwd: Path = PROJECT_ROOT,
    ) -> ForkedProcess:
        """Start a script. Streams are as `Popen` takes them."""
        nothing = os.open(os.devnull, os.O_RDWR)
        ended, end = os.pipe()
        theirs, ours = [nothing if stdin is None else stdin], []
        for usual, given in ((1, stdout), (2, stderr)):
            read, write = os.pipe() if given == PIPE else (None, given)
            ours.append(read)
            streams = {None: usual, DEVNULL: nothing, STDOUT: theirs[-1]}
            theirs.append(streams.get(write, write))
        request = {
            "script": script,
            "arguments": arguments,
            "environment": WITH_SECRET | dict(environment),
            "cwd": str(cwd),
        }
        with self._lock:
            socket.send_fds(self._requests, [json.dumps(request).encode()], [*theirs, end])
            pid = int(self._requests.recv(32))
        for descriptor in (nothing, end):
            os.close(descriptor)
        for read, write in zip(ours, theirs[1:], strict=True):
            if read is not None:
                os.close(write)
        pipes = [None if read is None else os.fdopen(read, encoding="utf-8") for read in ours]
        return ForkedProcess(pid, ended, *pipes)

    def close(self) -> None:
        """Stop the server, and with it everything that still runs."""
        self._requests.close()
        self._process.wait()


@pytest.fixture(scope="session")
def fork_server() -> Iterator[ForkServer]:
    """Return the fork server that starts processes."""
    server = ForkServer()
    yield server
    server.close()


@pytest.fixture(scope="session")
def start_script(fork_server: ForkServer) -> Callable[..., ForkedProcess]:
    """Starts a script in a process of its own and does not wait for it."""
    return fork_server.start


@pytest.fixture(scope="session")
def start_ticketing(fork_server: ForkServer) -> Callable[..., ForkedProcess]:
    """Starts `ticketing …` and does not wait for it."""
    return partial(fork_server.start, COMMAND)


@pytest.fixture(scope="session")
def start_module(fork_server: ForkServer) -> Callable[..., ForkedProcess]:
    """Starts `python -m …` and does not wait for it."""
    return partial(fork_server.start, MODULE)


@pytest.fixture(scope="session")
def run_script(
    fork_server: ForkServer, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., CompletedProcess[str]]:
    """Runs a script to its end, in a process of its own; `given` is what it reads."""

    def run(
        script: str, *arguments: str, environment: Mapping[str, str] = os.environ, given: str = ""
    ) -> CompletedProcess[str]:
        into, out, err = (tmp_path_factory.getbasetemp() / f"{uuid4().hex}.txt" for _ in range(3))
        into.write_text(given)
        with into.open() as stdin, out.open("w") as stdout, err.open("w") as stderr:
            process = fork_server.start(
                script, *arguments, environment=environment,
                stdin=stdin.fileno(), stdout=stdout.fileno(), stderr=stderr.fileno(),
            )  # fmt: skip
        return CompletedProcess(arguments, process.wait(), out.read_text(), err.read_text())

    return run


@pytest.fixture(scope="session")
def run_ticketing(
    run_script: Callable[..., CompletedProcess[str]],
) -> Callable[..., CompletedProcess[str]]:
    """Runs `ticketing …`."""
    return partial(run_script, COMMAND)
