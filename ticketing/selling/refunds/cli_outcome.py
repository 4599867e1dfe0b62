"""Options and output of `ticketing refunds`; its commands for what the gateway did not refund."""

from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.platform.cli.console import actor, now, open_application
from ticketing.platform.cli.options import JsonOption
from ticketing.platform.cli.output import (
    print_apply_command,
    print_json,
    print_list,
    print_text,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ticketing.orders.refund import Refund
    from ticketing.selling.refunds.refund_plan import RefundablePlace, RefundPlan

OrderCodeArgument = Annotated[
    str, typer.Argument(help="Code of the order: ORD-…", show_default=False)
]
ByHandOption = Annotated[
    bool,
    typer.Option(
        "--by-hand",
        help="Staff pay it back outside of the gateway; then `refunds mark-paid` records it.",
    ),
]


def print_refund_plan(plan: "RefundPlan", *, as_json: bool) -> None:
    """Print a plan and the command that applies it, or the plan as JSON."""
    if as_json:
        print_json(plan)
        return
    print_text(
        f"Order {plan.order_code} ({plan.order_state}): {plan.amount} would be refunded,"
        f" {plan.kept} would be kept."
    )
    for part in plan.parts:
        reason = f": {part.reason}" if part.reason else ""
        print_text(f"  {part.amount} of {part.attempt_key} by {part.channel}{reason}")
    for place in plan.places:
        print_text(
            f"  position {place.number} ({place.ticket_type}, {place.worth}) ends:"
            f" {_describe_effect(place)}"
        )
    print_text(f"  positions that stay: {plan.places_left}", *(f"  {note}" for note in plan.notes))
    print_apply_command(f"refunds apply {plan.order_code} --plan {plan.plan_hash}")


def print_refunds(refunds: "Sequence[Refund]", *, as_json: bool) -> None:
    """Print refunds as a table or as JSON."""
    print_list(
        refunds,
        {
            "refund": lambda refund: refund.key,
            "amount": lambda refund: refund.amount,
            "channel": lambda refund: refund.channel,
            "state": lambda refund: refund.state,
            "gateway says": lambda refund: refund.gateway_message,
            "reference": lambda refund: refund.reference,
        },
        as_json=as_json,
        empty="No refunds.",
    )


def _describe_effect(place: "RefundablePlace") -> str:
    if place.voucher_id is not None:
        return f"its voucher is revoked{' (already used)' if place.used else ''}"
    return f"ticket {place.ticket_code} is revoked" if place.ticket_code else "no ticket yet"


app = typer.Typer()

RefundKeyOption = Annotated[
    str | None,
    typer.Option("--refund", help="Which refund, if the order has several: ORD-…-01-R1."),
]


@app.command("mark-paid")
def mark_refund_paid(
    code: OrderCodeArgument,
    *,
    reference: Annotated[str, typer.Option(help="Reference of the bank transfer.")],
    key: RefundKeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Record a refund that was transferred by hand."""
    from ticketing.selling.refunds.outcome import mark_transferred

    with open_application() as application:
        refund = mark_transferred(
            application.database, code, key=key, reference=reference, at=now(), by=actor()
        )
    print_refunds([refund], as_json=as_json)


@app.command("retry")
def retry_refunds(
    code: Annotated[
        str | None, typer.Argument(help="Code of the order: ORD-…", show_default=False)
    ] = None,
    *,
    key: RefundKeyOption = None,
    slug: Annotated[
        str | None, typer.Option("--event", "-e", help="All failed refunds of this event.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Send a failed refund again, or all of an event.

    A gateway refuses a refund when the merchant account has too little money, for example. Exit
    code 1 when a refund failed again.
    """
    from ticketing.events.queries import get_event
    from ticketing.selling.payments import refund_queries
    from ticketing.selling.payments.midtrans.client import Midtrans
    from ticketing.selling.refunds import outcome
    from ticketing.selling.refunds.send_refunds import send_refunds

    if (code is None) == (slug is None):
        raise typer.BadParameter("name either the code of an order or an --event")
    with open_application() as application:
        if code is not None:
            retried = [
                outcome.retry_refund(application.database, code, key=key, at=now(), by=actor())
            ]
        else:
            event = get_event(application.database, slug or "")
            retried = outcome.retry_failed_refunds(
                application.database, event, at=now(), by=actor()
            )
        send_refunds(application.database, application.get(Midtrans), at=now(), by=actor())
        with application.database.transaction() as connection:
            retried = [refund_queries.get(connection, refund.id) for refund in retried]
    print_refunds(retried, as_json=as_json)
    raise typer.Exit(1 if any(refund.state == "failed" for refund in retried) else 0)


@app.command("cancel")
def cancel_refund(
    code: OrderCodeArgument,
    *,
    reason: Annotated[str, typer.Option(help="Why the refund is not owed.")],
    key: RefundKeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Cancel a failed or manual refund that is not owed after all."""
    from ticketing.selling.refunds import outcome

    with open_application() as application:
        refund = outcome.cancel_refund(
            application.database, code, key=key, reason=reason, at=now(), by=actor()
        )
    print_refunds([refund], as_json=as_json)
