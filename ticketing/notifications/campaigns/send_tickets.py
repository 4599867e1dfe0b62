"""An event's tickets to the guests of its roster: planned, looked at, then left to be sent."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

from sqlalchemy import Connection

from ticketing.events.model import Event
from ticketing.notifications.campaigns import queries
from ticketing.notifications.campaigns.queries import GuestTicket
from ticketing.notifications.delivery import Channel
from ticketing.platform.db import audit_log, outbox
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import PlanOutdated

MAIL_ONLY = (Channel.MAIL,)


@dataclass(frozen=True, slots=True)
class PlannedTicketMessage:
    """One ticket, and the one way by which it would go."""

    ticket_code: str
    guest_id: int
    channel: Channel
    address: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CampaignPlan:
    """Who would be sent a ticket, by which way, and who not. `plan_hash` names exactly these."""

    event: str
    tickets: tuple[PlannedTicketMessage, ...]
    without_address: tuple[int, ...]  # guests, by id
    opted_out: tuple[int, ...]
    plan_hash: str

    def count_by_channel(self, channel: Channel) -> int:
        """How many would go this way."""
        return sum(each.channel is channel for each in self.tickets)


def plan_campaign(
    database: Database, event: Event, *, channels: Sequence[Channel] = MAIL_ONLY
) -> CampaignPlan:
    """What sending would do: to each guest by the first of these ways there is. Changes nothing."""
    with database.transaction() as connection:
        return _build_plan(connection, event, channels)


def apply_campaign(
    database: Database,
    event: Event,
    *,
    plan_hash: str,
    channels: Sequence[Channel] = MAIL_ONLY,
    by: str,
) -> CampaignPlan:
    """Leave the planned messages to be sent; refuses when the tickets have changed since."""
    with database.transaction() as connection:
        plan = _build_plan(connection, event, channels)
        if plan.plan_hash != plan_hash:
            raise PlanOutdated(
                f"the tickets of {event.slug} that wait to be sent have changed since the plan:"
                f" now there are {len(plan.tickets)}; look at it and plan again"
            )
        wanted = [(each.ticket_code, each.address) for each in plan.tickets]
        if wanted:
            queries.enqueue_ticket_messages(connection, event.id, wanted, plan_hash=plan_hash)
            _enqueue_completion_notice(connection, event, plan_hash)
        audit_log.record(
            connection,
            actor=by,
            action="tickets.send",
            event_id=event.id,
            subject=event.slug,
            items=len(plan.tickets),
            details={"plan_hash": plan_hash, "by": [str(channel) for channel in channels]},
        )
    return plan


def _enqueue_completion_notice(connection: Connection, event: Event, plan_hash: str) -> None:
    """One message, which waits for the last ticket; what it says is counted when it is sent."""
    outbox.enqueue(
        connection,
        event_id=event.id,
        purpose=outbox.TICKETS_SENT,
        subject=plan_hash,
        recipient=outbox.ORGANISER,
        payload={},
    )


def opt_out_address(database: Database, address: str, *, at: datetime, by: str) -> bool:
    """Never again send a roster's ticket to this address; what is ordered still comes."""
    with database.transaction() as connection:
        is_new = queries.insert_opt_out(connection, address, at=at)
        if is_new:
            # not whose: the log is never deleted from
            audit_log.record(connection, actor=by, action="messages.opt_out", subject="an address")
    return is_new


def _build_plan(connection: Connection, event: Event, channels: Sequence[Channel]) -> CampaignPlan:
    unsent = queries.list_unsent_tickets(connection, event.id)
    ways = {each.guest_id: _first_available_channel(each, channels) for each in unsent}
    tickets = tuple(
        PlannedTicketMessage(each.ticket_code, each.guest_id, way, each.address(way))
        for each in unsent
        if (way := ways[each.guest_id]) is not None and not each.opted_out
    )
    digest = sha256(f"send {event.uid}\n".encode())
    for ticket in tickets:
        digest.update(f"{ticket.ticket_code} {ticket.address}\n".encode())
    return CampaignPlan(
        event.slug,
        tickets,
        tuple(each.guest_id for each in unsent if ways[each.guest_id] is None),
        tuple(each.guest_id for each in unsent if ways[each.guest_id] and each.opted_out),
        digest.hexdigest(),
    )


def _first_available_channel(ticket: GuestTicket, channels: Sequence[Channel]) -> Channel | None:
    return next((channel for channel in channels if ticket.address(channel)), None)
