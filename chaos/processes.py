"""The application's processes: start, kill with SIGKILL, restart."""

import functools
import os
import random
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Self

import psycopg

from ticketing.app.container import open_application
from ticketing.app.dagster_home import prepare_dagster_home
from ticketing.platform.db.embedded.server import EmbeddedServer
from ticketing.platform.db.migrate import upgrade
from ticketing.platform.paths import PROJECT_ROOT
from ticketing.platform.settings import Settings

if TYPE_CHECKING:
    from ticketing.platform.application import Application

HOST = "127.0.0.1"
READY_TIMEOUT_SECONDS = 90
PYTHON = [sys.executable, "-W", "ignore", "-m"]
RUN_COMMAND = ["dagster", "job", "execute", "-m", "ticket_assets.definitions", "-j"]
DAEMON_COMMAND = ["dagster._daemon", "run", "-m", "ticket_assets.definitions"]
SMALL_DISK = "64m"
JOBS = ("fulfil_paid_orders", "provision_vouchers", "deliver_messages")


@dataclass
class ProcessManager:
    """All processes in one folder; PostgreSQL runs with its default, flushing settings."""

    folder: Path
    external_settings: Mapping[str, str]  # addresses of the simulated vendors
    kill_counts: Counter[str] = field(default_factory=Counter)
    run_counts: Counter[str] = field(default_factory=Counter)
    disruption_counts: Counter[str] = field(default_factory=Counter)
    small_disk: bool = False  # documents on a file system of their own; needs root
    shifted_clock: bool = False  # web and worker read the time through `chaos.shifted_clock`
    _jobs: Iterator[str] = field(default_factory=lambda: cycle(JOBS))
    _processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)
    _commands: dict[str, list[str]] = field(default_factory=dict)
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            self.port = probe.getsockname()[1]
        self.folder.chmod(0o711)  # root's PostgreSQL runs as another user
        server = self._stack.enter_context(EmbeddedServer(self.folder))
        self._cluster = server.cluster
        url = server.url().set(drivername="postgresql")
        given = {
            "TICKETING_DATA": str(self.folder),
            "TICKETING_MASTER_SECRET": secrets.token_hex(32),
            "DATABASE_URL": url.render_as_string(hide_password=False),
            "MIN_FREE_DISK": "0",
            "WEB_PUBLIC_URL": self.url,
            "WEB_REQUESTS_A_MINUTE": "1000000",
            "MAX_UNPAID_PLACES_PER_ADDRESS": "1000000",
            **self.external_settings,
        }
        if self.small_disk:
            self._mount_documents()
        settings = Settings.model_validate(given)
        self.application: Application = self._stack.enter_context(open_application(settings))
        upgrade(self.application.database)
        self._environment = prepare_dagster_home(self.application) | given
        clock = ["chaos.shifted_clock", str(self.clock_file)]
        program = [*PYTHON, *(clock if self.shifted_clock else ["ticketing"])]
        self._commands = {
            "web": [*program, "serve", "--quiet", "--port", str(self.port)],
            "worker": [*program, "worker"],
            "run": [*PYTHON, *RUN_COMMAND],
        }
        for name in ("web", "worker"):
            self.start(name)
        self.wait_until_ready()
        return self

    def __exit__(self, *_: object) -> None:
        for name in list(self._processes):
            self.stop(name)
        self._stack.close()

    @property
    def url(self) -> str:
        """Return the base URL of the web service."""
        return f"http://{HOST}:{self.port}"

    @property
    def documents(self) -> Path:
        """Return the folder of PDFs."""
        return self.folder / "documents"

    @property
    def clock_file(self) -> Path:
        """Return the file with the seconds by which a shifted clock is wrong."""
        return self.folder / "clock"

    @property
    def database_url(self) -> str:
        """Return the URL of the database for psycopg."""
        url = self.application.url.set(drivername="postgresql")
        return url.render_as_string(hide_password=False)

    def _mount_documents(self) -> None:
        self.documents.mkdir(mode=0o700, exist_ok=True)
        options = ["-t", "tmpfs", "-o", f"size={SMALL_DISK},mode=0700"]
        run = functools.partial(subprocess.run, check=True)
        run(["mount", *options, "tmpfs", str(self.documents)])
        self._stack.callback(run, ["umount", "--lazy", str(self.documents)])

    def start(self, name: str) -> None:
        """Start a process."""
        log = self.folder / f"{name}.out"
        job = [next(self._jobs)] if name == "run" else []
        with log.open("ab") as output:
            self._processes[name] = subprocess.Popen(  # noqa: S603 - our own command
                self._commands[name] + job,
                env=self._environment,
                cwd=PROJECT_ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def stop(self, name: str) -> None:
        """Stop a process with SIGINT, as Ctrl-C does, and wait for it."""
        process = self._processes.pop(name, None)
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def send_signal(self, name: str, number: int) -> None:
        """Send a signal to a process, if it runs."""
        process = self._processes.get(name)
        if process is not None and process.poll() is None:
            process.send_signal(number)

    def add(self, name: str) -> None:
        """Run one more process: `second worker`, or a daemon of Dagster."""
        daemon = [*PYTHON, *DAEMON_COMMAND]
        self._commands[name] = self._commands["worker"] if name == "second worker" else daemon
        self.start(name)

    def remove(self, name: str) -> None:
        """Stop a process that was added."""
        del self._commands[name]
        self.stop(name)

    def kill_all(self) -> None:
        """Kill PostgreSQL and every process with SIGKILL."""
        self.kill_counts["everything"] += 1
        for process in self._processes.values():
            process.kill()
        self._kill_postgresql(whole=True)
        for process in self._processes.values():
            process.wait()

    def keep_running(self) -> None:
        """Restart ended processes; a finished run is followed by the next job's."""
        for name in self._commands:
            process = self._processes.get(name)
            if process is None or process.poll() is not None:
                if process is not None and name == "run":
                    self.run_counts["ended well" if process.returncode == 0 else "ended badly"] += 1
                self.start(name)

    def kill(self, victim: str, randomness: random.Random) -> None:
        """Kill a process with SIGKILL and restart it as a supervisor would."""
        self.kill_counts[victim] += 1
        if victim == "PostgreSQL":
            self._kill_postgresql(whole=randomness.random() < 0.5)  # noqa: PLR2004 - one of two ways
            return
        process = self._processes.get(victim)
        if process is not None:
            process.kill()
            process.wait()
        self.keep_running()

    def _kill_postgresql(self, *, whole: bool) -> None:
        """Kill the postmaster, or a backend, after which PostgreSQL recovers by itself."""
        postmaster = int(
            (self._cluster / "postmaster.pid").read_text(encoding="utf-8").split("\n", 1)[0]
        )
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text("ascii").split()
        os.kill(postmaster if whole or not children else int(children[-1]), signal.SIGKILL)
        if whole:
            self._stack.enter_context(EmbeddedServer(self.folder))

    def wait_until_ready(self) -> None:
        """Wait until the web service and the database respond."""
        deadline = time.monotonic() + READY_TIMEOUT_SECONDS
        while not (self._is_web_up() and self._is_database_up()):
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"web service or database does not respond; see {self.folder}/web.out"
                )
            time.sleep(0.1)

    def _is_web_up(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((HOST, self.port)) == 0

    def _is_database_up(self) -> bool:
        try:
            psycopg.connect(self.database_url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True
