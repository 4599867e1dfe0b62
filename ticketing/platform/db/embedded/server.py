"""Start and stop the embedded server; safe after kill -9 of the server, of a user, or of both.

Every process that uses the server holds a shared lock on a file. The last one gets the exclusive
lock and stops the server. The lock of a killed process is released by the kernel, so no stale
reference count can remain.
"""

import fcntl
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Self

import psycopg
from sqlalchemy import URL

from ticketing.platform.db.embedded.paths import ServerPaths, prepare_paths
from ticketing.platform.db.embedded.roles import (
    ADMIN_ROLE,
    AUTHENTICATION_FAILED,
    ROLE,
    RolePasswords,
    ensure_roles,
)
from ticketing.platform.kernel.errors import Unavailable

START_TIMEOUT_SECONDS = 60
OPTIONS = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "jit": "off",  # the queries are short; compiling them takes longer than running them
    "timezone": "UTC",
    "log_timezone": "UTC",
}


@dataclass
class EmbeddedServer:
    """A reference to the server of a data folder; use it as a context manager."""

    data_path: Path
    options: dict[str, str] = field(default_factory=dict)
    _lock_file: IO[str] | None = field(default=None, init=False, repr=False)
    _paths: ServerPaths | None = field(default=None, init=False, repr=False)

    def __enter__(self) -> Self:
        """Take a reference, and start the server unless it runs."""
        self._paths = prepare_paths(self.data_path)
        with _exclusive_lock(self._paths):
            self._lock_file = (self._paths.state_folder / "users.lock").open("a")
            fcntl.flock(self._lock_file, fcntl.LOCK_SH)
            try:
                _start(self._paths, OPTIONS | self.options)
            except BaseException:
                self._lock_file.close()
                raise
        return self

    def __exit__(self, *_: object) -> None:
        """Release the reference; the last one stops the server."""
        if self._paths is None or self._lock_file is None:
            return
        with _exclusive_lock(self._paths):
            try:
                fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass
            else:
                if _is_postmaster_running(self._paths):
                    _run_program(
                        self._paths, "pg_ctl", "-D", str(self._paths.cluster), "-m", "fast", "stop"
                    )
            self._lock_file.close()
            self._lock_file = None

    def restart_if_stopped(self) -> bool:
        """Restart the server if it was killed; return whether that was needed."""
        place = self._require_paths()
        if _is_postmaster_running(place):
            return False
        with _exclusive_lock(place):
            _start_and_wait(place, OPTIONS | self.options)
        return True

    def url(self, database: str = ROLE) -> URL:
        """Return the URL of a database on this server, through its Unix socket."""
        paths = self._require_paths()
        return _url(paths, ROLE, _password(paths), database)

    def admin_url(self, database: str) -> URL:
        """Return the URL for the superuser, which only the maintenance of the server needs."""
        paths = self._require_paths()
        return _url(paths, ADMIN_ROLE, _admin_password(paths), database)

    @property
    def cluster(self) -> Path:
        """Return the folder of the database cluster."""
        return self._require_paths().cluster

    @property
    def binaries(self) -> Path:
        """Return the folder of psql and pg_dump of the server's version."""
        return self._require_paths().binaries

    def _require_paths(self) -> ServerPaths:
        if self._paths is None:
            raise Unavailable("the embedded server has not been started")
        return self._paths


@contextmanager
def _exclusive_lock(paths: ServerPaths) -> Iterator[None]:
    """Hold the lock that lets one process at a time start or stop the server."""
    with (paths.state_folder / "start.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _url(paths: ServerPaths, role: str, password: str, database: str) -> URL:
    return URL.create(
        "postgresql+psycopg",
        username=role,
        password=password,
        database=database,
        query={"host": str(paths.socket_folder)},
    )


def _password(paths: ServerPaths) -> str:
    return _read_or_create_password(paths.state_folder / "password")


def _admin_password(paths: ServerPaths) -> str:
    return _read_or_create_password(paths.state_folder / "admin.password")


def _read_or_create_password(path: Path) -> str:
    if not path.exists():
        draft = path.with_suffix(".new")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(32), encoding="ascii")
        draft.rename(path)
    return path.read_text(encoding="ascii")


def _start(paths: ServerPaths, options: dict[str, str]) -> None:
    if not (paths.cluster / "PG_VERSION").exists():
        _init_cluster(paths)
    _start_and_wait(paths, options)
    passwords = RolePasswords(_password(paths), _admin_password(paths))
    ensure_roles(lambda role, password, name: _connect(paths, role, password, name), passwords)


