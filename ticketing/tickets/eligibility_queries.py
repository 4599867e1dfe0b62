"""Status of entitlements, and the people without a ticket, from the database.

A person is entitled by the roster or a paid order, and eligible unless on hold or after the event.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
    RowMapping,
    Select,
    and_,
    any_,
    case,
    func,
    literal,
    select,
)
from sqlalchemy.sql.selectable import Join

from ticketing.platform.db.columns import columns_of
from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.roster import entitlements, guests, import_rejected_rows, imports
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.tickets.eligibility import (
    EligibilityCounts,
    Entitlement,
    EntitlementStatus,
    RejectedImportRow,
)
from ticketing.tickets.guest_filter import EVERYBODY, GuestFilter
from ticketing.tickets.guest_filter_queries import apply_filter, filter_rows
from ticketing.tickets.model import TicketState

_LIVE_TICKET = and_(
    generated_tickets.c.entitlement_id == entitlements.c.id,
    generated_tickets.c.state == TicketState.LIVE,
)
PDF_FAILED = "has ticket, its PDF failed"
ID_ARRAY = ARRAY(BigInteger)  # many ids as one parameter; with IN every id would be parsed
_ENTITLED = entitlements.c.state == "entitled"
ELIGIBLE = and_(
    _ENTITLED, entitlements.c.hold_reason.is_(None), entitlements.c.payment_hold.is_(None)
)
# all reasons of a hold as one text; null without one
HOLD_REASON = func.nullif(
    func.concat_ws("; ", entitlements.c.hold_reason, entitlements.c.payment_hold), ""
)


def eligible_without_ticket(event_id: int) -> ColumnElement[bool]:
    """Return the condition on entitlements without a ticket, for an event that is not over.

    It uses a subquery, because with NOT EXISTS the planner hashes every ticket for each chunk of
    people, and a long run gets slower with every chunk.
    """
    live = select(generated_tickets.c.id).where(_LIVE_TICKET).scalar_subquery()
    return and_(entitlements.c.event_id == event_id, ELIGIBLE, live.is_(None))


def _status_column(*, event_over: bool) -> ColumnElement[str]:
    too_late = literal(event_over)
    return case(
        (entitlements.c.state == "withdrawn", EntitlementStatus.WITHDRAWN.value),
        (generated_tickets.c.id.is_not(None), EntitlementStatus.HAS_TICKET.value),
        (too_late, EntitlementStatus.EVENT_OVER.value),
        (~ELIGIBLE, EntitlementStatus.ON_HOLD.value),
        else_=EntitlementStatus.MISSING.value,
    ).label("status")


def _join_live_tickets() -> Join:
    return entitlements.outerjoin(generated_tickets, _LIVE_TICKET)


def _join_guests(source: FromClause) -> Join:
    with_guests = source.join(guests, guests.c.id == entitlements.c.guest_id)
    return with_guests.join(ticket_types, ticket_types.c.id == entitlements.c.ticket_type_id)


def _select_entitlements(event_id: int, *, event_over: bool) -> Select[Any]:
    return (
        select(
            entitlements.c.id.label("entitlement_id"),
            guests.c.id.label("guest_id"),
            *guests.c["external_id", "first_name", "last_name", "full_name", "email", "phone"],
            ticket_types.c.name.label("ticket_type"),
            entitlements.c.seat,
            _status_column(event_over=event_over),
            HOLD_REASON.label("hold_reason"),
            generated_tickets.c.ticket_code,
            generated_tickets.c.render_error,
        )
        .select_from(_join_guests(_join_live_tickets()))
        .where(entitlements.c.event_id == event_id)
    )


def _entitlement_from_row(row: RowMapping) -> Entitlement:
    return Entitlement(**{**row, "status": EntitlementStatus(row["status"])})


def list_missing(
    connection: Connection,
    event_id: int,
    wanted: GuestFilter = EVERYBODY,
    *,
    limit: int | None = None,
    offset: int = 0,
) -> list[Entitlement]:
    """Return the eligible people without a live ticket, by default in the order of entry."""
    query = _select_entitlements(event_id, event_over=False).where(
        ELIGIBLE, generated_tickets.c.id.is_(None)
    )
    query = apply_filter(connection, event_id, query, wanted, last_key=entitlements.c.id)
    rows = connection.execute(query.limit(limit).offset(offset)).mappings()
    return [_entitlement_from_row(row) for row in rows]


def count_missing(connection: Connection, event_id: int, wanted: GuestFilter = EVERYBODY) -> int:
    """Return the number of eligible people without a live ticket."""
    everybody = _join_live_tickets()
    query = (
        select(func.count())
        .select_from(_join_guests(everybody) if wanted.where else everybody)
        .where(entitlements.c.event_id == event_id, ELIGIBLE, generated_tickets.c.id.is_(None))
    )
    matching = filter_rows(connection, event_id, query, wanted)
    return int(connection.execute(matching).scalar_one())


def list_failed_documents(
    connection: Connection, event_id: int, wanted: GuestFilter, *, limit: int, offset: int
) -> tuple[list[Entitlement], int]:
    """Return the people with a ticket whose PDF could not be made, a page of them and the total."""
    query = _select_entitlements(event_id, event_over=False).where(
        _ENTITLED, generated_tickets.c.render_error.is_not(None)
    )
    matching = filter_rows(connection, event_id, query, wanted).subquery()
    total = connection.execute(select(func.count()).select_from(matching)).scalar_one()
    page = apply_filter(connection, event_id, query, wanted, last_key=entitlements.c.id)
    rows = connection.execute(page.limit(limit).offset(offset)).mappings()
    return [_entitlement_from_row(row) for row in rows], total


def list_eligible_guest_ids(
    connection: Connection, event_id: int, wanted: GuestFilter
) -> Sequence[int]:
    """Return the guests who match and may have a ticket: neither withdrawn nor on hold."""
    query = (
        select(entitlements.c.guest_id)
        .select_from(_join_guests(entitlements))
        .where(entitlements.c.event_id == event_id, ELIGIBLE)
    )
    matching = filter_rows(connection, event_id, query, wanted)
    return connection.execute(matching).scalars().all()


def list_by_guest_ids(
    connection: Connection, event_id: int, guest_ids: Sequence[int], *, event_over: bool
) -> list[Entitlement]:
    """Return the entitlements of guests; none for an id that is not in the event."""
    query = _select_entitlements(event_id, event_over=event_over).where(
        entitlements.c.guest_id == any_(literal(guest_ids, ID_ARRAY))
    )
    query = query.order_by(entitlements.c.id)
    return [_entitlement_from_row(row) for row in connection.execute(query).mappings()]


def find_guest_status(
    connection: Connection, event_id: int, guest_ids: Sequence[int], *, event_over: bool
) -> dict[int, EntitlementStatus]:
    """Return the status of guests of the event: missing if any of their entitlements is."""
    status = _status_column(event_over=event_over)
    query = (
        select(entitlements.c.guest_id, func.array_agg(status))
        .select_from(_join_live_tickets())
        .where(
            entitlements.c.event_id == event_id,
            entitlements.c.guest_id == any_(literal(guest_ids, ID_ARRAY)),
        )
        .group_by(entitlements.c.guest_id)
    )
    order = (EntitlementStatus.MISSING, EntitlementStatus.HAS_TICKET, *EntitlementStatus)
    return {
        guest_id: next(each for each in order if each in found)
        for guest_id, found in connection.execute(query)
    }


def iter_entitlements(
    connection: Connection, event_id: int, *, event_over: bool
) -> Iterator[Entitlement]:
    """Yield the entitlements of all guests, streamed with constant memory."""
    query = _select_entitlements(event_id, event_over=event_over).order_by(entitlements.c.id)
    rows = connection.execute(query, execution_options={"yield_per": 2000}).mappings()
    for row in rows:
        yield _entitlement_from_row(row)


# rejected rows, with the fields of `RejectedImportRow`
SELECT_REJECTED_ROWS = select(*columns_of(RejectedImportRow, import_rejected_rows, imports)).join(
    imports, imports.c.id == import_rejected_rows.c.import_id
)


def iter_rejected_rows(connection: Connection, event_id: int) -> Iterator[RejectedImportRow]:
    """Yield the rejected rows of the latest completed import by line, streamed."""
    query = SELECT_REJECTED_ROWS.where(
        import_rejected_rows.c.import_id == _latest_import_id(event_id)
    ).order_by(import_rejected_rows.c.line_number)
    for row in connection.execute(query, execution_options={"yield_per": 2000}).mappings():
        yield RejectedImportRow(**row)


def _latest_import_id(event_id: int) -> ColumnElement[int]:
    return (
        select(func.max(imports.c.id))
        .where(imports.c.event_id == event_id, imports.c.state == "completed")
        .scalar_subquery()
    )


def count_by_status(
    connection: Connection, event_id: int, *, event_over: bool
) -> EligibilityCounts:
    """Count every person once, in one query."""
    status = _status_column(event_over=event_over)
    pdf_failed = generated_tickets.c.render_error.is_not(None).label("pdf_failed")
    # one line for all of them: each names another guest
    held_for = case(
        (entitlements.c.duplicate_of.is_not(None), "possible duplicate of another guest"),
        (entitlements.c.hold_reason.is_not(None), entitlements.c.hold_reason),
        # the amounts differ from guest to guest
        else_=func.split_part(entitlements.c.payment_hold, ":", 1),
    ).label("held_for")
    query = (
        select(status, held_for, pdf_failed, func.count().label("people"))
        .select_from(_join_live_tickets())
        .where(entitlements.c.event_id == event_id)
        .group_by(status, held_for, pdf_failed)
    )
    counts = dict.fromkeys(EntitlementStatus, 0)
    reasons: dict[str, int] = {}
    for row in connection.execute(query).mappings():
        counts[EntitlementStatus(row["status"])] += row["people"]
        reason = _reason_of_count(row)
        reasons[reason] = reasons.get(reason, 0) + row["people"]
    left_out = _count_rejected_by_reason(connection, event_id)
    return EligibilityCounts(
        missing=counts[EntitlementStatus.MISSING],
        has_ticket=counts[EntitlementStatus.HAS_TICKET],
        pdf_failed=reasons.get(PDF_FAILED, 0),
        on_hold=counts[EntitlementStatus.ON_HOLD],
        over=counts[EntitlementStatus.EVENT_OVER],
        withdrawn=counts[EntitlementStatus.WITHDRAWN],
        quarantined=sum(left_out.values()),
        reasons=dict(sorted((reasons | left_out).items())),
    )


def _reason_of_count(row: RowMapping) -> str:
    match EntitlementStatus(row["status"]):
        case EntitlementStatus.ON_HOLD:
            return f"on hold: {row['held_for']}"
        case EntitlementStatus.HAS_TICKET if row["pdf_failed"]:
            return PDF_FAILED
        case status:
            return str(status)


def _count_rejected_by_reason(connection: Connection, event_id: int) -> dict[str, int]:
    query = (
        select(
            import_rejected_rows.c.field, import_rejected_rows.c.reason, func.count().label("lines")
        )
        .where(import_rejected_rows.c.import_id == _latest_import_id(event_id))
        .group_by(import_rejected_rows.c.field, import_rejected_rows.c.reason)
    )
    rows = connection.execute(query).mappings()
    return {_rejection(row["field"], row["reason"]): row["lines"] for row in rows}


def _rejection(field: str, reason: str) -> str:
    """Return the reason of rejected rows; without a field it is about the whole line."""
    return ": ".join(filter(None, ("rejected", field, reason)))
