"""Read a roster from the operator's own database: the rows of one read-only query."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import ClassVar

from sqlalchemy import URL, Connection, Engine, Result, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from ticketing.platform.kernel.errors import Misconfigured, Unavailable, UnreadableFile
from ticketing.platform.kernel.text import normalise_text
from ticketing.roster.model import RosterRow
from ticketing.roster.sources.csv_file import OpenRoster
from ticketing.roster.sources.text_lines import MAX_RECORD_LENGTH

_FETCH_SIZE = 5000
_POSTGRESQL = {"postgres", "postgresql"}


@dataclass(frozen=True, slots=True)
class RosterQuery:
    """A query in any database with an SQLAlchemy driver; its column names are the header.

    The "line" of a row is its position in the result, counted from 1.
    """

    url: str = field(repr=False)  # holds a password
    sql: str
    kind: ClassVar[str] = "sql"

    @property
    def name(self) -> str:
        """Return the name for the import history: the address without its password."""
        return parse_roster_url(self.url).render_as_string(hide_password=True)

    @contextmanager
    def open(
        self,
        *,
        encoding: str | None = None,
        delimiter: str | None = None,
        header_row: int | None = None,
    ) -> Iterator[OpenRoster]:
        """Open the result as rows of text; the options of files are ignored."""
        del encoding, delimiter, header_row
        engine = _engine(self.url)
        try:
            with _connect(engine, self.name) as connection:
                yield self._start_reading(connection)
        finally:
            engine.dispose()

    def _start_reading(self, connection: Connection) -> OpenRoster:
        with _translate_errors(self.name):
            answer = connection.execute(text(self.sql))
            if not answer.returns_rows:
                raise UnreadableFile("the statement returns no rows; write a SELECT")
            header = list(answer.keys())
            reading = OpenRoster([normalise_text(name) for name in header], iter(()))
        reading.rows = self._rows(answer, reading)
        return reading

    def _rows(self, answer: Result[tuple[object, ...]], reading: OpenRoster) -> Iterator[RosterRow]:
        sha256 = hashlib.sha256("\x1f".join(reading.columns).encode())
        with _translate_errors(self.name):
            for line, values in enumerate(answer, 1):
                cells = [_cell_text(value) for value in values]
                joined = "\x1f".join(cells)
                if len(joined) > MAX_RECORD_LENGTH:
                    raise UnreadableFile(f"row {line}: more than {MAX_RECORD_LENGTH:,} characters")
                sha256.update(b"\x1e")
                sha256.update(joined.encode("utf-8", "replace"))
                if joined.strip():
                    yield RosterRow(line, cells)
        reading.digest = sha256.hexdigest()


@contextmanager
def _translate_errors(name: str) -> Iterator[None]:
    """Translate errors: lost connections are Unavailable, others are refused with the reason."""
    try:
        yield
    except SQLAlchemyError as error:
        if isinstance(error, DBAPIError) and error.connection_invalidated:
            raise Unavailable(f"{name}: the connection was lost") from error
        raise UnreadableFile(f"{name}: {_error_line(error)}") from error


def _connect(engine: Engine, name: str) -> Connection:
    try:
        return engine.connect().execution_options(yield_per=_FETCH_SIZE)
    except SQLAlchemyError as error:
        # not the driver's message, which can contain the address with its password
        raise Unavailable(f"{name}: the database cannot be reached") from error


def parse_roster_url(url: str) -> URL:
    """Return an address with our driver of PostgreSQL. Raises Misconfigured."""
    try:
        address = make_url(url)
    except ArgumentError as error:
        raise Misconfigured("the roster's database address is not a valid URL") from error
    if address.drivername in _POSTGRESQL:
        return address.set(drivername="postgresql+psycopg")
    return address


def _engine(url: str) -> Engine:
    address = parse_roster_url(url)
    try:
        engine = create_engine(address)
    except (NoSuchModuleError, ImportError) as error:
        raise Misconfigured(
            f"no driver for {address.drivername} is installed; install its package"
        ) from error
    if address.get_backend_name() == "postgresql":
        return engine.execution_options(postgresql_readonly=True)
    return engine


def _cell_text(value: object) -> str:
    """Return a value as text; NULL is an empty cell."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # ids in a numeric column
    return str(value)


def _error_line(error: SQLAlchemyError) -> str:
    cause = getattr(error, "orig", None) or error
    return str(cause).partition("\n")[0]
