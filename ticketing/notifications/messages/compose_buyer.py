"""Notices to the buyer of an order: how to pay it, and that it is paid or expired."""

from sqlalchemy import Connection

from ticketing.events.model import Event
from ticketing.notifications.claim_queries import ClaimedDelivery
from ticketing.notifications.messages.context import (
    MessageContext,
    MessageDraft,
    drop_overtaken,
    event_variables,
)
from ticketing.notifications.messages.message import Rejected
from ticketing.notifications.messages.template_samples import TemplateValue
from ticketing.orders import queries as order_queries
from ticketing.orders.order import Order, OrderState
from ticketing.platform.db import outbox
from ticketing.selling.checkout import order_view_queries


def reject_former_contact(connection: Connection, claimed: ClaimedDelivery) -> Rejected | None:
    """Return the rejection of a message to an address that is not the buyer's any more.

    Its link would open the order for whoever has the former address.
    """
    code = claimed.payload.get("order")
    if claimed.purpose not in outbox.GIVING_ACCESS or code is None:
        return None
    buyer = order_queries.get_by_code(connection, str(code)).buyer
    if buyer is not None and claimed.address in {buyer.email, buyer.phone}:
        return None
    return drop_overtaken(f"order {code} has another contact by now")


def order_language(connection: Connection, claimed: ClaimedDelivery) -> str:
    """Return the language in which the people of an order read; empty for that of the event.

    The organiser reads about orders in the language of the event.
    """
    code = claimed.payload.get("order")
    if code is None or claimed.purpose not in {*outbox.TO_BUYER, outbox.GUEST_TICKET}:
        return ""
    return order_queries.find_locale(connection, code)


def draft_buyer_notice(
    connection: Connection, context: MessageContext, event: Event, claimed: ClaimedDelivery
) -> MessageDraft | Rejected:
    """Return the notice of a purpose, unless the order has another state by now."""
    order = order_queries.get_by_code(connection, claimed.subject)
    wanted = _STATE_BY_PURPOSE[claimed.purpose]
    if order.state is not wanted:
        return drop_overtaken(f"order {order.code} is {order.state} by now")
    facts = order_variables(context, event, order)
    match claimed.purpose:
        case outbox.ORDER_PLACED:
            facts |= {"url": context.order_page_url(order)}
            return _draft_order_placed(connection, order, facts)
        case outbox.PAYMENT_RECEIVED:
            lines = order_queries.list_lines(connection, order.id)
            facts |= {"total": order.total, "places": sum(line.quantity for line in lines)}
            return MessageDraft("order_paid", facts | {"url": context.order_page_url(order)})
    return MessageDraft("order_expired", facts | {"expiresAt": order.expires_at})


def _draft_order_placed(
    connection: Connection, order: Order, facts: dict[str, TemplateValue]
) -> MessageDraft:
    """Return the amount due and its time limit, with the code to pay to if it is known."""
    view = order_view_queries.get(connection, order.id)
    due = view.next_instalment
    facts |= {"total": due.amount if due else order.total, "expiresAt": order.expires_at}
    code = view.attempt.payment_code if view.attempt else ""
    if code:
        return MessageDraft("order_payment_code", facts | {"paymentCode": code})
    return MessageDraft("order_placed", facts)


def order_variables(
    context: MessageContext, event: Event, order: Order
) -> dict[str, TemplateValue]:
    """Return the variables of every message about an order; the link leads to the shop."""
    name = order.buyer.name if order.buyer else ""
    return event_variables(context, event) | {"name": name, "orderCode": order.code}


_STATE_BY_PURPOSE = {
    outbox.ORDER_PLACED: OrderState.PENDING,
    outbox.PAYMENT_RECEIVED: OrderState.PAID,
    outbox.ORDER_EXPIRED: OrderState.EXPIRED,
}
