"""Shared by the refund commands: the order's code, and printing of plans and refunds."""

from typing import TYPE_CHECKING, Annotated

import typer

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
