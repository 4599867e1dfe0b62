"""The reused database of a test worker is reset completely after each test."""

from collections.abc import Iterator

import psycopg
import pytest

from tests.plugins.databases import DatabaseFactory, ReusedDatabase

EVENT = (
    "INSERT INTO events (slug, name, starts_at, ends_at, time_zone, locale, venue, region)"
    " VALUES ('a', 'A', now(), now() + interval '1 hour', 'UTC', 'id', 'Aula', 'ID') RETURNING id"
)


@pytest.fixture
def reused(database_factory: DatabaseFactory) -> Iterator[ReusedDatabase]:
    """Create a reused database for this test only."""
    database = ReusedDatabase(database_factory)
    yield database
    database.drop()


def connect(database: ReusedDatabase) -> psycopg.Connection:
    return psycopg.connect(database.url.replace("+psycopg", ""), autocommit=True)


def rows_and_next_id(database: ReusedDatabase) -> tuple[object, object]:
    with connect(database) as session:
        rows = session.execute("SELECT count(*) FROM events").fetchone()
        return rows, session.execute(EVENT).fetchone()


def test_rows_are_deleted_and_ids_begin_again_in_the_same_database(
    reused: ReusedDatabase,
) -> None:
    before = reused.url, rows_and_next_id(reused)

    reused.reset()

    assert (reused.url, rows_and_next_id(reused)) == before


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE events RENAME TO elsewhere",
        "ALTER TABLE events ADD COLUMN more text",
        "ALTER TABLE ticket_types DROP CONSTRAINT ck_ticket_types_stock",
        "CREATE TABLE more ()",
        "CREATE TABLE staging.more ()",
        (
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;"
            "CREATE TRIGGER t BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION f()"
        ),
    ],
)
def test_a_changed_schema_is_replaced(reused: ReusedDatabase, change: str) -> None:
    before = reused.url
    with connect(reused) as session:
        session.execute(change)

    reused.reset()

    assert reused.url != before
    assert rows_and_next_id(reused) == ((0,), (1,))


def test_a_transaction_that_was_left_open_is_ended(reused: ReusedDatabase) -> None:
    left = connect(reused)
    left.execute("BEGIN")
    left.execute(EVENT)

    reused.reset()

    with pytest.raises(psycopg.OperationalError):
        left.execute("COMMIT")
    assert rows_and_next_id(reused) == ((0,), (1,))


def test_a_cut_connection_of_its_own_is_survived(reused: ReusedDatabase) -> None:
    with connect(reused) as session:
        session.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    reused.reset()

    assert rows_and_next_id(reused) == ((0,), (1,))
