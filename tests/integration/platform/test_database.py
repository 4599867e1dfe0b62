"""Tests of connections closed by the server and of statements sent as one batch."""

from collections.abc import Callable

import psycopg
import pytest
from sqlalchemy import text

from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import Unavailable

TERMINATE_OTHER_CONNECTIONS = text(
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
ONE = "SELECT 1"
HANG_UP = "SELECT pg_terminate_backend(pg_backend_pid())"


@pytest.fixture
def end_other_connections(database_url: str) -> Callable[[], None]:
    """Return a function that terminates all other connections to the test's database."""

    def end_all() -> None:
        other = Database.from_url(database_url)
        with other.transaction() as connection:
            connection.execute(TERMINATE_OTHER_CONNECTIONS)
        other.dispose()

    return end_all


def test_a_connection_that_the_server_ended_while_it_was_idle_is_not_used_again(
    database: Database, end_other_connections: Callable[[], None]
) -> None:
    database.server_version()

    end_other_connections()

    assert database.server_version() > 0
    assert database.execute_pipeline([ONE], {}) == (1,)


def test_of_statements_sent_together_all_are_done_or_none(database: Database) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero):
        database.execute_pipeline(
            ["CREATE TABLE kept ()", "SELECT 1 / %(nothing)s", ONE], {"nothing": 0}
        )

    assert database.execute_pipeline(["SELECT to_regclass('kept')"], {}) == (None,)


def test_a_connection_lost_during_a_batch_is_unavailable_and_then_replaced(
    database: Database,
) -> None:
    with pytest.raises(Unavailable):
        database.execute_pipeline([ONE, HANG_UP, ONE], {})

    assert database.execute_pipeline([ONE], {}) == (1,)


@pytest.mark.usefixtures("fresh_database_url")
def test_a_statement_waits_for_a_lock_no_longer_than_the_limit(
    database: Database, database_url: str
) -> None:
    with database.transaction() as connection:
        connection.execute(text("CREATE TABLE locked ()"))
    impatient = Database.from_url(database_url, lock_timeout_seconds=0.01)

    with database.transaction() as connection:
        connection.execute(text("LOCK TABLE locked"))
        with pytest.raises(Unavailable, match="lock timeout"), impatient.transaction() as other:
            other.execute(text("SELECT FROM locked"))
        with pytest.raises(Unavailable, match="lock timeout"):
            impatient.execute_pipeline(["SELECT 1 FROM locked"], {})

    assert impatient.execute_pipeline([ONE], {}) == (1,)
    impatient.dispose()
