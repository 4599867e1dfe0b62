"""`ticketing cancellations`: plan, apply."""

from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.events.cli_context import open_event
from ticketing.platform.cli.console import actor, now
from ticketing.platform.cli.options import EventOption, JsonOption, PlanOption
from ticketing.platform.cli.output import (
    print_apply_command,
    print_json,
    print_result,
    print_table,
    print_text,
    to_object,
)
from ticketing.selling.refunds.cli import FeePercentOption, FeePerPlaceOption

if TYPE_CHECKING:
    from ticketing.selling.cancellation.plan_cancellation import CancellationPlan

app = typer.Typer(no_args_is_help=True)

MAX_ROWS_SHOWN = 50


@app.command("plan")
def plan_cancellation(
    slug: EventOption,
    *,
    reason: Annotated[str, typer.Option(help="Reason; the buyers read it.")],
    fee_percent: FeePercentOption = None,
    fee_each: FeePerPlaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what cancelling an event would do; without a fee option nothing is kept."""
    from ticketing.orders.refund import RefundFee
    from ticketing.platform.kernel.money import Rupiah
    from ticketing.selling.cancellation import plan_cancellation as service

    fee = RefundFee(fee_percent or 0, Rupiah(fee_each or 0))
    with open_event(slug) as (application, event):
        plan = service.plan_cancellation(
            application.database, event, fee=fee, reason=reason, at=now(), by=actor()
        )
    if as_json:
        sums = {"amount": plan.amount, "kept": plan.kept, "by_hand": plan.manual_amount}
        print_json(to_object(plan) | sums)
    else:
        _print_plan(plan)


@app.command("apply")
def apply_cancellation(slug: EventOption, *, plan: PlanOption, as_json: JsonOption = False) -> None:
    """Cancel the event as planned.

    After an interruption, run it again: it continues. Run it again for money that arrives late,
    too. Exit code 1 when an order could not be cancelled yet.
    """
    from ticketing.platform.cli.progress import count_progress
    from ticketing.selling.cancellation.cancel_event import cancel_event
    from ticketing.selling.payments.midtrans.client import Midtrans

    with (
        open_event(slug) as (application, event),
        count_progress(quiet=as_json) as progress,
    ):
        result = cancel_event(
            application.database, application.get(Midtrans), event, plan_hash=plan, at=now(),
            by=actor(),
            progress=progress,
        )  # fmt: skip
    lines = [
        f"{event.slug} is cancelled.",
        f"Ended now: {result.ended:,} orders, {result.tickets:,} tickets.",
    ]
    if result.left:
        lines.append(f"{result.left:,} orders could not be ended; run this command again.")
    if result.outstanding_refunds:
        lines.append(
            f"{result.outstanding_refunds:,} refunds are not paid yet: "
            f"ticketing refunds list --event {event.slug}"
        )
    print_result(result, *lines, as_json=as_json)
    raise typer.Exit(1 if result.left else 0)


def _print_plan(plan: "CancellationPlan") -> None:
    shown = plan.refunds[:MAX_ROWS_SHOWN]
    if shown:
        print_table(
            shown,
            {
                "order": lambda one: one.order_code,
                "state": lambda one: one.order_state,
                "positions": lambda one: len(one.places),
                "refund": lambda one: one.amount,
                "kept": lambda one: one.kept,
                "by": lambda one: ", ".join(sorted({part.channel for part in one.parts})),
            },
        )
    if len(plan.refunds) > MAX_ROWS_SHOWN:
        print_text(f"… and {len(plan.refunds) - MAX_ROWS_SHOWN:,} more; --json lists all")
    print_text(
        f"{plan.amount} of {len(plan.refunds):,} orders would be refunded,"
        f" {plan.manual_amount} of it by hand; {plan.kept} would be kept."
    )
    print_text(
        f"{plan.pending:,} pending orders would be cancelled and"
        f" {plan.live_tickets:,} live tickets revoked."
    )
    print_apply_command(f"cancellations apply --event {plan.event} --plan {plan.plan_hash}")
