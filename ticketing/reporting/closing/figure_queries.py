"""Queries for the figures of a closing report, all of one event."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Table, case, func, select

from ticketing.platform.db.inbox import InboxOutcome
from ticketing.platform.db.payment_environment import CURRENT_ENVIRONMENT, is_of_this_environment
from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.inbound_webhooks import inbound_webhooks
from ticketing.platform.db.tables.ledger import order_ledger
from ticketing.platform.db.tables.notifications import deliveries
from ticketing.platform.db.tables.operations import audit_log
from ticketing.platform.db.tables.orders import orders
from ticketing.platform.db.tables.payments import payment_attempts
from ticketing.platform.db.tables.refunds import refunds
from ticketing.platform.db.tables.roster import entitlements, import_rejected_rows
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.platform.db.tables.vouchers import vouchers
from ticketing.selling.ledger.model import LedgerEntryKind

ROWS_AT_ONCE = 2000
_LEDGER = order_ledger.c["id", "kind", "at", "actor", "subject", "sale", "money", "details"]
_AUDIT_LOG = audit_log.c["id", "at", "actor", "action", "subject", "items", "details"]


def _count_by(
    connection: Connection, column: ColumnElement[str], *conditions: ColumnElement[bool]
) -> dict[str, int]:
    query = select(column, func.count()).where(*conditions).group_by(column).order_by(column)
    return {str(name): int(number) for name, number in connection.execute(query)}


def get_environment(connection: Connection) -> str:
    """Return the payment environment; orders and money of others are left out."""
    return connection.execute(select(CURRENT_ENVIRONMENT)).scalar_one()


def count_orders(connection: Connection, event_id: int) -> dict[str, int]:
    """Count the orders of this payment environment by state."""
    of_event = orders.c.event_id == event_id
    return _count_by(connection, orders.c.state, of_event, is_of_this_environment())


def list_stock(connection: Connection, event_id: int) -> list[dict[str, object]]:
    """Return name, price, capacity, pending and sold places of the ticket types."""
    query = (
        select(*ticket_types.c["name", "price", "capacity", "pending", "sold"])
        .where(ticket_types.c.event_id == event_id)
        .order_by(ticket_types.c.id)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def count_tickets(connection: Connection, event_id: int) -> dict[str, int]:
    """Count live, revoked, delivered and failed tickets."""
    live = generated_tickets.c.state == "live"
    counts = {
        "live": live,
        "revoked": ~live,
        "live_and_delivered": live & generated_tickets.c.delivered_at.is_not(None),
        "live_without_document": live & generated_tickets.c.render_error.is_not(None),
    }
    query = select(*(func.count().filter(one).label(name) for name, one in counts.items()))
    row = connection.execute(query.where(generated_tickets.c.event_id == event_id)).mappings()
    return {name: int(number) for name, number in row.one().items()}


def count_vouchers(connection: Connection, event_id: int) -> dict[str, int]:
    """Count the sold vouchers by state."""
    of_event = select(ticket_types.c.id).where(ticket_types.c.event_id == event_id)
    sold = (vouchers.c.ticket_type_id.in_(of_event), vouchers.c.order_line_id.is_not(None))
    return _count_by(connection, vouchers.c.state, *sold)


def list_money_by_means(connection: Connection, event_id: int) -> list[dict[str, object]]:
    """Return payments, received and returned amounts by account and means of payment.

    The account is where the money is: at the gateway, in cash, at the bank.
    """
    money, is_captured = order_ledger.c.money, order_ledger.c.kind == LedgerEntryKind.CAPTURED
    account, means = payment_attempts.c.means, payment_attempts.c.payment_type
    query = (
        select(
            account.label("account"),
            means.label("means"),
            func.count().filter(is_captured).label("payments"),
            func.sum(case((is_captured, money), else_=0)).label("received"),
            func.sum(case((is_captured, 0), else_=-money)).label("returned"),
            func.sum(money).label("left"),
        )
        .join(payment_attempts, payment_attempts.c.id == order_ledger.c.attempt_id)
        .join(orders, orders.c.id == order_ledger.c.order_id)
        .where(order_ledger.c.event_id == event_id, is_of_this_environment())
        .group_by(account, means)
        .order_by(account, means)
    )
    return [_to_integers(row) for row in connection.execute(query).mappings()]


def _to_integers(row: Any) -> dict[str, object]:  # noqa: ANN401 - a row of any query
    return {name: value if isinstance(value, str) else int(value) for name, value in row.items()}


def count_deliveries(connection: Connection, event_id: int) -> dict[str, int]:
    """Count the deliveries by channel and state, as `mail sent`."""
    name = deliveries.c.channel + " " + deliveries.c.state
    return _count_by(connection, name, deliveries.c.event_id == event_id)


def count_failed_deliveries(connection: Connection, event_id: int) -> int:
    """Count the deliveries that failed and that staff have not cancelled."""
    query = select(func.count()).where(
        deliveries.c.event_id == event_id,
        deliveries.c.state == "failed",
        deliveries.c.cancelled_at.is_(None),
    )
    return connection.execute(query).scalar_one()


def count_open_refunds(connection: Connection, event_id: int) -> dict[str, int]:
    """Count the refunds that are not completed by state."""
    of_event = refunds.c.order_id.in_(select(orders.c.id).where(orders.c.event_id == event_id))
    return _count_by(connection, refunds.c.state, of_event, refunds.c.completed_at.is_(None))


def count_unsettled_notifications(connection: Connection, event_id: int) -> dict[str, int]:
    """Count the quarantined and the waiting notifications about payments of the event."""
    keys = (
        select(payment_attempts.c.key)
        .join(orders, orders.c.id == payment_attempts.c.order_id)
        .where(orders.c.event_id == event_id)
    )
    state = case((inbound_webhooks.c.outcome == "", "waiting"), else_=inbound_webhooks.c.outcome)
    return _count_by(
        connection,
        state,
        inbound_webhooks.c.outcome.in_(("", InboxOutcome.QUARANTINED)),
        inbound_webhooks.c.external_reference.in_(keys),
    )


def count_rejected_rows(connection: Connection, event_id: int) -> int:
    """Count the rejected rows of all imports."""
    query = select(func.count()).where(import_rejected_rows.c.event_id == event_id)
    return connection.execute(query).scalar_one()


def count_undecided_duplicates(connection: Connection, event_id: int) -> int:
    """Count the guests who may be the same person as another one."""
    undecided = (entitlements.c.event_id == event_id, entitlements.c.duplicate_of.is_not(None))
    return connection.execute(select(func.count()).where(*undecided)).scalar_one()


def iter_ledger(
    connection: Connection, event_id: int, *, until: int | None
) -> Iterator[list[object]]:
    """Yield the ledger entries by id, up to `until` if given, streamed."""
    query = select(*_LEDGER).where(order_ledger.c.event_id == event_id)
    return _stream(connection, query, order_ledger, until)


def iter_audit_log(
    connection: Connection, event_id: int, *, until: int | None
) -> Iterator[list[object]]:
    """Yield the entries of the audit log by id, up to `until` if given, streamed."""
    query = select(*_AUDIT_LOG).where(audit_log.c.event_id == event_id)
    return _stream(connection, query, audit_log, until)


def _stream(
    connection: Connection, query: Select[*tuple[Any, ...]], table: Table, until: int | None
) -> Iterator[list[object]]:
    bounded = query if until is None else query.where(table.c.id <= until)
    options = {"yield_per": ROWS_AT_ONCE}
    for row in connection.execute(bounded.order_by(table.c.id), execution_options=options):
        yield [_to_text(value) for value in row]


def _to_text(value: object) -> object:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
