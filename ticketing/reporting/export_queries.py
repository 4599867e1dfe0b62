"""Queries for exports, one per kind, streamed; their labels are the CSV columns.

Exports contain no secrets: no ticket tokens, no links to ticket pages, no voucher codes.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Select,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    not_,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by

from ticketing.platform.db.outbox import EXPORT_READY
from ticketing.platform.db.payment_environment import is_of_this_environment
from ticketing.platform.db.tables.catalogue import promos, ticket_types
from ticketing.platform.db.tables.events import events
from ticketing.platform.db.tables.ledger import order_ledger
from ticketing.platform.db.tables.notifications import deliveries
from ticketing.platform.db.tables.operations import audit_log
from ticketing.platform.db.tables.orders import order_lines, orders, promo_redemptions
from ticketing.platform.db.tables.outbox import outbox
from ticketing.platform.db.tables.payments import payment_attempts
from ticketing.platform.db.tables.roster import entitlements, guests
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.platform.db.tables.vouchers import packages, routers, vouchers
from ticketing.platform.export_names import ExportKind
from ticketing.tickets.eligibility_queries import HOLD_REASON
from ticketing.tickets.guest_filter import EVERYBODY, EXTRA_PREFIX, GuestFilter, UnusableFilter
from ticketing.tickets.guest_filter_queries import apply_filter, list_kept_columns
from ticketing.tickets.rehearsal_queries import is_test_ticket
from ticketing.tickets.reports.queries import FETCH_SIZE, PDF_PENDING, last_failure_subquery

EXPORT_MAILED_ACTION = "exports.mail"  # audit action of an export queued for mailing


@contextmanager
def open_sheet(
    connection: Connection,
    event_id: int,
    export: ExportKind,
    wanted: GuestFilter = EVERYBODY,
    *,
    is_over: bool,
) -> Iterator[tuple[Sequence[str], Iterable[Sequence[Any]]]]:
    """Yield the columns, and the rows of the event, which are read during iteration.

    `is_over`: no more tickets are issued. Raises UnusableFilter for a list that is not of guests.
    """
    if wanted.columns and export not in {ExportKind.TICKETS, ExportKind.MISSING}:
        raise UnusableFilter(f"{export} is no list of guests: filter and sort tickets or missing")
    match export:
        case ExportKind.TICKETS:
            listed, last_key = _tickets(event_id), generated_tickets.c.id
            query = _of_guests(connection, event_id, listed, wanted, last_key=last_key)
        case ExportKind.MISSING:
            listed, last_key = _missing(event_id, is_over=is_over), entitlements.c.id
            query = _of_guests(connection, event_id, listed, wanted, last_key=last_key)
        case ExportKind.ORDERS:
            query = _orders(event_id)
        case ExportKind.DELIVERIES:
            query = _deliveries(event_id)
        case ExportKind.VOUCHERS:
            query = _vouchers(event_id)
    # closes the result if the reader stops early
    with connection.execute(query, execution_options={"yield_per": FETCH_SIZE}) as result:
        yield list(result.keys()), result


def list_changed_events(
    connection: Connection, *, since: datetime, between: tuple[datetime, datetime]
) -> list[str]:
    """Return the slugs of events between these two times that changed since `since`."""
    began, ends = between
    has_audit_entry = exists().where(
        audit_log.c.event_id == events.c.id,
        audit_log.c.at >= since,
        # else each day's mail would cause the next one
        audit_log.c.action != EXPORT_MAILED_ACTION,
    )
    has_ledger_entry = exists().where(
        order_ledger.c.event_id == events.c.id, order_ledger.c.at >= since
    )
    has_delivery = exists().where(
        deliveries.c.event_id == events.c.id,
        or_(deliveries.c.queued_at >= since, deliveries.c.completed_at >= since),
        outbox.c.id == deliveries.c.outbox_id,
        outbox.c.purpose != EXPORT_READY,
    )
    query = select(events.c.slug).where(
        events.c.ends_at >= began,
        events.c.starts_at <= ends,
        or_(has_audit_entry, has_ledger_entry, has_delivery),
    )
    return list(connection.execute(query.order_by(events.c.slug)).scalars())


_GUEST_COLUMNS = (
    guests.c.external_id.label("number"),
    guests.c.full_name.label("name"),
    guests.c.email,
    guests.c.phone,
    ticket_types.c.name.label("type"),
    entitlements.c.seat,
)


_GUEST_ATTRIBUTES = (
    guests.c.locale.label("language"),
    guests.c.sales_channel.label("channel"),
    case((is_test_ticket(), "test"), else_="").label("test"),
)


def _of_guests(
    connection: Connection,
    event_id: int,
    query: Select[Any],
    wanted: GuestFilter,
    *,
    last_key: ColumnElement[int],
) -> Select[Any]:
    """Return the filtered query with a column for every kept column of the event's rosters."""
    names = list_kept_columns(connection, event_id)
    extra = (guests.c.extra[name].astext.label(f"{EXTRA_PREFIX}{name}") for name in names)
    matching = apply_filter(connection, event_id, query, wanted, last_key=last_key)
    return matching.add_columns(*extra)


