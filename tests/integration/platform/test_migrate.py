"""The baseline migration, and databases with the layout from before it."""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Connection, text

from tests.plugins.databases import DatabaseFactory
from ticketing.platform.db import migrate
from ticketing.platform.db.database import Database
from ticketing.platform.db.migrate import OldLayout, SchemaState
from ticketing.platform.db.schema import metadata

OLD_VERSION = """
CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY);
INSERT INTO alembic_version VALUES ('0012');
"""
OLD_TABLES = """
CREATE TABLE people (id bigint PRIMARY KEY, full_name text NOT NULL);
CREATE TABLE attendees (id bigint PRIMARY KEY, person_id bigint REFERENCES people);
INSERT INTO people VALUES (1, 'Siti Aminah');
INSERT INTO attendees VALUES (1, 1);
"""
# every object of the schema `public`, with the definitions of constraints
OBJECTS = text(
    """
SELECT 'relation', relname, relkind::text, '' FROM pg_class
    WHERE relnamespace = 'public'::regnamespace
UNION ALL
SELECT 'constraint', conname, conrelid::regclass::text, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 't'
UNION ALL
SELECT 'index', indexname, tablename, indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL
SELECT 'column', column_name, table_name, concat_ws(
        ' ', data_type, is_nullable, is_identity,
        regexp_replace(column_default, '''(\\d+)''::\\w+', '\\1')  -- '0'::bigint is 0
    )
    FROM information_schema.columns WHERE table_schema = 'public'
    """
)
NOT_IN_METADATA = ("alembic_version", "voucher_delivery_logs")


@pytest.fixture
def empty_database(database_factory: DatabaseFactory) -> Iterator[Database]:
    """Create a database without tables."""
    admin = database_factory.connect("postgres")
    admin.execute("CREATE DATABASE without_tables")
    database = Database.from_url(database_factory.url("without_tables"))
    yield database
    database.dispose()
    admin.execute("DROP DATABASE without_tables WITH (FORCE)")
    admin.close()


@pytest.fixture
def execute(empty_database: Database) -> Callable[[str], None]:
    """Return a function that runs statements in the empty database."""

    def run(statements: str) -> None:
        with empty_database.transaction() as connection:
            connection.exec_driver_sql(statements)

    return run


def describe(connection: Connection) -> set[tuple[str, ...]]:
    """Return the objects of the schema as text."""
    return {
        tuple(row)
        for row in connection.execute(OBJECTS)
        if not any(name.startswith(NOT_IN_METADATA) for name in row[1:3])
        and not row[1].startswith("pk_alembic")
    }


def test_the_migrations_create_exactly_the_tables_of_the_metadata(
    database: Database, empty_database: Database
) -> None:
    with empty_database.transaction() as connection:
        metadata.create_all(connection)
        expected = describe(connection)
    with database.transaction() as connection:
        migrated = describe(connection)

    assert migrated == expected
    migrate.check(database)


def test_migrating_twice_changes_nothing(empty_database: Database) -> None:
    before = migrate.get_schema_state(empty_database)
    migrate.upgrade(empty_database)
    with empty_database.transaction() as connection:
        first = describe(connection)

    migrate.upgrade(empty_database)

    assert (before, migrate.get_schema_state(empty_database)) == (
        SchemaState.EMPTY,
        SchemaState.CURRENT,
    )
    with empty_database.transaction() as connection:
        assert describe(connection) == first


@pytest.mark.parametrize(
    "layout", [OLD_VERSION, OLD_TABLES, OLD_VERSION + OLD_TABLES], ids=["version", "tables", "both"]
)
@pytest.mark.parametrize("use", [migrate.upgrade, migrate.is_current, migrate.get_schema_state])
def test_the_old_layout_is_refused_and_not_changed(
    empty_database: Database,
    execute: Callable[[str], None],
    layout: str,
    use: Callable[[Database], object],
) -> None:
    execute(layout)
    with empty_database.transaction() as connection:
        before = describe(connection)

    with pytest.raises(OldLayout, match=r"Export its data .* \(TICKETING_DATA\)"):
        use(empty_database)

    with empty_database.transaction() as connection:
        assert describe(connection) == before
        assert "alembic_version" in layout or not connection.dialect.has_table(
            connection, "alembic_version"
        )


def test_a_table_called_people_alone_is_not_the_old_layout(
    empty_database: Database, execute: Callable[[str], None]
) -> None:
    execute("CREATE TABLE people (id bigint)")

    migrate.upgrade(empty_database)

    assert migrate.is_current(empty_database)