def _init_cluster(paths: ServerPaths) -> None:
    """Create the cluster beside its place and rename it, so that a killed initdb leaves nothing."""
    # a name of its own: the initdb of a killed process may still write into the draft before
    draft = paths.cluster.with_name(f"cluster.new.{secrets.token_hex(4)}")
    for old in (paths.cluster, *paths.cluster.parent.glob("cluster.new*")):
        shutil.rmtree(old, ignore_errors=True)
    draft.mkdir(mode=0o700, parents=True)
    password = paths.cluster.with_name("initdb.password")
    password.touch(mode=0o600)
    password.write_text(_admin_password(paths), encoding="ascii")
    if paths.user:
        os.chown(draft, paths.user.pw_uid, paths.user.pw_gid)
        os.chown(password, paths.user.pw_uid, paths.user.pw_gid)
    try:
        _run_program(
            paths, "initdb", "-D", str(draft), "-U", ADMIN_ROLE, f"--pwfile={password}",
            "--auth=scram-sha-256", "--encoding=UTF8",
            "--locale-provider=builtin", "--locale=C.UTF-8",
        )  # fmt: skip
    finally:
        password.unlink()
    draft.rename(paths.cluster)


def _write_options(paths: ServerPaths, options: dict[str, str]) -> None:
    path = paths.cluster / "postgresql.auto.conf"
    settings = options | {"unix_socket_directories": str(paths.socket_folder)}
    quoted = ((name, value.replace("'", "''")) for name, value in settings.items())
    path.write_text("".join(f"{name} = '{value}'\n" for name, value in quoted), encoding="utf-8")


def _is_postmaster_running(paths: ServerPaths) -> bool:
    """Return whether the process in postmaster.pid is a PostgreSQL of this cluster."""
    try:
        number = (paths.cluster / "postmaster.pid").read_text(encoding="utf-8").split("\n", 1)[0]
        command = Path("/proc", number.strip(), "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return os.fsencode(paths.cluster) in command


def _launch(paths: ServerPaths) -> None:
    """Start the server; retry while a server killed a moment ago holds its shared memory."""
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    log = paths.cluster / "server.log"
    while True:
        try:
            _run_program(
                paths, "pg_ctl", "-D", str(paths.cluster), "-l", str(log), "-w",
                "-t", str(START_TIMEOUT_SECONDS), "start",
            )  # fmt: skip
        except Unavailable:
            if time.monotonic() > deadline or not _is_old_server_exiting(log):
                raise
            time.sleep(0.2)
        else:
            return


def _is_old_server_exiting(log: Path) -> bool:
    tail = log.read_text(encoding="utf-8", errors="replace")[-2000:] if log.exists() else ""
    return "pre-existing shared memory block" in tail or "lock file" in tail


def _start_and_wait(paths: ServerPaths, options: dict[str, str]) -> None:
    """Start the server unless it runs; a killed one looks alive for some milliseconds."""
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while True:
        if not _is_postmaster_running(paths):
            # after a crash the process id in this file may belong to another process
            (paths.cluster / "postmaster.pid").unlink(missing_ok=True)
            (paths.socket_folder / ".s.PGSQL.5432.lock").unlink(missing_ok=True)
            _write_options(paths, options)
            _launch(paths)
        try:
            _connect(paths, ADMIN_ROLE, _admin_password(paths), "postgres").close()
        except psycopg.OperationalError as error:
            if AUTHENTICATION_FAILED in str(error):
                return  # it answers; an old cluster has no such role yet
            if time.monotonic() > deadline:
                log = paths.cluster / "server.log"
                raise Unavailable(f"PostgreSQL does not answer: {error}; see {log}") from error
            time.sleep(0.1)
        else:
            return


def _connect(paths: ServerPaths, role: str, password: str, database: str) -> psycopg.Connection:
    return psycopg.connect(
        host=str(paths.socket_folder), user=role, password=password, dbname=database,
        autocommit=True, connect_timeout=5,
    )  # fmt: skip


def _run_program(paths: ServerPaths, program: str, *arguments: str) -> None:
    """Run a PostgreSQL program as the server's user. Raises Unavailable with its output."""
    user = paths.user
    result = subprocess.run(  # noqa: S603 - a fixed program and arguments
        [str(paths.binaries / program), *arguments],
        check=False,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,  # the server inherits it: a pipe here would never close
        stderr=subprocess.DEVNULL if program == "pg_ctl" else subprocess.PIPE,
        text=True,
        user=user.pw_uid if user else None,
        group=user.pw_gid if user else None,
        extra_groups=[] if user else None,
        env={"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"},
    )
    if result.returncode:
        log = paths.cluster / "server.log"
        output = result.stderr or (
            log.read_text(encoding="utf-8", errors="replace")[-2000:] if log.exists() else ""
        )
        raise Unavailable(f"{program} failed ({result.returncode}): {output.strip()}")
