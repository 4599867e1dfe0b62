"""The history of one order as text."""

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from ticketing.platform.cli.output import format_time, print_text

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from ticketing.selling.refunds.order_history_queries import OrderHistory, OrderHistoryItem

FormatTime = Callable[[datetime | None], str]


def print_history(history: "OrderHistory", zone: "ZoneInfo") -> None:
    """Print an order from placing to refund, one labelled line per fact."""
    order = history.order
    print_text(
        f"{order.code} is {order.state}: subtotal {history.subtotal}, discount {history.discount},"
        f" total {order.total}, refunded {history.refunded}"
    )
    at = partial(format_time, zone=zone)
    for lines in (_order_lines(history, at), _payment_lines(history, at)):
        print_text(*(f"  {label:<12}  {text}" for label, text in lines))


def _order_lines(history: "OrderHistory", at: FormatTime) -> Iterator[tuple[str, str]]:
    order = history.order
    if order.buyer is not None:
        yield "buyer", f"{order.buyer.name} {order.buyer.email} {order.buyer.phone}".strip()
    times = {
        "placed": history.created_at,
        "held until": order.expires_at,
        "paid": history.paid_at,
        "closed": history.closed_at,
    }
    for label, time in times.items():
        if time:
            yield label, at(time)
    for line in history.lines:
        returned = f", {line.returned} returned" if line.returned else ""
        yield "line", f"{line.quantity} x {line.ticket_type} at {line.price}{returned}"
    for item in history.places:
        returned = f", returned {at(item.returned_at)}" if item.returned_at else ""
        yield f"position {item.number}", f"{item.ticket_type}: {_describe_item(item)}{returned}"
    for instalment in history.instalments:
        paid = f"paid {at(instalment.paid_at)}" if instalment.paid_at else "not paid"
        text = f"{instalment.amount} due {at(instalment.due_at)}, {paid}"
        yield f"instalment {instalment.number}", text


def _payment_lines(history: "OrderHistory", at: FormatTime) -> Iterator[tuple[str, str]]:
    for attempt in history.attempts:
        method = f" by {attempt.payment_type}" if attempt.payment_type else ""
        refunded = f", {attempt.refunded} refunded" if attempt.refunded.amount else ""
        yield "attempt", f"{attempt.key} {attempt.state}{method}: {attempt.amount}{refunded}"
    for notification in history.notifications:
        reason = f": {notification.reason}" if notification.reason else ""
        outcome = notification.outcome or "not processed yet"
        yield (
            "notification",
            f"{at(notification.received_at)} {notification.attempt_key} {outcome}{reason}",
        )
    for flag in history.flags:
        state = f"resolved {at(flag.resolved_at)}" if flag.resolved_at else "open"
        yield "review flag", f"{flag.flag} {state}: {flag.message}"
    for refund in history.refunds:
        more = "; ".join(
            text for text in (refund.reason, refund.gateway_message, refund.reference) if text
        )
        text = f"{refund.key} {refund.amount} {refund.channel} {refund.state}"
        yield "refund", f"{text}: {more}" if more else text
    for entry in history.audit_entries:
        yield "audit", f"{at(entry.at)} {entry.action} by {entry.actor}"


def _describe_item(item: "OrderHistoryItem") -> str:
    if item.voucher is not None:
        reason = f", {item.revoked_reason}" if item.revoked_reason else ""
        return f"voucher {item.voucher}{reason}"
    return f"{item.ticket_code} {item.ticket_state}" if item.ticket_code else "no ticket"
