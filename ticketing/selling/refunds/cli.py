"""`ticketing refunds`: plan, apply, list, send, policy; the others are in `cli_outcome`."""

from typing import Annotated

import typer

from ticketing.events.cli_context import open_event
from ticketing.platform.cli.console import actor, now, open_application
from ticketing.platform.cli.options import MAX_RUPIAH, EventOption, JsonOption, PlanOption
from ticketing.platform.cli.output import print_hold, print_result
from ticketing.selling.refunds import cli_outcome
from ticketing.selling.refunds.cli_outcome import (
    ByHandOption,
    OrderCodeArgument,
    print_refund_plan,
    print_refunds,
)

app = typer.Typer(no_args_is_help=True)

FeePercentOption = Annotated[
    int | None,
    typer.Option("--fee-percent", min=0, max=100, help="Percentage of the price that is kept."),
]
FeePerPlaceOption = Annotated[
    int | None,
    typer.Option("--fee-each", min=0, max=MAX_RUPIAH, help="Rupiah kept per position."),
]


@app.command("plan")
def plan_refund(
    code: OrderCodeArgument,
    *,
    place: Annotated[
        list[int] | None,
        typer.Option(min=1, help="Only this position, as in `orders show` (repeatable)."),
    ] = None,
    amount: Annotated[
        int | None,
        typer.Option(min=0, max=MAX_RUPIAH, help="Refund this amount in rupiah."),
    ] = None,
    surplus: Annotated[
        bool, typer.Option("--surplus", help="Only late and duplicate payments.")
    ] = False,
    by_hand: ByHandOption = False,
    fee_percent: FeePercentOption = None,
    fee_each: FeePerPlaceOption = None,
    reason: Annotated[str, typer.Option(help="Reason for the buyer and the gateway.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Show what a refund would do.

    Without --place every position is refunded; with --amount alone no position ends.
    """
    from ticketing.platform.kernel.money import Rupiah
    from ticketing.selling.refunds import service
    from ticketing.selling.refunds.refund_plan import RefundRequest, RefundScope

    with open_application() as application:
        policy = service.get_refund_fee(application.database, code)
        request = RefundRequest(
            places=tuple(place) if place else None if amount is None else (),
            amount=None if amount is None else Rupiah(amount),
            money=RefundScope.SURPLUS if surplus else RefundScope.ORDER,
            fee=policy.changed(fee_percent, fee_each),
            reason=reason,
            by_hand=by_hand,
        )
        plan = service.plan_refund(application.database, code, request, at=now(), by=actor())
    print_refund_plan(plan, as_json=as_json)


@app.command("apply")
def apply_refund(code: OrderCodeArgument, *, plan: PlanOption, as_json: JsonOption = False) -> None:
    """Make a planned refund. After an interruption, run it again: it continues."""
    from ticketing.selling.payments.midtrans.client import Midtrans
    from ticketing.selling.refunds import service

    with open_application() as application:
        result = service.apply_refund(
            application.database,
            application.get(Midtrans),
            code,
            plan_hash=plan,
            at=now(),
            by=actor(),
        )
    print_refunds(result.refunds, as_json=as_json)


@app.command("list")
def list_refunds(slug: EventOption, *, as_json: JsonOption = False) -> None:
    """List the refunds of an event that are not paid yet."""
    from ticketing.selling.payments import refund_queries

    with open_event(slug) as (application, event):
        outstanding = application.database.run(refund_queries.list_outstanding, event.id)
    print_refunds([one.refund for one in outstanding], as_json=as_json)


@app.command("send")
def send_refunds(*, as_json: JsonOption = False) -> None:
    """Send all waiting refunds to the payment gateway.

    Exit code 1 when a refund failed.
    """
    from ticketing.backup.restore_queries import describe_hold
    from ticketing.selling.payments.midtrans.client import Midtrans
    from ticketing.selling.refunds import send_refunds as service

    with open_application() as application:
        result = service.send_refunds(
            application.database, application.get(Midtrans), at=now(), by=actor(),
            concurrency=application.settings.midtrans_concurrency,
        )  # fmt: skip
        print_hold(application.database.run(describe_hold))
    line = f"{result.done} done, {result.failed} failed, {result.waiting} still waiting."
    print_result(result, line, as_json=as_json)
    raise typer.Exit(1 if result.failed else 0)


@app.command("policy")
def set_policy(
    slug: EventOption,
    *,
    fee_percent: FeePercentOption = None,
    fee_each: FeePerPlaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what an event keeps of refunds, or change it.

    Omitted options stay unchanged.
    """
    from ticketing.selling.refunds.service import set_refund_fee

    with open_event(slug) as (application, event):
        fee = set_refund_fee(
            application.database, event, percent=fee_percent, each=fee_each, by=actor()
        )
    line = f"{event.slug} keeps {fee.percent} % and {fee.each} per position."
    print_result(fee, line, as_json=as_json)


app.add_typer(cli_outcome.app)
