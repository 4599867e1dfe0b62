"""Campaigns: plan the sending of a roster's tickets, then enqueue the planned messages."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from ticketing.events.model import Event
from ticketing.notifications.campaigns import queries
from ticketing.notifications.campaigns.sending_rule import Audience, RuleMessage
from ticketing.notifications.delivery import Channel
from ticketing.platform.db import audit_log, outbox
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.change_plan import RowDigest, require_unchanged

MAIL_ONLY = (Channel.MAIL,)
DEFAULT_MESSAGE = RuleMessage.TICKET


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
        return build_plan(connection, event, channels)


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
        plan = build_plan(connection, event, channels)
        effect = f"{len(plan.tickets)} would be sent"
        require_unchanged(plan, plan_hash, subject=f"the tickets of {event.slug}", effect=effect)
        enqueue_plan(connection, event, plan)
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


def enqueue_plan(
    connection: Connection,
    event: Event,
    plan: CampaignPlan,
    *,
    revision: int = 1,
    message: str = DEFAULT_MESSAGE,
) -> None:
    """Enqueue the messages of a plan, once per ticket and revision, and the report of their end."""
    if not plan.tickets:
        return
    queries.enqueue_ticket_messages(
        connection,
        event.id,
        [(each.ticket_code, each.address) for each in plan.tickets],
        revision=revision,
        payload={"plan": plan.plan_hash, "message": message},
    )
    # the report to the organiser, which waits until the campaign has ended
    outbox.enqueue(
        connection,
        event_id=event.id,
        purpose=outbox.TICKETS_SENT,
        subject=plan.plan_hash,
        recipient=outbox.ORGANISER,
        payload={},
    )


def build_plan(
    connection: Connection,
    event: Event,
    channels: Sequence[Channel],
    audience: Audience = Audience.UNSENT,
    *,
    heading: str = "send",
) -> CampaignPlan:
    """Return the plan for the tickets of an audience; `heading` makes its hash another one."""
    found = queries.list_tickets(connection, event.id, audience)
    channels_by_guest = {
        each.guest_id: next((channel for channel in channels if each.address(channel)), None)
        for each in found
    }
    tickets = tuple(
        PlannedTicketMessage(each.ticket_code, each.guest_id, channel, each.address(channel))
        for each in found
        if (channel := channels_by_guest[each.guest_id]) is not None and not each.opted_out
    )
    digest = RowDigest(heading, event.uid)
    for ticket in tickets:
        digest.add(ticket.ticket_code, ticket.address)
    return CampaignPlan(
        event.slug,
        tickets,
        tuple(each.guest_id for each in found if channels_by_guest[each.guest_id] is None),
        tuple(
            each.guest_id for each in found if channels_by_guest[each.guest_id] and each.opted_out
        ),
        digest.hexdigest(),
    )
