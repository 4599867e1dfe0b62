"""`ticketing orders`: list, show, resolve."""

from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.cli.console import (
    JsonOption,
    actor,
    listing,
    now,
    open_application,
    print_json,
    screen,
)
from ticketing.cli.sale import EventArgument

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from ticketing.store.order_story import OrderStory, StoryPlace

app = typer.Typer(
    help="Orders: what became of them, and what has to be decided.", no_args_is_help=True
)

CodeArgument = Annotated[str, typer.Argument(help="The order's code: ORD-…", show_default=False)]


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

    from ticketing.domain.orders import OrderState
    from ticketing.store import order_story
    from ticketing.store.events import find_event

    if state is not None and state not in list(OrderState):
        raise typer.BadParameter(f"{state!r} is not one of {', '.join(OrderState)}")
    with open_application() as application, application.database.transaction() as connection:
        known = find_event(application.database, event)
        found = order_story.listed(
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

    table = listing("order", "placed", "state", "places", "total", "refunded", "buyer", "look at")
    for one in found:
        table.add_row(
            one.code,
            _clock(one.created_at, ZoneInfo(known.time_zone)),
            one.state,
            str(one.places),
            str(one.total),
            str(one.refunded) if one.refunded.amount else "",
            one.buyer,
            ", ".join(one.flags),
        )
    screen().print(table)
    if len(found) == limit:
        screen().print(f"the newest {limit}; --limit shows more")


@app.command("show")
def show(code: CodeArgument, *, as_json: JsonOption = False) -> None:
    """Tell an order's whole story."""
    from zoneinfo import ZoneInfo

    from ticketing.store import order_story, orders
    from ticketing.store.events import find_event

    with open_application() as application, application.database.transaction() as connection:
        told = order_story.story(connection, orders.by_code(connection, code))
        known = find_event(application.database, str(told.order.event_id))
    if as_json:
        print_json(_as_json(told))
        return
    _tell(told, ZoneInfo(known.time_zone))


@app.command("resolve")
def resolve(
    code: CodeArgument,
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
    from ticketing.actions.answer_flag import complete_late, note_flag, refund_for
    from ticketing.actions.plan_refund import plan_refund
    from ticketing.cli.refund import show_plan
    from ticketing.domain.orders import Flag

    if flag not in list(Flag):
        raise typer.BadParameter(f"{flag!r} is not one of {', '.join(Flag)}", param_hint="--flag")
    question = Flag(flag)
    with open_application() as application:
        if by == "refund":
            asked = refund_for(question, reason=reason)
            planned = plan_refund(application.database, code, asked, at=now(), by=actor())
            show_plan(planned, as_json=as_json)
            return
        if by == "complete" and question is Flag.PAID_LATE:
            order = complete_late(application.database, code, at=now(), by=actor())
            screen().print(f"order {order.code} is {order.state}; its tickets are made next")
            return
        if by == "note" and reason:
            note_flag(application.database, code, question, why=reason, at=now(), by=actor())
            screen().print(f"{question} of {code.upper()} is answered")
            return
    raise typer.BadParameter(
        "complete is for paid_late; refund for money that pays for nothing; note wants a --reason",
        param_hint="--by",
    )


def _brings(place: "StoryPlace") -> str:
    if place.voucher is not None:
        return f"voucher {place.voucher}" + (f", {place.ending_why}" if place.ending_why else "")
    return f"{place.ticket_code} {place.ticket_state}" if place.ticket_code else "no ticket"


def _tell(told: "OrderStory", zone: "ZoneInfo") -> None:
    out, order = screen(), told.order
    out.print(
        f"[bold]{order.code}[/] is {order.state}: {told.subtotal} less {told.discount} is"
        f" {order.total}, {told.refunded} went back"
    )
    if order.buyer is not None:
        out.print(f"  buyer    {order.buyer.name} {order.buyer.email} {order.buyer.phone}")
    times = {
        "placed": told.created_at,
        "held until": order.expires_at,
        "paid": told.paid_at,
        "closed": told.closed_at,
    }
    out.print("  " + ", ".join(f"{what} {_clock(at, zone)}" for what, at in times.items() if at))
    for line in told.lines:
        back = f", {line.returned} given back" if line.returned else ""
        out.print(f"  line     {line.quantity} x {line.ticket_type} at {line.price}{back}")
    for place in told.places:
        back = f", given back {_clock(place.returned_at, zone)}" if place.returned_at else ""
        out.print(f"  place {place.number}  {place.ticket_type}: {_brings(place)}{back}")
    for part in told.parts:
        end = f"paid {_clock(part.paid_at, zone)}" if part.paid_at else "not paid"
        out.print(f"  part {part.number}   {part.amount} due {_clock(part.due_at, zone)}, {end}")
    for attempt in told.attempts:
        way = f" by {attempt.payment_type}" if attempt.payment_type else ""
        out.print(
            f"  attempt  {attempt.key} {attempt.state}{way}: {attempt.amount},"
            f" {attempt.refunded} back at the gateway"
        )
    for notice in told.notices:
        said = f": {notice.reason}" if notice.reason else ""
        out.print(
            f"  notice   {_clock(notice.received_at, zone)} {notice.attempt_key}"
            f" {notice.outcome or 'waits'}{said}"
        )
    for flag in told.flags:
        end = f"answered {_clock(flag.resolved_at, zone)}" if flag.resolved_at else "[red]open[/]"
        out.print(f"  flag     {flag.flag} {end}: {flag.message}")
    for refund in told.refunds:
        more = "; ".join(text for text in (refund.reason, refund.said, refund.reference) if text)
        out.print(
            f"  refund   {refund.key} {refund.amount} {refund.channel} {refund.state}"
            f"{f': {more}' if more else ''}"
        )
    for deed in told.deeds:
        out.print(f"  deed     {_clock(deed.at, zone)} {deed.action} by {deed.actor}")


def _clock(at: "datetime | None", zone: "ZoneInfo") -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M %Z}" if at else ""


def _as_json(told: "OrderStory") -> object:
    from dataclasses import asdict

    return plain(asdict(told))


def plain(value: object) -> object:
    """Amounts as numbers: `{"amount": 5}`, which a Rupiah becomes, is 5."""
    if isinstance(value, dict):
        if list(value) == ["amount"] and isinstance(value["amount"], int):
            return value["amount"]
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return value
