"""Messages to a contact that somebody has named: the code that confirms it, and its orders."""

from datetime import timedelta

from sqlalchemy import Connection

from ticketing.crypto.contact_code import make_contact_code
from ticketing.events.model import Event
from ticketing.notifications.claim_queries import ClaimedDelivery
from ticketing.notifications.delivery import Channel
from ticketing.notifications.messages.context import (
    MessageContext,
    MessageDraft,
    drop_overtaken,
    event_variables,
)
from ticketing.notifications.messages.message import Rejected
from ticketing.notifications.messages.template_samples import LinkedText
from ticketing.orders import queries as order_queries
from ticketing.selling.contacts import correction_queries

_ONE_MINUTE = timedelta(minutes=1)
_MAX_ORDERS = {Channel.MAIL: 20, Channel.WHATSAPP: 5}  # Meta limits a text to 1024 characters


def draft_contact_code(
    connection: Connection, context: MessageContext, event: Event, claimed: ClaimedDelivery
) -> MessageDraft | Rejected:
    """Return the code that confirms a new contact; it names no person and no order.

    A message that leaves late says how long the code is still valid, and is dropped if that is less
    than a minute, or if a newer code was requested.
    """
    correction_id = int(claimed.payload["correction"])
    order_id = correction_queries.find_order_id(connection, correction_id)
    if order_id is None:
        return drop_overtaken("the order was deleted")
    order = order_queries.get(connection, order_id)
    newest = correction_queries.find_newest(connection, order_id)
    if newest is None or newest.id != correction_id:
        return drop_overtaken("another code was requested meanwhile")
    if reason := newest.closed_by(claimed.claimed_at + _ONE_MINUTE):
        return drop_overtaken(reason)
    code = make_contact_code(context.keys, correction_id, claimed.address)
    validity = (newest.expires_at - claimed.claimed_at) // _ONE_MINUTE * _ONE_MINUTE
    facts = event_variables(context, event) | {"code": code, "validity": validity}
    return MessageDraft("contact_code", facts, locale=order.locale)


def draft_order_links(
    connection: Connection, context: MessageContext, event: Event, claimed: ClaimedDelivery
) -> MessageDraft | Rejected:
    """Return the links of the newest orders of a contact in an event."""
    limit = _MAX_ORDERS.get(claimed.channel, 1)
    orders = order_queries.list_of_contact(connection, event.id, claimed.address, limit=limit)
    if not orders:
        return drop_overtaken("the contact has no orders any more")
    links = [context.order_page_url(order) for order in orders]
    listed = [LinkedText(order.code, link) for order, link in zip(orders, links, strict=True)]
    facts = event_variables(context, event) | {"orders": listed, "url": links[0]}
    return MessageDraft("order_links", facts, locale=orders[0].locale)
