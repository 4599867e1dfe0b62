"""`ticketing refund`: plan, apply, and what a person does when the gateway cannot."""

import sys
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
from ticketing.platform.cli.options import MAX_RUPIAH, EventArgument
from ticketing.selling.refunds.cli_orders import OrderCodeArgument

if TYPE_CHECKING:
    from ticketing.orders.fee import RefundFee
    from ticketing.orders.refund import Refund
    from ticketing.selling.refunds.refund_plan import RefundablePlace, RefundPlan

app = typer.Typer(help="Give money back: planned first, then applied.", no_args_is_help=True)

FeePercentOption = Annotated[
    int | None, typer.Option("--fee-percent", min=0, max=100, help="Of what a place cost, kept.")
]
FeePerPlaceOption = Annotated[
    int | None, typer.Option("--fee-each", min=0, max=MAX_RUPIAH, help="Rupiah kept a place.")
]
RefundKeyOption = Annotated[
    str | None, typer.Option("--refund", help="Which one, if the order has several: ORD-…-01-R1.")
]


@app.command("plan")
def plan(
    code: OrderCodeArgument,
    *,
    place: Annotated[
        list[int] | None,
        typer.Option(min=1, help="Only this place, as `orders show` numbers it; again for more."),
    ] = None,
    amount: Annotated[
        int | None,
        typer.Option(min=0, max=MAX_RUPIAH, help="So much goes back, whatever the places cost."),
    ] = None,
    surplus: Annotated[
        bool, typer.Option("--surplus", help="Only money that pays for nothing: late, or twice.")
    ] = False,
    fee_percent: FeePercentOption = None,
    fee_each: FeePerPlaceOption = None,
    reason: Annotated[str, typer.Option(help="The buyer and the gateway are told.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Say what a refund would do.

    Without --place all places end; with --amount alone none does.
    """
    from ticketing.platform.kernel.money import Rupiah
    from ticketing.selling.refunds.refund_plan import RefundRequest, RefundScope
    from ticketing.selling.refunds.service import get_refund_fee, plan_refund

    with open_application() as application:
        rule = get_refund_fee(application.database, code)
        asked = RefundRequest(
            places=tuple(place) if place else None if amount is None else (),
            amount=None if amount is None else Rupiah(amount),
            money=RefundScope.SURPLUS if surplus else RefundScope.ORDER,
            fee=_fee(rule, fee_percent, fee_each),
            reason=reason,
        )
        planned = plan_refund(application.database, code, asked, at=now(), by=actor())
    print_refund_plan(planned, as_json=as_json)


@app.command("apply")
def apply(
    code: OrderCodeArgument,
    *,
    plan: Annotated[str, typer.Option(help="The hash that `refund plan` printed.")],
    as_json: JsonOption = False,
) -> None:
    """Do what was planned; again, it goes on where it was."""
    from ticketing.selling.payments.midtrans.client import Midtrans
    from ticketing.selling.refunds.service import apply_refund

    with open_application() as application:
        done = apply_refund(
            application.database,
            application.get(Midtrans),
            code,
            plan_hash=plan,
            at=now(),
            by=actor(),
        )
    _show(done.refunds, as_json=as_json)


@app.command("send")
def send(*, as_json: JsonOption = False) -> None:
    """Ask the gateway for every refund that waits for it."""
    from dataclasses import asdict

    from ticketing.selling.payments.midtrans.client import Midtrans
    from ticketing.selling.refunds.send_refunds import send_refunds

    with open_application() as application:
        sent = send_refunds(application.database, application.get(Midtrans), at=now(), by=actor())
    if as_json:
        print_json(asdict(sent))
    else:
        stdout_console().print(
            f"{sent.done} done, {sent.failed} failed, {sent.waiting} still waiting"
        )
    sys.exit(1 if sent.failed else 0)


@app.command("list")
def list_owed(event: EventArgument, *, as_json: JsonOption = False) -> None:
    """List what is still owed to buyers of an event."""
    from ticketing.events.queries import get_event
    from ticketing.selling.payments import refund_queries as payment_refund_queries

    with open_application() as application, application.database.transaction() as connection:
        owed = payment_refund_queries.list_outstanding(
            connection, get_event(application.database, event).id
        )
    _show([one.refund for one in owed], as_json=as_json)


@app.command("done")
def done(
    code: OrderCodeArgument,
    *,
    reference: Annotated[str, typer.Option(help="Of the transfer, as the bank names it.")],
    key: RefundKeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say that a refund was transferred by hand."""
    from ticketing.selling.refunds.outcome import mark_transferred

    with open_application() as application:
        refund = mark_transferred(
            application.database, code, key=key, reference=reference, at=now(), by=actor()
        )
    _show([refund], as_json=as_json)


@app.command("retry")
def retry(
    code: Annotated[
        str | None, typer.Argument(help="The order's code.", show_default=False)
    ] = None,
    *,
    key: RefundKeyOption = None,
    event: Annotated[
        str | None, typer.Option("--event", "-e", help="All of an event instead of one.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Ask the gateway again for a refund that failed, or for all of an event.

    A gateway refuses when there is too little money on the merchant's account, for one.
    """
    from ticketing.events.queries import get_event
    from ticketing.selling.payments import refund_queries as payment_refund_queries
    from ticketing.selling.payments.midtrans.client import Midtrans
    from ticketing.selling.refunds.outcome import retry_failed_refunds
    from ticketing.selling.refunds.outcome import retry_refund as ask_again
    from ticketing.selling.refunds.send_refunds import send_refunds

    if (code is None) == (event is None):
        raise typer.BadParameter("say either an order's code or --event")
    with open_application() as application:
        if code is not None:
            again = [ask_again(application.database, code, key=key, at=now(), by=actor())]
        else:
            known = get_event(application.database, event or "")
            again = retry_failed_refunds(application.database, known, at=now(), by=actor())
        send_refunds(application.database, application.get(Midtrans), at=now(), by=actor())
        with application.database.transaction() as connection:
            again = [payment_refund_queries.get(connection, one.id) for one in again]
    _show(again, as_json=as_json)
    sys.exit(1 if any(one.state == "failed" for one in again) else 0)


@app.command("drop")
def drop(
    code: OrderCodeArgument,
    *,
    reason: Annotated[str, typer.Option(help="Why it is not owed after all.")],
    key: RefundKeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say that a failed or manual refund is not owed after all."""
    from ticketing.selling.refunds.outcome import cancel_refund as give_up

    with open_application() as application:
        refund = give_up(application.database, code, key=key, reason=reason, at=now(), by=actor())
    _show([refund], as_json=as_json)


@app.command("rule")
def rule(
    event: EventArgument,
    *,
    fee_percent: FeePercentOption = None,
    fee_each: FeePerPlaceOption = None,
) -> None:
    """Show what an event keeps of refunds, or change it."""
    from ticketing.events.queries import get_event
    from ticketing.selling.refunds.service import set_refund_fee

    with open_application() as application:
        known = get_event(application.database, event)
        kept = set_refund_fee(
            application.database, known, percent=fee_percent, each=fee_each, by=actor()
        )
    stdout_console().print(f"{known.slug} keeps {kept.percent} % and {kept.each} a place")


def print_refund_plan(refund_plan: "RefundPlan", *, as_json: bool) -> None:
    """A plan for people, or for machines."""
    from dataclasses import asdict

    if as_json:
        print_json(amounts_to_numbers(asdict(refund_plan)))
        return
    out = stdout_console()
    out.print(
        f"order {refund_plan.order_code} ({refund_plan.order_state}):"
        f" {refund_plan.amount} would go back,"
        f" {refund_plan.kept} would be kept; nothing has changed yet"
    )
    for part in refund_plan.parts:
        way = part.channel if not part.why else f"{part.channel}: {part.why}"
        out.print(f"  {part.amount} of {part.attempt_key}  {way}")
    for place in refund_plan.places:
        out.print(
            f"  place {place.number} ({place.ticket_type}, {place.worth}) ends:"
            f" {_describe_effect(place)}"
        )
    out.print(f"  places that stay: {refund_plan.places_left}")
    for note in refund_plan.notes:
        out.print(f"  {note}")
    out.print(
        f"to do it: ticketing refund apply {refund_plan.order_code} --plan {refund_plan.plan_hash}"
    )


def _describe_effect(place: "RefundablePlace") -> str:
    if place.voucher_id is not None:
        return f"its voucher is taken back{', used already' if place.used else ''}"
    return f"ticket {place.ticket_code} dies" if place.ticket_code else "no ticket yet"


def _fee(rule: "RefundFee", percent: int | None, each: int | None) -> "RefundFee":
    from ticketing.orders.fee import RefundFee
    from ticketing.platform.kernel.money import Rupiah

    return RefundFee(
        rule.percent if percent is None else percent, rule.each if each is None else Rupiah(each)
    )


def _show(refunds: "tuple[Refund, ...] | list[Refund]", *, as_json: bool) -> None:
    from dataclasses import asdict

    if as_json:
        print_json([amounts_to_numbers(asdict(one)) for one in refunds])
        return
    table = new_table("refund", "amount", "by", "state", "said", "reference")
    for one in refunds:
        table.add_row(one.key, str(one.amount), one.channel, one.state, one.said, one.reference)
    stdout_console().print(table)
