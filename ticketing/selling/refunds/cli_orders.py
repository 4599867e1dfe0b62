"""`ticketing orders`: list, show, resolve."""

from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.platform.cli.console import (
    JsonOption,
    actor,
    amounts_to_numbers,
    new_table,
    now,
    open_application,
    print_json,
    stdout_console,
)
from ticketing.platform.cli.options import EventArgument

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from ticketing.selling.refunds.order_history_queries import OrderHistory, OrderHistoryItem

app = typer.Typer(
    help="Orders: what became of them, and what has to be decided.", no_args_is_help=True
)

OrderCodeArgument = Annotated[
    str, typer.Argument(help="The order's code: ORD-…", show_default=False)
]


@app.command("list")
def list_orders(
    event: EventArgument,
    *,
    state: Annotated[str | None, typer.Option(help="pending, paid, cancelled or expired.")] = None,
    flagged: Annotated[
        bool, typer.Option("--flagged", help="Only those somebody has to look at.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 100,
    as_json: JsonOption = False,
) -> None:
    """List an event's orders, the newest first."""
    from dataclasses import asdict

    from ticketing.events.queries import get_event
    from ticketing.orders.order import OrderState
    from ticketing.selling.refunds import order_history_queries as refund_order_history_queries

    if state is not None and state not in list(OrderState):
        raise typer.BadParameter(f"{state!r} is not one of {', '.join(OrderState)}")
    with open_application() as application, application.database.transaction() as connection:
        known = get_event(application.database, event)
        found = refund_order_history_queries.list_orders(
            connection,
            known.id,
            state=None if state is None else OrderState(state),
            flagged=flagged,
            limit=limit,
        )
    if as_json:
        print_json(
            [
                asdict(one) | {"total": one.total.amount, "refunded": one.refunded.amount}
                for one in found
            ]
        )
        return
    from zoneinfo import ZoneInfo

    table = new_table("order", "placed", "state", "places", "total", "refunded", "buyer", "look at")
    for one in found:
        table.add_row(
            one.code,
            _format_time(one.created_at, ZoneInfo(known.time_zone)),
            one.state,
            str(one.places),
            str(one.total),
            str(one.refunded) if one.refunded.amount else "",
            one.buyer,
            ", ".join(one.flags),
        )
    stdout_console().print(table)
    if len(found) == limit:
        stdout_console().print(f"the newest {limit}; --limit shows more")


@app.command("show")
def show(code: OrderCodeArgument, *, as_json: JsonOption = False) -> None:
    """Tell an order's whole story."""
    from zoneinfo import ZoneInfo

    from ticketing.events.queries import get_event
    from ticketing.orders import queries as orders_queries
    from ticketing.selling.refunds import order_history_queries as refund_order_history_queries

    with open_application() as application, application.database.transaction() as connection:
        told = refund_order_history_queries.get_history(
            connection, orders_queries.get_by_code(connection, code)
        )
        known = get_event(application.database, str(told.order.event_id))
    if as_json:
        print_json(_as_json(told))
        return
    _print_history(told, ZoneInfo(known.time_zone))


@app.command("resolve")
def resolve(
    code: OrderCodeArgument,
    *,
    flag: Annotated[str, typer.Option(help="The question, as `orders show` names it.")],
    by: Annotated[
        str,
        typer.Option(help="complete: sell the places late; refund: plan it; note: only say why."),
    ],
    reason: Annotated[str, typer.Option(help="Why; the buyer is told of a refund's.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Answer a question about an order.

    A refund is only planned here; `ticketing refund apply` does it.
    """
    from ticketing.orders.order import ReviewFlag
    from ticketing.selling.refunds.cli import print_refund_plan
    from ticketing.selling.refunds.resolve_flag import (
        complete_late_order,
        dismiss_flag,
        refund_request_for_flag,
    )
    from ticketing.selling.refunds.service import plan_refund

    if flag not in list(ReviewFlag):
        raise typer.BadParameter(
            f"{flag!r} is not one of {', '.join(ReviewFlag)}", param_hint="--flag"
        )
    question = ReviewFlag(flag)
    with open_application() as application:
        if by == "refund":
            asked = refund_request_for_flag(question, reason=reason)
            planned = plan_refund(application.database, code, asked, at=now(), by=actor())
            print_refund_plan(planned, as_json=as_json)
            return
        if by == "complete" and question is ReviewFlag.PAID_LATE:
            order = complete_late_order(application.database, code, at=now(), by=actor())
            stdout_console().print(
                f"order {order.code} is {order.state}; its tickets are made next"
            )
            return
        if by == "note" and reason:
            dismiss_flag(application.database, code, question, reason=reason, at=now(), by=actor())
            stdout_console().print(f"{question} of {code.upper()} is answered")
            return
    raise typer.BadParameter(
        "complete is for paid_late; refund for money that pays for nothing; note wants a --reason",
        param_hint="--by",
    )


def _describe_item(place: "OrderHistoryItem") -> str:
    if place.voucher is not None:
        return f"voucher {place.voucher}" + (f", {place.ending_why}" if place.ending_why else "")
    return f"{place.ticket_code} {place.ticket_state}" if place.ticket_code else "no ticket"


def _print_history(history: "OrderHistory", zone: "ZoneInfo") -> None:
    out, order = stdout_console(), history.order
    out.print(
        f"[bold]{order.code}[/] is {order.state}: {history.subtotal} less {history.discount} is"
        f" {order.total}, {history.refunded} went back"
    )
    if order.buyer is not None:
        out.print(f"  buyer    {order.buyer.name} {order.buyer.email} {order.buyer.phone}")
    times = {
        "placed": history.created_at,
        "held until": order.expires_at,
        "paid": history.paid_at,
        "closed": history.closed_at,
    }
    out.print(
        "  " + ", ".join(f"{what} {_format_time(at, zone)}" for what, at in times.items() if at)
    )
    for line in history.lines:
        back = f", {line.returned} given back" if line.returned else ""
        out.print(f"  line     {line.quantity} x {line.ticket_type} at {line.price}{back}")
    for place in history.places:
        back = f", given back {_format_time(place.returned_at, zone)}" if place.returned_at else ""
        out.print(f"  place {place.number}  {place.ticket_type}: {_describe_item(place)}{back}")
    for part in history.parts:
        end = f"paid {_format_time(part.paid_at, zone)}" if part.paid_at else "not paid"
        out.print(
            f"  part {part.number}   {part.amount} due {_format_time(part.due_at, zone)}, {end}"
        )
    for attempt in history.attempts:
        way = f" by {attempt.payment_type}" if attempt.payment_type else ""
        out.print(
            f"  attempt  {attempt.key} {attempt.state}{way}: {attempt.amount},"
            f" {attempt.refunded} back at the gateway"
        )
    for notice in history.notices:
        said = f": {notice.reason}" if notice.reason else ""
        out.print(
            f"  notice   {_format_time(notice.received_at, zone)} {notice.attempt_key}"
            f" {notice.outcome or 'waits'}{said}"
        )
    for flag in history.flags:
        end = (
            f"answered {_format_time(flag.resolved_at, zone)}"
            if flag.resolved_at
            else "[red]open[/]"
        )
        out.print(f"  flag     {flag.flag} {end}: {flag.message}")
    for refund in history.refunds:
        more = "; ".join(text for text in (refund.reason, refund.said, refund.reference) if text)
        out.print(
            f"  refund   {refund.key} {refund.amount} {refund.channel} {refund.state}"
            f"{f': {more}' if more else ''}"
        )
    for deed in history.deeds:
        out.print(f"  deed     {_format_time(deed.at, zone)} {deed.action} by {deed.actor}")


def _format_time(at: "datetime | None", zone: "ZoneInfo") -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M %Z}" if at else ""


def _as_json(history: "OrderHistory") -> object:
    from dataclasses import asdict

    return amounts_to_numbers(asdict(history))
