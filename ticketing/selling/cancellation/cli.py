"""`ticketing cancel-event`: plan, apply."""

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
from ticketing.platform.cli.options import EventArgument
from ticketing.selling.refunds.cli import FeePercentOption, FeePerPlaceOption

if TYPE_CHECKING:
    from ticketing.selling.cancellation.plan_cancellation import CancellationPlan

app = typer.Typer(help="Call an event off: planned first, then applied.", no_args_is_help=True)

MAX_ROWS_SHOWN = 50


@app.command("plan")
def plan(
    event: EventArgument,
    *,
    reason: Annotated[str, typer.Option(help="The buyers are told.")],
    fee_percent: FeePercentOption = None,
    fee_each: FeePerPlaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what calling an event off would do; without a fee option nothing is kept."""
    from dataclasses import asdict

    from ticketing.events.queries import get_event
    from ticketing.orders.fee import RefundFee
    from ticketing.platform.kernel.money import Rupiah
    from ticketing.selling.cancellation.plan_cancellation import plan_cancellation

    kept = RefundFee(fee_percent or 0, Rupiah(fee_each or 0))
    with open_application() as application:
        known = get_event(application.database, event)
        planned = plan_cancellation(
            application.database, known, fee=kept, reason=reason, at=now(), by=actor()
        )
    if as_json:
        sums = {"amount": planned.amount, "kept": planned.kept, "by_hand": planned.manual_amount}
        print_json(
            amounts_to_numbers(
                asdict(planned) | {name: asdict(sum_) for name, sum_ in sums.items()}
            )
        )
        return
    _show(planned)


@app.command("apply")
def apply(
    event: EventArgument,
    *,
    plan: Annotated[str, typer.Option(help="The hash that `cancel-event plan` printed.")],
    as_json: JsonOption = False,
) -> None:
    """Call the event off as planned; again, it goes on where it was.

    Also for money that comes late: run it again with the same plan.
    """
    from dataclasses import asdict

    from ticketing.events.queries import get_event
    from ticketing.platform.cli.progress import count_progress
    from ticketing.selling.cancellation.cancel_event import cancel_event
    from ticketing.selling.payments.midtrans.client import Midtrans

    with open_application() as application, count_progress(quiet=as_json) as progress:
        known = get_event(application.database, event)
        done = cancel_event(
            application.database, application.get(Midtrans), known, plan_hash=plan, at=now(),
            by=actor(),
            progress=progress,
        )  # fmt: skip
    if as_json:
        print_json(asdict(done))
    else:
        out = stdout_console()
        out.print(
            f"{known.slug} is called off; ended now: {done.ended:,} orders,"
            f" {done.tickets:,} tickets"
        )
        if done.left:
            out.print(f"orders that could not be ended: {done.left:,}; run this again")
        if done.owed:
            out.print(f"refunds still owed: {done.owed:,}; ticketing refund list {known.slug}")
    sys.exit(1 if done.left else 0)


def _show(planned: "CancellationPlan") -> None:

    out = stdout_console()
    table = new_table("order", "state", "places", "back", "kept", "by")
    for one in planned.refunds[:MAX_ROWS_SHOWN]:
        ways = ", ".join(sorted({part.channel for part in one.parts})) or "-"
        table.add_row(
            one.order_code,
            one.order_state,
            str(len(one.places)),
            str(one.amount),
            str(one.kept),
            ways,
        )
    out.print(table)
    if len(planned.refunds) > MAX_ROWS_SHOWN:
        out.print(f"and {len(planned.refunds) - MAX_ROWS_SHOWN:,} more; --json lists all")
    out.print(
        f"{planned.amount} would go back for {len(planned.refunds):,} orders,"
        f" {planned.manual_amount} of"
        f" it by hand; {planned.kept} would be kept"
    )
    out.print(
        f"{planned.pending:,} pending orders would be given up,"
        f" {planned.live_tickets:,} live tickets would die; nothing has changed yet"
    )
    out.print(f"to do it: ticketing cancel-event apply {planned.event} --plan {planned.plan_hash}")
