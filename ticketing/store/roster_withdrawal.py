"""Who of the roster is absent from a file, and the taking back of their entitlement.

Their tickets stay as they are: revoking one is another decision, made by name.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    exists,
    func,
    select,
    union_all,
    update,
)

from ticketing.domain.errors import UnsafeWithdrawal
from ticketing.store.roster_staging import Staging, plan_for_many
from ticketing.store.schema import attendees, generated_tickets, people


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """How many would lose their entitlement, and how many of them hold a live ticket."""

    people: int = 0
    with_live_tickets: int = 0


def plan_withdrawal(connection: Connection, staging: Staging) -> Withdrawal:
    """Who is absent; refuses when a quarantined row could be one of them."""
    illegible = _illegible_lines(connection, staging)
    if illegible:
        raise UnsafeWithdrawal(
            f"lines {', '.join(map(str, illegible))} are quarantined and could be people who would "
            "count as absent; mend them, or import without withdrawing"
        )
    holds_ticket = exists().where(
        generated_tickets.c.attendee_id == attendees.c.id, generated_tickets.c.state == "live"
    )
    absent, holding = connection.execute(
        select(func.count(), func.count().filter(holds_ticket)).where(_absent(staging))
    ).one()
    return Withdrawal(absent, holding)


def withdraw(connection: Connection, staging: Staging, *, at: datetime) -> int:
    """Take back the entitlement of everyone absent; before anybody new is written."""
    plan_for_many(connection)
    return connection.execute(
        update(attendees).where(_absent(staging)).values(state="withdrawn", updated_at=at)
    ).rowcount


def _illegible_lines(connection: Connection, staging: Staging) -> list[int]:
    """The first few rows kept aside without telling whose they are."""
    rows, matches = staging.rows, staging.matches
    unclean = select(rows.c.line).where(rows.c.reason.isnot(None), rows.c.natural_key == "")
    refused = select(matches.c.line).where(
        matches.c.reason.isnot(None),
        matches.c.person_id.is_(None),
        matches.c.repeats.is_(None),
    )
    both = union_all(unclean, refused).subquery()
    return list(connection.execute(select(both.c.line).order_by(both.c.line).limit(5)).scalars())


def _absent(staging: Staging) -> ColumnElement[bool]:
    """Entitled by the roster, and neither matched by a row nor named by one that is kept aside."""
    rows, matches = staging.rows, staging.matches
    named = and_(
        people.c.id == attendees.c.person_id,
        people.c.natural_key == rows.c.natural_key,
        rows.c.reason.isnot(None),
    )
    return and_(
        attendees.c.event_id == staging.event_id,
        attendees.c.source == "roster",
        attendees.c.state == "entitled",
        ~exists().where(matches.c.person_id == attendees.c.person_id),
        ~exists().where(named),
    )
