"""Run the queries of a mapping file in the billing system's database, read-only."""

from collections.abc import Generator
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from ticketing.billing.sources.contract import FailureClass
from ticketing.billing.sources.http.classify import RequestFailed
from ticketing.platform.kernel.errors import Misconfigured

ViewRows = list[dict[str, object]]
_FETCH_SIZE = 1000
_MAX_ROWS = 10_000  # of one student
_PERMISSION, _TIMEOUT = "42501", "57014"


def open_engine(url: str, connections: int, seconds: float) -> Engine:
    """Return an engine whose transactions only read; in PostgreSQL a statement ends in time."""
    try:
        address = make_url(url)
        if address.drivername in {"postgres", "postgresql"}:
            address = address.set(drivername="postgresql+psycopg")
        is_postgresql = address.get_backend_name() == "postgresql"
        arguments = {"options": f"-c statement_timeout={int(seconds * 1000)}"}
        engine = create_engine(
            address,
            pool_size=connections,
            max_overflow=0,
            connect_args=arguments if is_postgresql else {},
        )
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise Misconfigured(
            "BILLING_DATABASE_URL is no address of a database with an installed driver"
        ) from error
    return engine.execution_options(postgresql_readonly=True) if is_postgresql else engine


def address_without_secret(url: str) -> str:
    """Return the address without its password, which must not be part of a stored version."""
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError as error:
        raise Misconfigured("BILLING_DATABASE_URL is no address of a database") from error


def stream_rows(engine: Engine, sql: str) -> Generator[ViewRows, None, None]:
    """Yield the rows in parts through a cursor of the server. Raises RequestFailed."""
    try:
        with engine.connect().execution_options(yield_per=_FETCH_SIZE) as connection:
            for part in connection.execute(text(sql)).mappings().partitions():
                yield [_plain(row) for row in part]
    except SQLAlchemyError as error:
        raise failed_query(error) from error


def read_rows(engine: Engine, sql: str, student: str) -> ViewRows:
    """Return the rows of one student. Raises RequestFailed."""
    try:
        with engine.connect() as connection:
            found = connection.execute(text(sql), {"student": student}).mappings()
            rows = [_plain(row) for row in found.fetchmany(_MAX_ROWS + 1)]
    except SQLAlchemyError as error:
        raise failed_query(error) from error
    if len(rows) > _MAX_ROWS:
        text_ = f"more than {_MAX_ROWS} rows of one student: the query must use :student"
        raise RequestFailed(FailureClass.SOURCE_CONFIG, text_, stops_run=True)
    return rows


def failed_query(error: SQLAlchemyError) -> RequestFailed:
    """Return the class of a failed query; the driver's text may hold the password."""
    cause = getattr(error, "orig", None)
    state = getattr(cause, "sqlstate", None)
    if state == _TIMEOUT:
        return RequestFailed(FailureClass.TIMEOUT, "the query took longer than the deadline")
    if state == _PERMISSION:
        return RequestFailed(FailureClass.REFUSED, "the user may not read the view", stops_run=True)
    if state is None and isinstance(error, DBAPIError) and _is_connection(error):
        return RequestFailed(FailureClass.UNAVAILABLE, "the database cannot be reached")
    name = state or type(cause or error).__name__
    message = f"the query is refused ({name}): correct it in the mapping file"
    return RequestFailed(FailureClass.SOURCE_CONFIG, message, stops_run=True)


def _is_connection(error: DBAPIError) -> bool:
    return error.connection_invalidated or error.statement is None


def _plain(row: object) -> dict[str, object]:
    return {str(name): _value(value) for name, value in dict(row).items()}  # type: ignore[call-overload]


def _value(value: object) -> object:
    """Return a value of JSON; amounts stay exact and dates are written as ISO."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, float):
        return repr(value)
    return value if value is None or isinstance(value, bool | int | str) else str(value)
