"""`ticketing vouchers`: kept in order, tried again, replaced, cleaned up."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.cli.console import JsonOption, actor, now, open_application, print_json, screen
from ticketing.cli.sale import EventArgument

if TYPE_CHECKING:
    from ticketing.actions.plan_clean_up import CleanUpPlan
    from ticketing.actions.regenerate_vouchers import AllRegenerated

cleanup = typer.Typer(help="End what is left over: planned, then applied.", no_args_is_help=True)


def upkeep(*, as_json: JsonOption = False) -> None:
    """Look at every router, end the vouchers that are out of their time, fill stocks.

    What ends is taken off its router by the worker, or by `ticketing provision`.
    """
    from dataclasses import asdict

    from ticketing.actions.keep_vouchers import keep_vouchers
    from ticketing.actions.router_doors import RouterConnector

    with open_application() as application, application.get(RouterConnector).connect() as doors:
        kept = keep_vouchers(application.database, doors, clock=now, by=actor())
    if as_json:
        print_json(asdict(kept))
    else:
        out = screen()
        for look in kept.looks:
            said = look.error or (
                f"{look.seen:,} vouchers are there, {look.first_used:,} used since the last look,"
                f" {look.ended:,} used up"
            )
            out.print(f"{look.router}: {said}", markup=False)
        out.print(
            f"ended: {kept.clean_up.expired:,} out of time, {kept.clean_up.left_over:,} left over;"
            f" made ahead: {kept.stocked.owed:,}, too many: {kept.stocked.ended:,}"
        )
    sys.exit(1 if any(look.error for look in kept.looks) else 0)


def regenerate(
    orders: Annotated[
        list[str] | None, typer.Argument(help="Codes of orders: ORD-…", metavar="ORDER...")
    ] = None,
    *,
    failed: Annotated[
        bool, typer.Option("--failed", help="Every order of which a voucher was given up on.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Try again at once what orders are owed and did not get; what is there stays as it is."""
    from dataclasses import asdict

    from ticketing.actions.regenerate_vouchers import regenerate_all
    from ticketing.store import orders as order_rows
    from ticketing.store import voucher_life

    if bool(orders) is failed:
        raise typer.BadParameter("name orders, or say --failed")
    with open_application() as application:
        with application.database.transaction() as connection:
            wanted = (
                voucher_life.given_up(connection)
                if failed
                else [order_rows.by_code(connection, code).id for code in orders or []]
            )
        done = regenerate_all(application.database, wanted, at=now(), by=actor())
    if as_json:
        print_json(asdict(done))
    else:
        _show_regenerated(done)
    sys.exit(1 if done.refused else 0)


def reissue(
    voucher: Annotated[str, typer.Argument(help="Its key: V…", metavar="KEY")],
    *,
    plan: Annotated[
        str | None, typer.Option(help="The hash that the same without it printed.")
    ] = None,
) -> None:
    """Give a buyer another voucher for one: the old one ends. First says whether it was used."""
    from ticketing.actions.reissue_voucher import plan_reissue, reissue_voucher

    out = screen()
    with open_application() as application:
        if plan is not None:
            new = reissue_voucher(
                application.database, voucher, plan_hash=plan, at=now(), by=actor()
            )
            out.print(f"{voucher} ends, and {new} takes its place; the buyer is told of it")
            return
        planned = plan_reissue(application.database, voucher)
    used = (
        f"in use since {planned.first_used_at:%Y-%m-%d %H:%M} UTC: {planned.online} online,"
        f" {planned.bytes_used:,} bytes"
        if planned.first_used_at
        else "not used as far as is known"
    )
    out.print(
        f"{voucher}, number {planned.number} of order {planned.order_code}, is {used}\n"
        "it would end and another take its place; nothing has changed yet\n"
        f"to do it: ticketing vouchers reissue {voucher} --plan {planned.plan_hash}"
    )


@cleanup.command("plan")
def cleanup_plan(event: EventArgument, *, as_json: JsonOption = False) -> None:
    """Say which vouchers of an event a clean-up would end."""
    from dataclasses import asdict

    from ticketing.actions.plan_clean_up import plan_clean_up
    from ticketing.store.events import find_event

    with open_application() as application:
        planned = plan_clean_up(
            application.database, find_event(application.database, event), at=now(), by=actor()
        )
    if as_json:
        print_json(asdict(planned))
    else:
        _show_plan(planned)


@cleanup.command("apply")
def cleanup_apply(
    event: EventArgument,
    *,
    plan: Annotated[str, typer.Option(help="The hash that `vouchers cleanup plan` printed.")],
    as_json: JsonOption = False,
) -> None:
    """End what was planned; again, it goes on where it was. Orders stay as they are."""
    from dataclasses import asdict

    from ticketing.actions.plan_clean_up import apply_clean_up
    from ticketing.store.events import find_event

    with open_application() as application:
        done = apply_clean_up(
            application.database,
            find_event(application.database, event),
            plan_hash=plan,
            at=now(),
            by=actor(),
        )
    if as_json:
        print_json(asdict(done))
    else:
        screen().print(f"ended: {done.left_over:,} left over, {done.expired:,} out of time")


def _show_regenerated(done: "AllRegenerated") -> None:
    out = screen()
    for one in done.orders:
        ended = f", {one.ended} ended" if one.ended else ""
        out.print(f"{one.order_code}: {one.due} tried again, {one.present} there{ended}")
    for order_id, why in done.refused.items():
        out.print(f"order {order_id}: {why}", markup=False)


def _show_plan(planned: "CleanUpPlan") -> None:
    out = screen()
    for what, one in (("left over", planned.left_over), ("out of time", planned.expired)):
        out.print(
            f"{what}: {one.vouchers:,} vouchers of {one.orders:,} orders,"
            f" {one.used:,} of them were used"
        )
    out.print(
        "nothing has changed yet; to do it: ticketing vouchers cleanup apply"
        f" {planned.event} --plan {planned.plan_hash}"
    )


COMMANDS = (upkeep, regenerate, reissue)