def _tickets(event_id: int) -> Select[Any]:
    tickets = generated_tickets.c
    return (
        select(
            tickets.ticket_code.label("ticket"),
            tickets.state,
            *_GUEST_COLUMNS,
            entitlements.c.source,
            tickets.issued_at.label("issued"),
            tickets.generated_at.label("printed"),
            tickets.revoked_at.label("revoked"),
            tickets.revoked_reason.label("revocation reason"),
            *_GUEST_ATTRIBUTES,
        )
        .select_from(generated_tickets)
        .join(entitlements, entitlements.c.id == tickets.entitlement_id)
        .join(guests, guests.c.id == entitlements.c.guest_id)
        .join(ticket_types, ticket_types.c.id == entitlements.c.ticket_type_id)
        .where(tickets.event_id == event_id)
    )


def _missing(event_id: int, *, is_over: bool) -> Select[Any]:
    live = and_(
        generated_tickets.c.entitlement_id == entitlements.c.id, generated_tickets.c.state == "live"
    )
    has_ticket = generated_tickets.c.id.is_not(None)
    # the same reasons in the same order as `to_report_entry`
    without_ticket = case(
        (literal(is_over), "event is over"),
        (
            HOLD_REASON.is_not(None),
            literal("on hold: ") + HOLD_REASON,
        ),
        else_="no ticket issued yet",
    )
    reason = case(
        (has_ticket, func.coalesce(generated_tickets.c.render_error, PDF_PENDING)),
        else_=func.coalesce(last_failure_subquery(event_id), without_ticket),
    )
    pdf_made = and_(
        generated_tickets.c.render_error.is_(None),
        or_(
            generated_tickets.c.pdf_file_path.is_not(None),
            generated_tickets.c.pdf_removed_at.is_not(None),
        ),
    )
    return (
        select(*_GUEST_COLUMNS, entitlements.c.source, reason.label("reason"), *_GUEST_ATTRIBUTES)
        .select_from(entitlements)
        .join(guests, guests.c.id == entitlements.c.guest_id)
        .join(ticket_types, ticket_types.c.id == entitlements.c.ticket_type_id)
        .outerjoin(generated_tickets, live)
        .where(
            entitlements.c.event_id == event_id,
            entitlements.c.state == "entitled",
            not_(and_(has_ticket, pdf_made)),
        )
    )


def _orders(event_id: int) -> Select[Any]:
    quantity_and_name = func.concat(order_lines.c.quantity, "x ", ticket_types.c.name)
    bought = (
        select(
            func.string_agg(quantity_and_name, aggregate_order_by(literal(", "), order_lines.c.id))
        )
        .join(ticket_types, ticket_types.c.id == order_lines.c.ticket_type_id)
        .where(order_lines.c.order_id == orders.c.id)
        .correlate(orders)
        .scalar_subquery()
    )
    return (
        select(
            orders.c.code.label("order"),
            orders.c.state,
            orders.c.buyer_name.label("name"),
            orders.c.buyer_email.label("email"),
            orders.c.buyer_phone.label("phone"),
            bought.label("places"),
            orders.c.subtotal,
            orders.c.discount,
            promos.c.code.label("promo"),
            orders.c.total,
            orders.c.refunded,
            payment_attempts.c.payment_type.label("paid by"),
            orders.c.created_at.label("placed"),
            orders.c.expires_at.label("expires"),
            orders.c.paid_at.label("paid"),
            orders.c.closed_at.label("closed"),
            orders.c.accepted_difference.label("accepted difference"),
        )
        .outerjoin(payment_attempts, payment_attempts.c.id == orders.c.paid_attempt_id)
        .outerjoin(promo_redemptions, promo_redemptions.c.order_id == orders.c.id)
        .outerjoin(promos, promos.c.id == promo_redemptions.c.promo_id)
        .where(orders.c.event_id == event_id, is_of_this_environment())
        .order_by(orders.c.id)
    )


def _deliveries(event_id: int) -> Select[Any]:
    return (
        select(
            deliveries.c.id.label("delivery"),
            outbox.c.purpose,
            outbox.c.subject,
            deliveries.c.channel,
            deliveries.c.address,
            deliveries.c.state,
            deliveries.c.attempt_count.label("attempts"),
            deliveries.c.queued_at.label("queued"),
            deliveries.c.next_attempt_at.label("next attempt"),
            deliveries.c.completed_at.label("ended"),
            deliveries.c.last_error.label("last error"),
        )
        .join(outbox, outbox.c.id == deliveries.c.outbox_id)
        .where(deliveries.c.event_id == event_id)
        .order_by(deliveries.c.id)
    )


def _vouchers(event_id: int) -> Select[Any]:
    return (
        select(
            orders.c.code.label("order"),
            vouchers.c.number,
            orders.c.buyer_name.label("name"),
            orders.c.buyer_phone.label("phone"),
            packages.c.code.label("package"),
            order_lines.c.price,
            routers.c.name.label("router"),
            vouchers.c.state,
            vouchers.c.sold_at.label("sold"),
            vouchers.c.activated_at.label("on the router"),
            vouchers.c.first_used_at.label("first used"),
            vouchers.c.expires_at.label("ends"),
            vouchers.c.removed_at.label("gone"),
            vouchers.c.revoked_reason.label("removal reason"),
            cast(func.extract("epoch", vouchers.c.online_time), Integer).label("seconds online"),
            vouchers.c.bytes_used.label("bytes"),
        )
        .select_from(orders)
        .join(order_lines, order_lines.c.order_id == orders.c.id)
        .join(vouchers, vouchers.c.order_line_id == order_lines.c.id)
        .join(packages, packages.c.ticket_type_id == vouchers.c.ticket_type_id)
        .join(routers, routers.c.id == vouchers.c.router_id)
        .where(orders.c.event_id == event_id)
        .order_by(orders.c.id, order_lines.c.id, vouchers.c.number)
    )
