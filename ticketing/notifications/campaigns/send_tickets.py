"""Campaigns: plan the sending of a roster's tickets, then enqueue the planned messages."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from ticketing.events.model import Event
from ticketing.notifications.campaigns import queries
from ticketing.notifications.delivery import Channel
from ticketing.platform.db import audit_log, outbox
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.change_plan import RowDigest, require_unchanged

MAIL_ONLY = (Channel.MAIL,)


@dataclass(frozen=True, slots=True)
class PlannedTicketMessage:
    """A ticket with the channel and address to send it to."""

    ticket_code: str
    guest_id: int
    channel: Channel
    address: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CampaignPlan:
    """Tickets to send and guests left out; `plan_hash` identifies exactly these messages."""

    event: str
    tickets: tuple[PlannedTicketMessage, ...]
    without_address: tuple[int, ...]  # guests, by id
    opted_out: tuple[int, ...]
    plan_hash: str

    def count_by_channel(self, channel: Channel) -> int:
        """Return the number of messages for a channel."""
        return sum(each.channel is channel for each in self.tickets)


def plan_campaign(
    database: Database, event: Event, *, channels: Sequence[Channel] = MAIL_ONLY
) -> CampaignPlan:
    """Plan a message for each guest by the first available of these channels. Changes nothing."""
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
    """Enqueue the planned messages; raise PlanOutdated if the unsent tickets have changed."""
    with database.transaction() as connection:
        plan = _build_plan(connection, event, channels)
        effect = f"{len(plan.tickets)} would be sent"
        require_unchanged(plan, plan_hash, subject=f"the tickets of {event.slug}", effect=effect)
        messages = [(each.ticket_code, each.address) for each in plan.tickets]
        if messages:
            queries.enqueue_ticket_messages(connection, event.id, messages, plan_hash=plan_hash)
            # the report to the organiser, which waits until the campaign has ended
            outbox.enqueue(
                connection,
                event_id=event.id,
                purpose=outbox.TICKETS_SENT,
                subject=plan_hash,
                recipient=outbox.ORGANISER,
                payload={},
            )
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


def opt_out_address(database: Database, address: str, *, at: datetime, by: str) -> bool:
    """Store an opt-out from campaigns; messages about own orders are still sent. False if known."""
    with database.transaction() as connection:
        is_new = queries.insert_opt_out(connection, address, at=at)
        if is_new:
            # without the address: the audit log is append-only
            audit_log.record(connection, actor=by, action="messages.opt_out", subject="an address")
    return is_new


def _build_plan(connection: Connection, event: Event, channels: Sequence[Channel]) -> CampaignPlan:
    unsent = queries.list_unsent_tickets(connection, event.id)
    channels_by_guest = {
        each.guest_id: next((channel for channel in channels if each.address(channel)), None)
        for each in unsent
    }
    tickets = tuple(
        PlannedTicketMessage(each.ticket_code, each.guest_id, channel, each.address(channel))
        for each in unsent
        if (channel := channels_by_guest[each.guest_id]) is not None and not each.opted_out
    )
    digest = RowDigest("send", event.uid)
    for ticket in tickets:
        digest.add(ticket.ticket_code, ticket.address)
    return CampaignPlan(
        event.slug,
        tickets,
        tuple(each.guest_id for each in unsent if channels_by_guest[each.guest_id] is None),
        tuple(
            each.guest_id for each in unsent if channels_by_guest[each.guest_id] and each.opted_out
        ),
        digest.hexdigest(),
    )
