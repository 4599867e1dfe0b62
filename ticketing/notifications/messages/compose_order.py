"""Notices about an order: to its buyer, and to the organiser who has to know or to decide."""

from datetime import datetime

from sqlalchemy import Connection

from ticketing.catalogue import ticket_type_queries
from ticketing.events.model import Event
from ticketing.notifications.claim_queries import ClaimedDelivery
from ticketing.notifications.messages.compose_buyer import order_variables
from ticketing.notifications.messages.context import (
    MessageContext,
    MessageDraft,
    drop_overtaken,
    schedule_variables,
)
from ticketing.notifications.messages.message import Rejected
from ticketing.notifications.messages.template_samples import ReviewQuestion, TemplateValue
from ticketing.orders import queries as order_queries
from ticketing.orders import review_flag_queries
from ticketing.orders.order import Order, ReviewFlag
from ticketing.platform.db import outbox
from ticketing.platform.kernel.errors import Refused
from ticketing.platform.kernel.money import Rupiah

UNLIMITED_LABEL = "∞"


def draft_order_notice(
    connection: Connection, context: MessageContext, event: Event, claimed: ClaimedDelivery
) -> MessageDraft | Rejected:
    """Return a notice about an order, to its buyer or to the organiser."""
    order = order_queries.get_by_code(connection, str(claimed.payload["order"]))
    page_url = context.order_page_url(order)
    console_url = context.console_url(f"/events/{event.slug}")
    facts = order_variables(context, event, order)
    if claimed.purpose.removeprefix("order.") in list(ReviewFlag) or (
        claimed.purpose == outbox.REFUND_TO_TRANSFER
    ):
        question = _question(connection, event, order, claimed)
        if isinstance(question, Rejected):
            return question
        return MessageDraft(
            "organiser_question", facts | {"question": question, "url": console_url}
        )
    name, more = _order_notice(
        connection, event, order, claimed, page_url=page_url, console_url=console_url
    )
    return MessageDraft(name, facts | more)


def _order_notice(
    connection: Connection,
    event: Event,
    order: Order,
    claimed: ClaimedDelivery,
    *,
    page_url: str,
    console_url: str,
) -> tuple[str, dict[str, TemplateValue]]:
    """Return the notice of a purpose; raise Refused for an unknown purpose."""
    payload = claimed.payload
    facts: dict[str, TemplateValue] = {}
    match claimed.purpose:
        case outbox.ORDER_REFUND | outbox.CANCELLATION_REFUND:
            name, reason = "order_refunded", str(payload["reason"]) or "-"
            facts = {"refunded": Rupiah(payload["amount"]), "reason": reason, "url": page_url}
        case outbox.EVENT_CANCELLED:
            name, facts = "event_cancelled", schedule_variables(event)
        case outbox.ORDER_REVERSED:
            name = "order_reversed"
        case outbox.INSTALMENT_DUE:
            name, due_at = "order_instalment_due", datetime.fromisoformat(payload["due"])
            amount = Rupiah(payload["amount"])
            facts = {"part": payload["part"], "amount": amount, "dueAt": due_at}
        case outbox.INSTALMENTS_KEPT:
            name, facts = "order_instalments_kept", {"kept": Rupiah(payload["kept"])}
        case outbox.ORDER_PAID:
            name, facts = "organiser_notice", _sales_variables(connection, event, order)
            facts |= {"url": console_url}
        case _:
            raise Refused(f"there is no template for {claimed.purpose}")
    return name, facts


def _question(
    connection: Connection, event: Event, order: Order, claimed: ClaimedDelivery
) -> ReviewQuestion | Rejected:
    """Return what the organiser has to decide, unless it was decided meanwhile."""
    if claimed.purpose == outbox.REFUND_TO_TRANSFER:
        return ReviewQuestion("to_transfer", order.code, str(Rupiah(claimed.payload["amount"])))
    flag = claimed.purpose.removeprefix("order.")
    for raised in review_flag_queries.list_open(connection, event.id):
        if (raised.order_code, raised.flag) == (order.code, flag):
            return ReviewQuestion(flag, order.code, raised.message)
    return drop_overtaken(f"the flag {flag} of order {order.code} is resolved by now")


def _sales_variables(
    connection: Connection, event: Event, order: Order
) -> dict[str, TemplateValue]:
    stocks = [
        each.stock
        for each in ticket_type_queries.list_for_event(connection, event.id)
        if each.on_sale
    ]
    free = [stock.available for stock in stocks if stock.available is not None]
    return {
        "total": order.total,
        "places": sum(line.quantity for line in order_queries.list_lines(connection, order.id)),
        "sold": sum(each.sold for each in stocks),
        "left": sum(free) if len(free) == len(stocks) else UNLIMITED_LABEL,
    }
