"""`ticketing refund`: plan, apply, and what a person does when the gateway cannot."""

import sys
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
from ticketing.cli.orders import CodeArgument, plain
from ticketing.cli.sale import MOST_RUPIAH, EventArgument

if TYPE_CHECKING:
    from ticketing.domain.refund_plans import Fee, Place, RefundPlan
    from ticketing.domain.refunds import Refund

app = typer.Typer(help="Give money back: planned first, then applied.", no_args_is_help=True)

PercentOption = Annotated[
    int | None, typer.Option("--fee-percent", min=0, max=100, help="Of what a place cost, kept.")
]
EachOption = Annotated[
    int | None, typer.Option("--fee-each", min=0, max=MOST_RUPIAH, help="Rupiah kept a place.")
]
KeyOption = Annotated[
    str | None, typer.Option("--refund", help="Which one, if the order has several: ORD-…-01-R1.")
]


@app.command("plan")
def plan(
    code: CodeArgument,
    *,
    place: Annotated[
        list[int] | None,
        typer.Option(min=1, help="Only this place, as `orders show` numbers it; again for more."),
    ] = None,
    amount: Annotated[
        int | None,
        typer.Option(min=0, max=MOST_RUPIAH, help="So much goes back, whatever the places cost."),
    ] = None,
    surplus: Annotated[
        bool, typer.Option("--surplus", help="Only money that pays for nothing: late, or twice.")
    ] = False,
    fee_percent: PercentOption = None,
    fee_each: EachOption = None,
    reason: Annotated[str, typer.Option(help="The buyer and the gateway are told.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Say what a refund would do.

    Without --place all places end; with --amount alone none does.
    """
    from ticketing.actions.plan_refund import plan_refund, rule_of
    from ticketing.domain.money import Rupiah
    from ticketing.domain.refund_plans import Asked, Money

    with open_application() as application:
        rule = rule_of(application.database, code)
        asked = Asked(
            places=tuple(place) if place else None if amount is None else (),
            amount=None if amount is None else Rupiah(amount),
            money=Money.SURPLUS if surplus else Money.ORDER,
            fee=_fee(rule, fee_percent, fee_each),
            reason=reason,
        )
        planned = plan_refund(application.database, code, asked, at=now(), by=actor())
    show_plan(planned, as_json=as_json)


@app.command("apply")
def apply(
    code: CodeArgument,
    *,
    plan: Annotated[str, typer.Option(help="The hash that `refund plan` printed.")],
    as_json: JsonOption = False,
) -> None:
    """Do what was planned; again, it goes on where it was."""
    from ticketing.actions.apply_refund import apply_refund
    from ticketing.gateways.midtrans import Midtrans

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

    from ticketing.actions.send_refunds import send_refunds
    from ticketing.gateways.midtrans import Midtrans

    with open_application() as application:
        sent = send_refunds(application.database, application.get(Midtrans), at=now(), by=actor())
    if as_json:
        print_json(asdict(sent))
    else:
        screen().print(f"{sent.done} done, {sent.failed} failed, {sent.waiting} still waiting")
    sys.exit(1 if sent.failed else 0)


@app.command("list")
def list_owed(event: EventArgument, *, as_json: JsonOption = False) -> None:
    """List what is still owed to buyers of an event."""
    from ticketing.store import refunds
    from ticketing.store.events import find_event

    with open_application() as application, application.database.transaction() as connection:
        owed = refunds.owed(connection, find_event(application.database, event).id)
    _show([one.refund for one in owed], as_json=as_json)


@app.command("done")
def done(
    code: CodeArgument,
    *,
    reference: Annotated[str, typer.Option(help="Of the transfer, as the bank names it.")],
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say that a refund was transferred by hand."""
    from ticketing.actions.end_refund import transferred

    with open_application() as application:
        refund = transferred(
            application.database, code, key=key, reference=reference, at=now(), by=actor()
        )
    _show([refund], as_json=as_json)


@app.command("retry")
def retry(
    code: Annotated[
        str | None, typer.Argument(help="The order's code.", show_default=False)
    ] = None,
    *,
    key: KeyOption = None,
    event: Annotated[
        str | None, typer.Option("--event", "-e", help="All of an event instead of one.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Ask the gateway again for a refund that failed, or for all of an event.

    A gateway refuses when there is too little money on the merchant's account, for one.
    """
    from ticketing.actions.end_refund import retry as ask_again
    from ticketing.actions.end_refund import retry_all
    from ticketing.actions.send_refunds import send_refunds
    from ticketing.gateways.midtrans import Midtrans
    from ticketing.store import refunds
    from ticketing.store.events import find_event

    if (code is None) == (event is None):
        raise typer.BadParameter("say either an order's code or --event")
    with open_application() as application:
        if code is not None:
            again = [ask_again(application.database, code, key=key, at=now(), by=actor())]
        else:
            known = find_event(application.database, event or "")
            again = retry_all(application.database, known, at=now(), by=actor())
        send_refunds(application.database, application.get(Midtrans), at=now(), by=actor())
        with application.database.transaction() as connection:
            again = [refunds.by_id(connection, one.id) for one in again]
    _show(again, as_json=as_json)
    sys.exit(1 if any(one.state == "failed" for one in again) else 0)


@app.command("drop")
def drop(
    code: CodeArgument,
    *,
    reason: Annotated[str, typer.Option(help="Why it is not owed after all.")],
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say that a failed or manual refund is not owed after all."""
    from ticketing.actions.end_refund import drop as give_up

    with open_application() as application:
        refund = give_up(application.database, code, key=key, reason=reason, at=now(), by=actor())
    _show([refund], as_json=as_json)


@app.command("rule")
def rule(
    event: EventArgument, *, fee_percent: PercentOption = None, fee_each: EachOption = None
) -> None:
    """Show what an event keeps of refunds, or change it."""
    from ticketing.actions.plan_refund import set_rule
    from ticketing.store.events import find_event

    with open_application() as application:
        known = find_event(application.database, event)
        kept = set_rule(application.database, known, percent=fee_percent, each=fee_each, by=actor())
    screen().print(f"{known.slug} keeps {kept.percent} % and {kept.each} a place")


def show_plan(planned: "RefundPlan", *, as_json: bool) -> None:
    """A plan for people, or for machines."""
    from dataclasses import asdict

    if as_json:
        print_json(plain(asdict(planned)))
        return
    out = screen()
    out.print(
        f"order {planned.order_code} ({planned.order_state}): {planned.amount} would go back,"
        f" {planned.kept} would be kept; nothing has changed yet"
    )
    for part in planned.parts:
        way = part.channel if not part.why else f"{part.channel}: {part.why}"
        out.print(f"  {part.amount} of {part.attempt_key}  {way}")
    for place in planned.places:
        out.print(
            f"  place {place.number} ({place.ticket_type}, {place.worth}) ends: {_loses(place)}"
        )
    out.print(f"  places that stay: {planned.places_left}")
    for note in planned.notes:
        out.print(f"  {note}")
    out.print(f"to do it: ticketing refund apply {planned.order_code} --plan {planned.plan_hash}")


def _loses(place: "Place") -> str:
    if place.voucher_id is not None:
        return f"its voucher is taken back{', used already' if place.used else ''}"
    return f"ticket {place.ticket_code} dies" if place.ticket_code else "no ticket yet"


def _fee(rule: "Fee", percent: int | None, each: int | None) -> "Fee":
    from ticketing.domain.money import Rupiah
    from ticketing.domain.refund_plans import Fee

    return Fee(
        rule.percent if percent is None else percent, rule.each if each is None else Rupiah(each)
    )


def _show(refunds: "tuple[Refund, ...] | list[Refund]", *, as_json: bool) -> None:
    from dataclasses import asdict

    if as_json:
        print_json([plain(asdict(one)) for one in refunds])
        return
    table = listing("refund", "amount", "by", "state", "said", "reference")
    for one in refunds:
        table.add_row(one.key, str(one.amount), one.channel, one.state, one.said, one.reference)
    screen().print(table)
