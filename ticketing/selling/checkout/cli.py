"""`ticketing orders`: list, show, set-guest, recount; and `ticketing expire-orders`."""

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.events.cli_context import open_event
from ticketing.platform.cli.console import actor, now, open_application
from ticketing.platform.cli.options import EventOption, JsonOption, LimitOption, parse_choice
from ticketing.platform.cli.output import (
    format_time,
    print_hold,
    print_json,
    print_list,
    print_result,
    print_text,
    to_object,
)
from ticketing.selling.refunds.cli_outcome import OrderCodeArgument

app = typer.Typer()


@app.command("list")
def list_orders(
    slug: EventOption,
    *,
    state: Annotated[
        str | None, typer.Option(help="Only pending, paid, cancelled or expired orders.")
    ] = None,
    flagged: Annotated[
        bool, typer.Option("--flagged", help="Only orders with an open review flag.")
    ] = False,
    limit: LimitOption = 100,
    as_json: JsonOption = False,
) -> None:
    """List the orders of an event, the newest first."""
    from zoneinfo import ZoneInfo

    from ticketing.orders.order import OrderState
    from ticketing.selling.refunds import order_history_queries

    chosen = None if state is None else parse_choice(state, OrderState, "--state")
    with open_event(slug) as (application, event):
        orders = application.database.run(
            order_history_queries.list_orders, event.id, state=chosen, flagged=flagged, limit=limit
        )
    print_list(
        orders,
        {
            "order": lambda order: order.code,
            "placed": lambda order: order.created_at,
            "state": lambda order: order.state,
            "items": lambda order: order.places,
            "total": lambda order: order.total,
            "refunded": lambda order: order.refunded if order.refunded.amount else None,
            "buyer": lambda order: order.buyer,
            "review": lambda order: ", ".join(order.flags),
        },
        as_json=as_json,
        zone=ZoneInfo(event.time_zone),
        empty="No orders.",
    )
    if len(orders) == limit and not as_json:
        print_text(f"The newest {limit} orders; use --limit for more.")


@app.command("show")
def show_order(code: OrderCodeArgument, *, as_json: JsonOption = False) -> None:
    """Show the full history of an order."""
    from zoneinfo import ZoneInfo

    from ticketing.events.queries import get_event
    from ticketing.orders import queries as order_queries
    from ticketing.selling.refunds import order_history_queries

    with open_application() as application, application.database.transaction() as connection:
        history = order_history_queries.get_history(
            connection, order_queries.get_by_code(connection, code)
        )
        event = get_event(application.database, str(history.order.event_id))
    if as_json:
        print_json(history)
    else:
        print_history(history, ZoneInfo(event.time_zone))


@app.command("set-guest")
def set_guest(
    code: OrderCodeArgument,
    *,
    name: Annotated[str, typer.Option(help="Name of the guest, as printed on the ticket.")],
    number: Annotated[
        int, typer.Option("--place", min=1, help="Number of the position, as in `orders show`.")
    ],
    email: Annotated[str, typer.Option(help="E-mail address of the guest.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Give one place of an order to another guest, also after the buyers' deadline.

    The PDF is rendered again with the new name. The code stays the same unless the event renews
    codes on transfer.
    """
    from ticketing.crypto.keyring import KeyRing
    from ticketing.selling.checkout.set_guests import (
        GuestChange,
        find_place,
        parse_order_guest,
        set_order_guests,
    )

    with open_application() as application:
        database = application.database
        order, place = find_place(database, code, number)
        guest = parse_order_guest(database, order, place, name=name, email=email)
        change = GuestChange(actor(), now(), is_office=True)
        set_order_guests(database, application.get(KeyRing), order.id, [guest], change)
    line = f"Place {number} of {order.code} is now in the name of {guest.name}."
    print_result({"order": order.code, "number": number, "name": guest.name}, line, as_json=as_json)


@app.command("recount")
def recount(slug: EventOption, *, as_json: JsonOption = False) -> None:
    """Count sold places and uses of promo codes again from the orders.

    Use it when a check reports that the counters differ. Nothing else changes.
    """
    from ticketing.catalogue.recount_queries import recount_sales

    with open_event(slug) as (application, event):
        result = recount_sales(application.database, event, by=actor())
    line = (
        f"Corrected {len(result.ticket_types)} ticket types and"
        f" {len(result.promo_codes)} promo codes."
    )
    print_result(result, line, as_json=as_json)


def expire_orders(*, as_json: JsonOption = False) -> None:
    """Expire unpaid orders whose reservation has ended.

    The payment gateway is asked first; an order with an unclear answer stays and gets a review
    flag. Buyers are reminded of instalments that are due soon. Exit code 1 when an answer was
    unclear.
    """
    from ticketing.backup.restore_queries import describe_hold
    from ticketing.selling.checkout import expire_orders as service
    from ticketing.selling.checkout.remind_instalments import enqueue_instalment_reminders
    from ticketing.selling.payments.midtrans.client import Midtrans

    with open_application() as application:
        result = service.expire_orders(
            application.database, application.get(Midtrans), at=now(), by=actor(),
            concurrency=application.settings.midtrans_concurrency,
        )  # fmt: skip
        reminded = enqueue_instalment_reminders(application.database, at=now())
        print_hold(application.database.run(describe_hold))
    print_result(
        to_object(result) | {"reminded": reminded},
        f"{result.expired:,} orders expired, {result.left:,} were paid after all,"
        f" {result.stuck:,} unclear.",
        f"{reminded:,} buyers reminded of an instalment.",
        as_json=as_json,
    )
    raise typer.Exit(1 if result.stuck else 0)


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
        requested = f" of {attempt.requested}" if attempt.requested_amount is not None else ""
        text = f"{attempt.key} {attempt.state}{method}: {attempt.amount}{requested}{refunded}"
        yield "attempt", text
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
    ticket = f"{item.ticket_code} {item.ticket_state}" if item.ticket_code else "no ticket"
    return f"{ticket}, {item.guest}" if item.guest else ticket
