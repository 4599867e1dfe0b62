"""`ticketing orders`: resolve, accept and assign, which answer review flags."""

from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.platform.cli.console import actor, now, open_application
from ticketing.platform.cli.options import JsonOption, PlanOption, parse_choice
from ticketing.platform.cli.output import (
    print_apply_command,
    print_json,
    print_result,
    print_text,
)
from ticketing.selling.refunds.cli_outcome import ByHandOption, OrderCodeArgument, print_refund_plan

if TYPE_CHECKING:
    from ticketing.orders.order import Order
    from ticketing.selling.payments.assign_transaction import AssignmentPlan
    from ticketing.selling.review.accept_payment import AcceptancePlan

app = typer.Typer()

RESOLUTIONS = {
    "complete": "paid_late",
    "accept": "amount_differs",
    "refund": "",
    "note": "",
}


@app.command("resolve")
def resolve_flag(
    code: OrderCodeArgument,
    *,
    flag: Annotated[str, typer.Option(help="The review flag, as `orders show` names it.")],
    by: Annotated[
        str,
        typer.Option(
            help="complete: assign places late; accept: plan to accept another amount;"
            " refund: plan a refund; note: record a reason."
        ),
    ],
    reason: Annotated[
        str, typer.Option(help="Reason; the buyer reads the reason of a refund.")
    ] = "",
    by_hand: ByHandOption = False,
    as_json: JsonOption = False,
) -> None:
    """Resolve a review flag of an order.

    `--by refund` and `--by accept` only plan; `ticketing refunds apply` and `ticketing orders
    accept` carry the plan out.
    """
    from ticketing.orders.order import ReviewFlag
    from ticketing.selling.refunds.resolve_flag import (
        complete_late_order,
        dismiss_flag,
        refund_request_for_flag,
    )
    from ticketing.selling.refunds.service import plan_refund
    from ticketing.selling.review.accept_payment import plan_acceptance

    chosen = parse_choice(flag, ReviewFlag, "--flag")
    _check_resolution(chosen, by, reason)
    if by_hand and by != "refund":
        raise typer.BadParameter("only for --by refund", param_hint="--by-hand")
    with open_application() as application:
        database = application.database
        if by == "refund":
            request = refund_request_for_flag(chosen, reason=reason, by_hand=by_hand)
            plan = plan_refund(database, code, request, at=now(), by=actor())
            print_refund_plan(plan, as_json=as_json)
        elif by == "accept":
            accepted = plan_acceptance(database, code, reason=reason, at=now(), by=actor())
            _print_acceptance(accepted, as_json=as_json)
        elif by == "complete":
            order = complete_late_order(database, code, at=now(), by=actor())
            _print_order(order, as_json=as_json)
        else:
            dismiss_flag(database, code, chosen, reason=reason, at=now(), by=actor())
            result = {"order": code.upper(), "flag": chosen, "resolved": True}
            print_result(result, f"Resolved {chosen} of {code.upper()}.", as_json=as_json)


def _check_resolution(flag: str, by: str, reason: str) -> None:
    if by not in RESOLUTIONS:
        raise typer.BadParameter(
            f"{by!r} is not one of {', '.join(RESOLUTIONS)}", param_hint="--by"
        )
    if RESOLUTIONS[by] not in {"", flag}:
        raise typer.BadParameter(f"{by} is only for the flag {RESOLUTIONS[by]}", param_hint="--by")
    if by in {"accept", "note"} and not reason:
        raise typer.BadParameter(f"{by} needs a --reason", param_hint="--by")


@app.command("accept")
def accept_payment(
    code: OrderCodeArgument, *, plan: PlanOption, as_json: JsonOption = False
) -> None:
    """Accept a payment of another amount, as planned by `orders resolve --by accept`."""
    from ticketing.selling.review.accept_payment import apply_acceptance

    with open_application() as application:
        order = apply_acceptance(application.database, code, plan_hash=plan, at=now(), by=actor())
    _print_order(order, as_json=as_json)


@app.command("assign")
def assign_transaction(
    code: OrderCodeArgument,
    *,
    transaction: Annotated[
        str | None, typer.Option(help="Transaction id, as in the gateway's dashboard.")
    ] = None,
    reason: Annotated[str, typer.Option(help="How it is known whose payment it is.")] = "",
    plan: Annotated[
        str | None, typer.Option("--plan", help="Hash of the plan to be applied.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Assign a payment at the gateway to an order, when nothing else does.

    With --transaction it shows a plan, with --plan it applies one. A transaction that belongs to
    another order is taken away from it.
    """
    from ticketing.selling.payments import assign_transaction as service
    from ticketing.selling.payments.midtrans.client import Midtrans

    if (transaction is None) == (plan is None):
        raise typer.BadParameter("name either a --transaction to plan or a --plan to apply")
    if transaction is not None and not reason:
        raise typer.BadParameter("--transaction needs a --reason")
    with open_application() as application:
        database, gateway = application.database, application.get(Midtrans)
        if plan is not None:
            order = service.apply_assignment(
                database, gateway, code, plan_hash=plan, at=now(), by=actor()
            )
            _print_order(order, as_json=as_json)
        else:
            planned = service.plan_assignment(
                database, gateway, code, transaction_id=transaction or "", reason=reason,
                at=now(), by=actor(),
            )  # fmt: skip
            _print_assignment(planned, as_json=as_json)


def _print_order(order: "Order", *, as_json: bool) -> None:
    following = "; its tickets are issued next" if order.state == "paid" else ""
    line = f"Order {order.code} is {order.state}{following}."
    print_result({"order": order.code, "state": order.state}, line, as_json=as_json)


def _print_acceptance(plan: "AcceptancePlan", *, as_json: bool) -> None:
    if as_json:
        print_json(plan)
        return
    what = "surplus" if plan.difference > 0 else "shortfall"
    target = f"instalment {plan.instalment}" if plan.instalment else "the order"
    print_text(
        f"Order {plan.order_code} ({plan.order_state}): {plan.received} of {plan.attempt_key} would"
        f" pay {target} of {plan.requested}.",
        f"  recorded in the ledger as {what}: {abs(plan.difference):,}".replace(",", "."),
    )
    print_apply_command(f"orders accept {plan.order_code} --plan {plan.plan_hash}")


def _print_assignment(plan: "AssignmentPlan", *, as_json: bool) -> None:
    if as_json:
        print_json(plan)
        return
    print_text(
        f"Order {plan.order_code} ({plan.order_state}): transaction {plan.transaction_id}"
        f" ({plan.transaction_state}, {plan.amount}) would pay {plan.attempt_key}"
        f" of {plan.requested}."
    )
    if plan.taken_from:
        print_text(f"  it is taken from {plan.taken_from}")
    if plan.ends_order:
        print_text(f"  order {plan.ends_order} is cancelled and its tickets are revoked")
    print_apply_command(f"orders assign {plan.order_code} --plan {plan.plan_hash}")
