"""pg_dump and psql as child processes: a dump as blocks of SQL, and SQL into one transaction.

The password is handed over in the environment, because everybody can read a command line.
"""

import os
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from sqlalchemy import URL

from ticketing.platform.kernel.errors import Misconfigured, Unavailable

_BLOCK_BYTES = 1024 * 1024
_LOCK_TIMEOUT = "60s"
# pg_dump 17 and newer write it; older servers do not know the setting
_NEWER_SETTING, _NEWER_SERVER = b"SET transaction_timeout = 0;\n", 170000


@dataclass(frozen=True, slots=True)
class PostgresqlPrograms:
    """The folder of pg_dump and psql, and the database they work on."""

    folder: Path
    url: URL

    def dump(self, snapshot_id: str) -> Iterator[bytes]:
        """Yield the SQL of schema and rows as an exported snapshot sees them, in blocks.

        Raises Unavailable with the words of pg_dump, after the last block.
        """
        command = [
            "pg_dump", "--format=plain", "--no-owner", "--no-privileges",
            f"--snapshot={snapshot_id}", f"--lock-wait-timeout={_LOCK_TIMEOUT}",
            f"--dbname={self._address}",
        ]  # fmt: skip
        with self._start(command, stdout=subprocess.PIPE) as (process, errors):
            if process.stdout is not None:
                while block := process.stdout.read(_BLOCK_BYTES):
                    yield block
            _require_success(process, errors)

    @contextmanager
    def load(self, *, server_version: int) -> Iterator["SqlLoader"]:
        """Feed SQL into one transaction; nothing is kept unless `commit` is called.

        A killed program closes the pipe, and PostgreSQL rolls back.
        """
        command = [
            "psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", f"--dbname={self._address}",
        ]  # fmt: skip
        with self._start(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as (
            process,
            errors,
        ):
            yield SqlLoader(process, errors, server_version)

    @property
    def _address(self) -> str:
        return self.url._replace(drivername="postgresql", password=None).render_as_string(
            hide_password=False
        )

    @contextmanager
    def _start(
        self, command: list[str], *, stdout: int, stdin: int | None = None
    ) -> Iterator[tuple["subprocess.Popen[bytes]", IO[bytes]]]:
        program = self.folder / command[0]
        environment = os.environ | {"PGPASSWORD": str(self.url.password or ""), "PGTZ": "UTC"}
        with TemporaryFile() as errors:
            try:
                process = subprocess.Popen(  # noqa: S603 - a fixed program and arguments
                    [str(program), *command[1:]],
                    env=environment, stdin=stdin, stdout=stdout, stderr=errors,
                )  # fmt: skip
            except OSError as error:
                raise Misconfigured(
                    f"{program} cannot be started ({error.strerror}): set BACKUP_PROGRAMS to the"
                    " folder of pg_dump and psql"
                ) from error
            try:
                yield process, errors
            finally:
                process.kill()  # without effect once it has ended
                process.communicate()


class SqlLoader:
    """SQL that psql executes in one transaction."""

    def __init__(
        self, process: "subprocess.Popen[bytes]", errors: IO[bytes], server_version: int
    ) -> None:
        self._process, self._errors, self._server_version = process, errors, server_version

    def write_dump(self, blocks: Iterable[bytes]) -> None:
        """Begin the transaction and execute a dump. Raises Unavailable with the words of psql."""
        self.write(b"BEGIN;\n")
        for number, block in enumerate(blocks):
            is_header = number == 0 and self._server_version < _NEWER_SERVER
            self.write(block.replace(_NEWER_SETTING, b"", 1) if is_header else block)

    def write(self, sql: bytes) -> None:
        """Execute SQL. Raises Unavailable with the words of psql."""
        pipe: Any = self._process.stdin
        try:
            pipe.write(sql)
        except BrokenPipeError:
            _require_success(self._process, self._errors)

    def commit(self) -> None:
        """Commit and wait for the end. Raises Unavailable; then reading back decides."""
        self.write(b"\nCOMMIT;\n")
        pipe: Any = self._process.stdin
        with suppress(BrokenPipeError):
            pipe.close()
        _require_success(self._process, self._errors)


def _require_success(process: "subprocess.Popen[bytes]", errors: IO[bytes]) -> None:
    if process.wait():
        errors.seek(0)
        output = errors.read()[-2000:].decode(errors="replace").strip()
        hint = (
            "; set BACKUP_PROGRAMS to the folder of a newer pg_dump and psql"
            if "server version mismatch" in output
            else ""
        )
        program = Path(str(process.args[0] if isinstance(process.args, list) else "")).name
        raise Unavailable(f"{program} failed ({process.returncode}): {output}{hint}")
