"""Find rows that name a person in a text, and store the texts without it.

PostgreSQL finds the rows; what replaces a name is decided in `scrub.py`.
"""

from collections.abc import Callable, Collection
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, select, update

from ticketing.people_data.records_queries import RecordSet, matches_pattern, text_columns
from ticketing.people_data.scrub import reduce_notification, scrub_body, scrub_json, scrub_text
from ticketing.platform.db.columns import metadata
from ticketing.platform.db.tables.access import idempotency_keys
from ticketing.platform.db.tables.inbound_webhooks import inbound_webhooks
from ticketing.platform.db.tables.roster import import_requests, imports

# tables of the organiser, not of guests and buyers; the ledger has ids and amounts only
_NOT_SEARCHED = frozenset({
    "api_keys", "campaign_rules", "channel_circuit_breakers", "event_keys", "events",
    "order_ledger", "packages", "payment_plans", "promos", "request_counts", "request_rates",
    "routers", "sessions",
    "sign_in_throttles", "ticket_templates", "ticket_types", "users", "webhook_endpoints",
})  # fmt: skip
# in a person's own rows, texts that people and programs write; others hold states and codes
_FREE_TEXTS = frozenset({
    "message", "details", "reason", "payload", "last_error", "render_error", "revoked_reason",
    "hold_reason", "gateway_message", "subject", "response_excerpt",
})  # fmt: skip
_FIXED = frozenset({"actor", "action", "natural_key"})  # entries of the audit log keep who and what


def scrub_own_rows(connection: Connection, records: RecordSet, pattern: str) -> None:
    """Scrub the texts of a person's own rows, where its names are replaced as well."""
    names = {column.name for column in records.table.c} & _FREE_TEXTS
    _scrub(connection, records.table, records.condition, names, pattern)
    if records.table is inbound_webhooks:
        _replace_bytes(connection, records, "body", reduce_notification)
    if records.table is idempotency_keys:
        _replace_bytes(connection, records, "response_body", lambda body: scrub_body(body, pattern))


def scrub_import_results(connection: Connection, event_ids: Collection[int], pattern: str) -> None:
    """Scrub the warnings and results of imports, which list rows of several people."""
    for table, name in ((imports, "warnings"), (import_requests, "result")):
        of_events = and_(table.c.event_id.in_(event_ids), matches_pattern(table, pattern))
        _scrub(connection, table, of_events, {name}, pattern)


def scrub_everywhere(connection: Connection, pattern: str) -> None:
    """Scrub the contacts of a person wherever else they stand; no row is left out by its table."""
    for table in metadata.sorted_tables:
        if table.name in _NOT_SEARCHED:
            continue
        names = {column.name for column in text_columns(table)} - _FIXED
        _scrub(connection, table, matches_pattern(table, pattern), names, pattern)


def _scrub(
    connection: Connection,
    table: Table,
    condition: ColumnElement[bool],
    names: Collection[str],
    pattern: str,
) -> None:
    if not names or not pattern:
        return
    columns = [table.c[name] for name in sorted(names)]
    for row in connection.execute(select(*table.primary_key, *columns).where(condition)).mappings():
        changed = {
            name: new
            for name in names
            if row[name] is not None and (new := _scrubbed(row[name], pattern)) != row[name]
        }
        if changed:
            connection.execute(update(table).where(_is_row(table, row)).values(changed))


def _scrubbed(value: object, pattern: str) -> object:
    return scrub_text(value, pattern) if isinstance(value, str) else scrub_json(value, pattern)


def _replace_bytes(
    connection: Connection, records: RecordSet, name: str, replace: Callable[[bytes], bytes]
) -> None:
    table = records.table
    query = select(*table.primary_key, table.c[name]).where(records.condition)
    for row in connection.execute(query).mappings().all():
        new = replace(bytes(row[name]))
        connection.execute(update(table).where(_is_row(table, row)).values({name: new}))


def _is_row(table: Table, row: Any) -> ColumnElement[bool]:  # noqa: ANN401 - a RowMapping
    return and_(*(column == row[column.name] for column in table.primary_key))
