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
# a roster person and two buyers who share one guest, as orders were stored before revision 0002
SHARED_GUESTS = """
INSERT INTO events (slug, name, starts_at, ends_at, time_zone, locale, venue, region)
    VALUES ('gala', 'Gala', '2026-12-12', '2026-12-13', 'Asia/Jakarta', 'id', 'Aula', 'ID');
INSERT INTO ticket_types (event_id, name, price) VALUES (1, 'VIP', 0);
INSERT INTO guests (event_id, natural_key, full_name, email) VALUES
    (1, 'email:a@example.org', 'Roster Person', 'a@example.org'),
    (1, 'email:b@example.org', 'Budi', 'b@example.org');
INSERT INTO entitlements (event_id, guest_id, ticket_type_id, source)
    VALUES (1, 1, 1, 'roster'), (1, 1, 1, 'order'), (1, 2, 1, 'order'), (1, 2, 1, 'order');
INSERT INTO orders (event_id, code, token_hash, state, buyer_key, buyer_name, created_at,
        expires_at)
    SELECT 1, 'ORD-' || n, sha256(n::text::bytea), 'paid', key, name, now(), now()
    FROM (VALUES (1, 'email:a@example.org', 'Ayu'), (2, 'email:b@example.org', 'Budi'))
        AS buyer (n, key, name);
INSERT INTO order_lines (order_id, ticket_type_id, quantity, price)
    VALUES (1, 1, 1, 0), (2, 1, 2, 0);
INSERT INTO order_positions (order_line_id, number, entitlement_id)
    VALUES (1, 1, 2), (2, 1, 3), (2, 2, 4);
INSERT INTO batches (batch_key, event_id, template_id, requested_by, started_at)
    VALUES ('b', 1, 'classic', 'test', now());
INSERT INTO generated_tickets (event_id, entitlement_id, guest_id, job_id, ticket_code, token_id,
        qr_code_data, key_generation, valid_from, valid_until, template_id, issued_at,
        generated_at, pdf_file_path)
    SELECT 1, id, guest_id, 1, 'T' || id, decode(lpad(id::text, 20, '0'), 'hex'), 'Q' || id, 1,
        now(), now(), 'classic', now(), now(), id || '.pdf'
    FROM entitlements;
"""
# orders from before revision 0019, told apart by the host of their newest checkout session
SOLD_ORDERS = """
INSERT INTO events (slug, name, starts_at, ends_at, time_zone, locale, venue, region)
    VALUES ('gala', 'Gala', '2026-12-12', '2026-12-13', 'Asia/Jakarta', 'id', 'Aula', 'ID');
INSERT INTO orders (event_id, code, token_hash, created_at, expires_at)
    SELECT 1, 'ORD-' || n, sha256(n::text::bytea), now(), now() FROM generate_series(1, 4) AS n;
INSERT INTO payment_attempts (order_id, number, key, checkout_url, created_at, updated_at)
    SELECT order_id, number, concat('ORD-', order_id, '-', number), url, now(), now() FROM (VALUES
        (1, 1, 'https://app.sandbox.midtrans.com/snap/v4/redirection/a'),
        (1, 2, 'https://app.midtrans.com/snap/v4/redirection/b'),
        (2, 1, 'https://app.sandbox.midtrans.com/snap/v4/redirection/c'),
        (3, 1, 'http://127.0.0.1:8788/pay/d')
    ) AS paid (order_id, number, url);
INSERT INTO order_idempotency_keys (order_id, key, created_at) VALUES (4, 'box office', now());
INSERT INTO order_review_flags (order_id, flag, message, raised_at) VALUES
    (1, 'paid_late', 'ORD-1-2: paid after the deadline', now()),
    (2, 'refund_failed', 'ORD-2-1-R1: denied', now());
"""
WAITING_ENTRIES = """
INSERT INTO ticket_types (event_id, name) VALUES (1, 'Regular');
INSERT INTO waiting_list_entries (
    event_id, ticket_type_id, quantity, buyer_key, buyer_name, buyer_email, buyer_phone, joined_at,
    order_id
)
    SELECT 1, 1, 1, n::text, 'Ani', '', '', now(), nullif(n, 5) FROM generate_series(1, 5) AS n;
"""
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


def test_places_that_shared_a_guest_get_one_each_in_the_buyers_name(
    empty_database: Database, execute: Callable[[str], None]
) -> None:
    migrate.upgrade(empty_database, revision="0001_baseline")
    execute(SHARED_GUESTS)

    migrate.upgrade(empty_database)

    with empty_database.transaction() as connection:
        holders = connection.execute(
            text(
                "SELECT ticket_code, natural_key, full_name, pdf_file_path FROM generated_tickets t"
                " JOIN guests g ON g.id = t.guest_id ORDER BY ticket_code"
            )
        ).all()
        assert connection.scalar(text("SELECT count(*) FROM guests")) == len(holders)
    assert holders == [
        ("T1", "email:a@example.org", "Roster Person", "1.pdf"),
        ("T2", "order:ORD-1/1/1", "Ayu", None),  # its PDF has the name of the roster person
        ("T3", "order:ORD-2/1/1", "Budi", "3.pdf"),
        ("T4", "order:ORD-2/1/2", "Budi", "4.pdf"),
    ]


def test_orders_of_before_get_environment_and_place_of_sale_flags_a_payment_entries_an_environment(
    empty_database: Database, database_factory: DatabaseFactory, execute: Callable[[str], None]
) -> None:
    migrate.upgrade(empty_database, revision="0017_hold_limits")
    execute(SOLD_ORDERS)
    url = database_factory.url("without_tables")
    migrating = Database.from_url(url, environment="sandbox")  # of orders without a session

    migrate.upgrade(migrating, revision="0021_campaign_rules")
    execute(WAITING_ENTRIES)
    migrate.upgrade(migrating)

    found = ["production", "sandbox", "simulator", "sandbox"]
    with migrating.transaction() as connection:
        placed = connection.execute(text("SELECT environment FROM orders ORDER BY id"))
        assert list(placed.scalars()) == found
        joined = connection.execute(
            text("SELECT environment FROM waiting_list_entries ORDER BY id")
        )
        assert list(joined.scalars()) == [*found, "sandbox"]
        sold_by_operator = connection.execute(text("SELECT id FROM orders WHERE at_box_office"))
        assert list(sold_by_operator.scalars()) == [4]
        flagged = connection.execute(
            text(
                "SELECT flag, key FROM order_review_flags f"
                " LEFT JOIN payment_attempts a ON a.id = f.attempt_id ORDER BY flag"
            )
        )
        assert list(flagged) == [("paid_late", "ORD-1-2"), ("refund_failed", None)]
    migrating.dispose()
