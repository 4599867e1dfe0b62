"""`regenerate`, `reissue`, `maintain` and `cleanup` of `ticketing vouchers`."""

from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.events.cli_context import open_event
from ticketing.platform.cli.console import actor, now, open_application
from ticketing.platform.cli.options import EventOption, JsonOption, PlanOption
from ticketing.platform.cli.output import (
    format_time,
    print_apply_command,
    print_json,
    print_result,
    print_text,
)

if TYPE_CHECKING:
    from ticketing.vouchers.reissue import BulkRegenerationResult, VoucherReissuePlan

app = typer.Typer()
cleanup = typer.Typer(
    help="Revoke leftover vouchers of an event: plan, then apply.", no_args_is_help=True
)


@app.command("regenerate")
def regenerate(
    orders: Annotated[
        list[str] | None, typer.Argument(help="Codes of orders: ORD-…", metavar="ORDER...")
    ] = None,
    *,
    failed: Annotated[
        bool, typer.Option("--failed", help="All orders with a failed voucher.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Retry the missing vouchers of orders at once.

    Vouchers that exist stay as they are. Exit code 1 when an order was refused.
    """
    from ticketing.orders import queries as order_queries
    from ticketing.vouchers import cleanup_queries
    from ticketing.vouchers.reissue import regenerate_all

    if bool(orders) is failed:
        raise typer.BadParameter("name orders, or use --failed")
    with open_application() as application:
        with application.database.transaction() as connection:
            order_ids = (
                cleanup_queries.list_failed_order_ids(connection)
                if failed
                else [order_queries.get_by_code(connection, code).id for code in orders or []]
            )
        result = regenerate_all(application.database, order_ids, at=now(), by=actor())
    print_result(result, *_describe_regenerated(result), as_json=as_json)
    raise typer.Exit(1 if result.refused else 0)


@app.command("reissue")
def reissue(
    voucher: Annotated[str, typer.Argument(help="Key of the voucher: V…", metavar="KEY")],
    *,
    plan: Annotated[
        str | None, typer.Option(help="Hash printed by the command without --plan.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Replace a voucher by a new one; the previous one is revoked.

    Without --plan it shows whether the voucher was used, and changes nothing.
    """
    from ticketing.vouchers.reissue import plan_reissue, reissue_voucher

    with open_application() as application:
        if plan is not None:
            new = reissue_voucher(
                application.database, voucher, plan_hash=plan, at=now(), by=actor()
            )
            line = f"Revoked {voucher}; {new} replaces it and is sent to the buyer."
            print_result({"revoked": voucher, "replacement": new}, line, as_json=as_json)
            return
        planned = plan_reissue(application.database, voucher)
    if as_json:
        print_json(planned)
    else:
        _print_reissue_plan(voucher, planned)


@app.command("maintain")
def maintain(*, as_json: JsonOption = False) -> None:
    """Poll all routers, revoke vouchers that ended, and fill pools.

    The worker, or `ticketing vouchers provision`, removes revoked vouchers from the routers. Exit
    code 1 when a router did not answer.
    """
    from ticketing.vouchers.maintenance import maintain_vouchers
    from ticketing.vouchers.provisioning.router_clients import RouterConnector

    with open_application() as application, application.get(RouterConnector).connect() as routers:
        result = maintain_vouchers(application.database, routers, clock=now, by=actor())
    if as_json:
        print_json(result)
    else:
        for poll in result.polls:
            text = poll.error or (
                f"{poll.found:,} vouchers present, {poll.first_used:,} newly used,"
                f" {poll.used_up:,} used up"
            )
            print_text(f"{poll.router}: {text}")
        print_text(
            f"Revoked: {result.clean_up.expired:,} expired, {result.clean_up.left_over:,} leftover."
            f" Pools: {result.pools.allocated:,} added, {result.pools.revoked:,} removed."
        )
    raise typer.Exit(1 if any(poll.error for poll in result.polls) else 0)


@cleanup.command("plan")
def plan_cleanup(slug: EventOption, *, as_json: JsonOption = False) -> None:
    """Show which vouchers of an event a clean-up would revoke."""
    from ticketing.vouchers.maintenance import plan_clean_up

    with open_event(slug) as (application, event):
        plan = plan_clean_up(application.database, event, at=now(), by=actor())
    if as_json:
        print_json(plan)
        return
    for label, group in (("leftover", plan.left_over), ("expired", plan.expired)):
        print_text(
            f"{label}: {group.vouchers:,} vouchers of {group.orders:,} orders,"
            f" {group.used:,} of them used"
        )
    print_apply_command(f"vouchers cleanup apply --event {plan.event} --plan {plan.plan_hash}")


@cleanup.command("apply")
def apply_cleanup(slug: EventOption, *, plan: PlanOption, as_json: JsonOption = False) -> None:
    """Revoke the planned vouchers. After an interruption, run it again: it continues.

    Orders are not changed.
    """
    from ticketing.vouchers.maintenance import apply_clean_up

    with open_event(slug) as (application, event):
        result = apply_clean_up(application.database, event, plan_hash=plan, at=now(), by=actor())
    line = f"Revoked: {result.left_over:,} leftover, {result.expired:,} expired."
    print_result(result, line, as_json=as_json)


def _describe_regenerated(result: "BulkRegenerationResult") -> list[str]:
    lines = [
        f"{one.order_code}: {one.due} retried, {one.present} present"
        + (f", {one.ended} ended" if one.ended else "")
        for one in result.orders
    ]
    lines += [f"order {order_id}: {reason}" for order_id, reason in result.refused.items()]
    return lines or ["No vouchers to retry."]


def _print_reissue_plan(voucher: str, plan: "VoucherReissuePlan") -> None:
    used = (
        f"used since {format_time(plan.first_used_at)}, {plan.online} devices online,"
        f" {plan.bytes_used:,} bytes"
        if plan.first_used_at
        else "not used, as far as is known"
    )
    print_text(
        f"{voucher} is number {plan.number} of order {plan.order_code}; it is {used}.",
        "It would be revoked and replaced by a new voucher.",
    )
    print_apply_command(f"vouchers reissue {voucher} --plan {plan.plan_hash}")


app.add_typer(cleanup, name="cleanup")
