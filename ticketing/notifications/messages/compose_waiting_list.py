"""Messages to people on a waiting list: how to leave it, and what is offered to them."""

from dataclasses import replace

from sqlalchemy import Connection

from ticketing.documents.ticket_data import TEST_MARK
from ticketing.events.model import Event
from ticketing.notifications.claim_queries import ClaimedDelivery
from ticketing.notifications.messages.context import (
    MessageContext,
    MessageDraft,
    event_variables,
    reject_message,
)
from ticketing.notifications.messages.message import Rejected
from ticketing.notifications.messages.template_samples import TemplateValue
from ticketing.orders import queries as order_queries
from ticketing.orders.order import OrderState
from ticketing.platform.db import outbox
from ticketing.platform.db.payment_environment import PRODUCTION
from ticketing.selling.waiting_list import queries
from ticketing.selling.waiting_list.model import EntryState, WaitingEntry


def _draft_waiting_list_joined(
    connection: Connection, context: MessageContext, event: Event, claimed: ClaimedDelivery
) -> MessageDraft | Rejected:
    """Return the message with the link of an entry, unless it has left the list."""
    entry = queries.get(connection, int(claimed.payload["entry"]))
    if entry.state is EntryState.LEFT or claimed.address not in _contacts(entry):
        return reject_message(f"entry {entry.id} is {entry.state} by now")
    if entry.environment != PRODUCTION:
        event = replace(event, name=TEST_MARK + event.name)
    url = context.waiting_entry_url(str(entry.token))
    facts = event_variables(context, event) | _entry_variables(entry) | {"url": url}
    return MessageDraft("waiting_list_joined", facts)


def _draft_waiting_list_offer(
    connection: Connection, context: MessageContext, event: Event, claimed: ClaimedDelivery
) -> MessageDraft | Rejected:
    """Return the message about offered places, unless their order was paid or has ended."""
    order = order_queries.get_by_code(connection, claimed.subject)
    if order.state is not OrderState.PENDING:
        return reject_message(f"order {order.code} is {order.state} by now")
    entry = queries.get(connection, int(claimed.payload["entry"]))
    facts = event_variables(context, event) | _entry_variables(entry)
    facts |= {
        "orderCode": order.code,
        "total": order.total,
        "expiresAt": order.expires_at,
        "url": context.order_page_url(order),
    }
    return MessageDraft("waiting_list_offer", facts)


def _entry_variables(entry: WaitingEntry) -> dict[str, TemplateValue]:
    return {
        "name": entry.buyer.name,
        "quantity": entry.quantity,
        "ticketType": entry.ticket_type,
    }


def _contacts(entry: WaitingEntry) -> tuple[str, str]:
    return entry.buyer.email, entry.buyer.phone


WAITING_LIST_DRAFTS = {
    outbox.WAITING_LIST_JOINED: _draft_waiting_list_joined,
    outbox.WAITING_LIST_OFFER: _draft_waiting_list_offer,
}
