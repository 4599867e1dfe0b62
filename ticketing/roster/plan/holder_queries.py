"""The live tickets that an import touches, and the names on them.

A ticket must not get another holder by accident: a row that changes the name of a guest with a live
ticket is kept aside unless the operator says that the names of holders may change.
"""

from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)

from ticketing.platform.db.outbox import TICKET_READY
from ticketing.platform.db.tables.notifications import deliveries
from ticketing.platform.db.tables.outbox import outbox
from ticketing.platform.db.tables.roster import guest_changes, guests
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.roster.model import RosterField, RowOutcome
from ticketing.roster.plan.contact_matching_queries import has_same_name
from ticketing.roster.plan.diff_queries import LineRange, planned_rows
from ticketing.roster.plan.import_impact import TouchedTickets
from ticketing.roster.plan.matching_queries import mark_repeats_of_refused
from ticketing.roster.plan.staging_queries import StagingTables
from ticketing.roster.plan.target_column_queries import TargetColumns
from ticketing.tickets.use_queries import was_used


def refuse_holder_changes(connection: Connection, staging: StagingTables) -> int:
    """Keep aside the planned rows that change the name on a live ticket; return their number."""
    if not _has_live_tickets(connection, staging):
        return 0
    refused = _mark_holder_changes(connection, staging)
    if refused:
        matches, planned = staging.matches, staging.plan
        aside = select(matches.c.line).where(matches.c.reason.isnot(None))
        connection.execute(delete(planned).where(planned.c.line.in_(aside)))
        mark_repeats_of_refused(connection, staging)
    return len(refused)


def refuse_late_holder_changes(
    connection: Connection, staging: StagingTables, lines: LineRange
) -> int:
    """Refuse rows whose guest got a ticket after the plan was made; return their number.

    They stay in the plan as quarantined.
    """
    if not _has_live_tickets(connection, staging):
        return 0
    planned = staging.plan
    in_range = planned.c.line.between(lines.first, lines.last)
    refused = _mark_holder_changes(connection, staging, in_range)
    if refused:
        verdict = RowOutcome.QUARANTINED.value
        connection.execute(
            update(planned).where(planned.c.line.in_(refused)).values(verdict=verdict)
        )
        mark_repeats_of_refused(connection, staging)
    return len(refused)


def list_late_refusals(connection: Connection, staging: StagingTables) -> set[int]:
    """Return the lines that were refused after the plan was made."""
    planned = staging.plan
    late = select(planned.c.line).where(planned.c.verdict == RowOutcome.QUARANTINED.value)
    return set(connection.execute(late).scalars())


def _mark_holder_changes(
    connection: Connection, staging: StagingTables, *conditions: ColumnElement[bool]
) -> set[int]:
    """Store the reason in the planned rows that change the name on a live ticket."""
    rows, matches, planned = staging.rows, staging.matches, staging.plan
    reason = func.format(
        "the live ticket %s is in the name of %s; to change it, use --apply-holder-changes",
        generated_tickets.c.ticket_code,
        guests.c.full_name,
    )
    refused = connection.execute(
        update(matches)
        .values(field=RosterField.FULL_NAME.value, value=rows.c.full_name, reason=reason)
        .where(
            rows.c.line == planned.c.line,
            matches.c.line == planned.c.line,
            guests.c.id == planned.c.guest_id,
            planned.c.verdict == RowOutcome.UPDATED.value,
            ~has_same_name(rows, guests),
            _is_live_ticket(staging, planned.c.guest_id),
            *conditions,
        )
        .returning(matches.c.line)
    )
    return set(refused.scalars())


def count_touched_tickets(connection: Connection, staging: StagingTables) -> TouchedTickets:
    """Return the live tickets of the guests that the plan changes."""
    planned = staging.plan
    query = (
        select(func.count(), func.count().filter(is_delivered()), func.count().filter(is_used()))
        .select_from(planned)
        .join(generated_tickets, _is_live_ticket(staging, planned.c.guest_id))
        .where(planned.c.verdict == RowOutcome.UPDATED.value)
    )
    return TouchedTickets(*connection.execute(query).one())


def count_emptied_tickets(connection: Connection, target: TargetColumns) -> int:
    """Return the live tickets of guests with an empty cell where a value is stored."""
    lines = (
        planned_rows(target.staging)
        .where(or_(*target.emptied_values().values()))
        .join(generated_tickets, _is_live_ticket(target.staging, guests.c.id))
    )
    return connection.execute(lines.with_only_columns(func.count())).scalar_one()


def record_name_changes(
    connection: Connection, target: TargetColumns, lines: LineRange, *, by: str, at: datetime
) -> None:
    """Record the former names of guests whose name these lines change, for `explain`."""
    rows, planned = target.staging.rows, target.staging.plan
    changes = (
        planned_rows(target.staging)
        .with_only_columns(
            literal(target.staging.event_id),
            guests.c.id,
            literal(RosterField.FULL_NAME.value),
            guests.c.full_name,
            rows.c.full_name,
            literal(by),
            literal(at),
        )
        .where(
            planned.c.line.between(lines.first, lines.last),
            planned.c.verdict == RowOutcome.UPDATED.value,
            guests.c.full_name != rows.c.full_name,
        )
    )
    columns = [column.name for column in guest_changes.c if column.name != "id"]
    connection.execute(insert(guest_changes).from_select(columns, changes))


def is_delivered() -> ColumnElement[bool]:
    """Return the condition that a ticket was delivered, or sent by a campaign."""
    tickets = generated_tickets.c
    is_sent = exists().where(
        outbox.c.purpose == TICKET_READY,
        outbox.c.subject == tickets.ticket_code,
        deliveries.c.outbox_id == outbox.c.id,
        deliveries.c.state.in_(("sent", "delivered", "read")),
    )
    return or_(tickets.delivered_at.isnot(None), is_sent)


def is_used() -> ColumnElement[bool]:
    """Return the condition that the place of a ticket was entered with."""
    return was_used(generated_tickets.c.entitlement_id)


def _has_live_tickets(connection: Connection, staging: StagingTables) -> bool:
    tickets = generated_tickets.c
    live = exists().where(tickets.event_id == staging.event_id, tickets.state == "live")
    return bool(connection.execute(select(live)).scalar_one())


def _is_live_ticket(staging: StagingTables, guest_id: ColumnElement[int]) -> ColumnElement[bool]:
    tickets = generated_tickets.c
    return and_(
        tickets.event_id == staging.event_id,
        tickets.guest_id == guest_id,
        tickets.state == "live",
    )
