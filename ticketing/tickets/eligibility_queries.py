"""Who is entitled to a ticket and has none, and how everyone else stands.

A person is entitled while the roster or a paid order says so; eligible unless on hold or too late.
"""

from collections.abc import Iterator, Sequence

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Connection,
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

from ticketing.platform.db.tables.roster import attendees, imports, people, quarantined_rows
from ticketing.platform.db.tables.sales import ticket_types
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.tickets.eligibility import Entitlement, Gap, QuarantinedRow, Standing
from ticketing.tickets.model import TicketState

_LIVE = and_(
    generated_tickets.c.attendee_id == attendees.c.id,
    generated_tickets.c.state == TicketState.LIVE,
)
IDS = ARRAY(BigInteger)  # many ids as one parameter: IN would spell out and parse every one
_ENTITLED = attendees.c.state == "entitled"
ELIGIBLE = and_(_ENTITLED, attendees.c.hold_reason.is_(None))


def eligible_without_ticket(event_id: int) -> ColumnElement[bool]:
    """The condition on `attendees` that makes a ticket missing, as long as the event is not over.

    A subquery and not NOT EXISTS: the planner would hash every ticket for each chunk of people,
    and a long run would get slower with every chunk.
    """
    live = select(generated_tickets.c.id).where(_LIVE).scalar_subquery()
    return and_(attendees.c.event_id == event_id, ELIGIBLE, live.is_(None))


def _standing(*, over: bool) -> ColumnElement[str]:
    too_late = literal(over)
    return case(
        (attendees.c.state == "withdrawn", Standing.WITHDRAWN.value),
        (generated_tickets.c.id.is_not(None), Standing.HAS_TICKET.value),
        (too_late, Standing.OVER.value),
        (attendees.c.hold_reason.is_not(None), Standing.ON_HOLD.value),
        else_=Standing.MISSING.value,
    ).label("standing")


def _with_tickets() -> Join:
    return attendees.outerjoin(generated_tickets, _LIVE)


def _entitlements(event_id: int, *, over: bool) -> Select[*tuple[object, ...]]:
    everything = (
        _with_tickets()
        .join(people, people.c.id == attendees.c.person_id)
        .join(ticket_types, ticket_types.c.id == attendees.c.ticket_type_id)
    )
    return (
        select(
            attendees.c.id.label("attendee_id"),
            people.c.id.label("guest_id"),
            people.c.external_id,
            people.c.first_name,
            people.c.last_name,
            people.c.full_name,
            people.c.email,
            people.c.phone,
            ticket_types.c.name.label("ticket_type"),
            attendees.c.seat,
            _standing(over=over),
            attendees.c.hold_reason,
            generated_tickets.c.ticket_code,
        )
        .select_from(everything)
        .where(attendees.c.event_id == event_id)
        .order_by(attendees.c.id)
    )


def _entitlement(row: RowMapping) -> Entitlement:
    return Entitlement(**{**row, "standing": Standing(row["standing"])})


def lacking(
    connection: Connection, event_id: int, *, limit: int | None = None, offset: int = 0
) -> list[Entitlement]:
    """The eligible people without a live ticket, in the order they were entered."""
    query = _entitlements(event_id, over=False).where(ELIGIBLE, generated_tickets.c.id.is_(None))
    rows = connection.execute(query.limit(limit).offset(offset)).mappings()
    return [_entitlement(row) for row in rows]


def count_lacking(connection: Connection, event_id: int) -> int:
    """How many eligible people have no live ticket."""
    query = (
        select(func.count())
        .select_from(_with_tickets())
        .where(attendees.c.event_id == event_id, ELIGIBLE, generated_tickets.c.id.is_(None))
    )
    return connection.execute(query).scalar_one()


def of_guests(
    connection: Connection, event_id: int, guest_ids: Sequence[int], *, over: bool
) -> list[Entitlement]:
    """How these people stand; nobody for an id that is not on the event's list."""
    query = _entitlements(event_id, over=over).where(
        attendees.c.person_id == any_(literal(guest_ids, IDS))
    )
    return [_entitlement(row) for row in connection.execute(query).mappings()]


def everyone(connection: Connection, event_id: int, *, over: bool) -> Iterator[Entitlement]:
    """How everyone stands, streamed: memory stays flat however long the list is."""
    query = _entitlements(event_id, over=over)
    rows = connection.execute(query, execution_options={"yield_per": 2000}).mappings()
    for row in rows:
        yield _entitlement(row)


# each line that could not become a person, as `QuarantinedRow` has it
QUARANTINED = select(
    quarantined_rows.c.import_id,
    imports.c.source_name,
    quarantined_rows.c.line_number,
    quarantined_rows.c.field,
    quarantined_rows.c.value,
    quarantined_rows.c.reason,
).join(imports, imports.c.id == quarantined_rows.c.import_id)


def quarantined(connection: Connection, event_id: int) -> Iterator[QuarantinedRow]:
    """What the latest finished import left out, in the order of its lines, streamed."""
    query = QUARANTINED.where(quarantined_rows.c.import_id == _latest_import(event_id)).order_by(
        quarantined_rows.c.line_number
    )
    for row in connection.execute(query, execution_options={"yield_per": 2000}).mappings():
        yield QuarantinedRow(**row)


def _latest_import(event_id: int) -> ColumnElement[int]:
    return (
        select(func.max(imports.c.id))
        .where(imports.c.event_id == event_id, imports.c.state == "completed")
        .scalar_subquery()
    )


def gap(connection: Connection, event_id: int, *, over: bool) -> Gap:
    """Everybody counted once, in one pass over the list."""
    standing = _standing(over=over)
    query = (
        select(standing, attendees.c.hold_reason, func.count().label("people"))
        .select_from(_with_tickets())
        .where(attendees.c.event_id == event_id)
        .group_by(standing, attendees.c.hold_reason)
    )
    counts = dict.fromkeys(Standing, 0)
    reasons: dict[str, int] = {}
    for row in connection.execute(query).mappings():
        found = Standing(row["standing"])
        counts[found] += row["people"]
        reason = f"on hold: {row['hold_reason']}" if found is Standing.ON_HOLD else str(found)
        reasons[reason] = reasons.get(reason, 0) + row["people"]
    left_out = _quarantined_by_reason(connection, event_id)
    return Gap(
        missing=counts[Standing.MISSING],
        has_ticket=counts[Standing.HAS_TICKET],
        on_hold=counts[Standing.ON_HOLD],
        over=counts[Standing.OVER],
        withdrawn=counts[Standing.WITHDRAWN],
        quarantined=sum(left_out.values()),
        reasons=dict(sorted((reasons | left_out).items())),
    )


def _quarantined_by_reason(connection: Connection, event_id: int) -> dict[str, int]:
    query = (
        select(quarantined_rows.c.field, quarantined_rows.c.reason, func.count().label("lines"))
        .where(quarantined_rows.c.import_id == _latest_import(event_id))
        .group_by(quarantined_rows.c.field, quarantined_rows.c.reason)
    )
    rows = connection.execute(query).mappings()
    return {f"quarantined: {row['field']}: {row['reason']}": row["lines"] for row in rows}
