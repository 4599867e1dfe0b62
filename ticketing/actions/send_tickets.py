"""An event's tickets to the guests of its roster: planned, looked at, then left to be sent."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlalchemy import Connection

from ticketing.domain.errors import PlanOutdated
from ticketing.domain.events import Event
from ticketing.store import audit, guest_tickets
from ticketing.store.database import Database
from ticketing.store.guest_tickets import GuestTicket


@dataclass(frozen=True, slots=True)
class SendingPlan:
    """Who would be sent a ticket by mail, and who not. `plan_hash` names exactly these."""

    event: str
    by_mail: tuple[GuestTicket, ...]
    without_address: tuple[int, ...]  # guests, by id
    opted_out: tuple[int, ...]
    plan_hash: str


def plan_sending(database: Database, event: Event) -> SendingPlan:
    """What sending would do; changes nothing."""
    with database.transaction() as connection:
        return _plan(connection, event)


def apply_sending(database: Database, event: Event, *, plan_hash: str, by: str) -> SendingPlan:
    """Leave the planned messages to be sent; refuses when the tickets have changed since."""
    with database.transaction() as connection:
        plan = _plan(connection, event)
        if plan.plan_hash != plan_hash:
            raise PlanOutdated(
                f"the tickets of {event.slug} that wait to be sent have changed since the plan:"
                f" now there are {len(plan.by_mail)}; look at it and plan again"
            )
        guest_tickets.tell(connection, event.id, list(plan.by_mail))
        audit.record(
            connection,
            actor=by,
            action="tickets.send",
            event_id=event.id,
            subject=event.slug,
            items=len(plan.by_mail),
            details={"plan_hash": plan_hash},
        )
    return plan


def opt_out(database: Database, address: str, *, at: datetime, by: str) -> bool:
    """Never again send a roster's ticket to this address; what is ordered still comes."""
    with database.transaction() as connection:
        is_new = guest_tickets.opt_out(connection, address, at=at)
        if is_new:
            # not whose: the log is never deleted from
            audit.record(connection, actor=by, action="mail.opt_out", subject="an address")
    return is_new


def _plan(connection: Connection, event: Event) -> SendingPlan:
    unsent = guest_tickets.unsent(connection, event.id)
    by_mail = tuple(each for each in unsent if each.address and not each.opted_out)
    digest = sha256(f"send {event.uid}\n".encode())
    for ticket in by_mail:
        digest.update(f"{ticket.ticket_code} {ticket.address}\n".encode())
    return SendingPlan(
        event.slug,
        by_mail,
        tuple(each.guest_id for each in unsent if not each.address),
        tuple(each.guest_id for each in unsent if each.address and each.opted_out),
        digest.hexdigest(),
    )
