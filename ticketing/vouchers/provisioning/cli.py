"""`provision`, `compare` and `repair` of `ticketing vouchers`: routers and the database."""

from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.platform.cli.console import actor, now, open_application
from ticketing.platform.cli.options import JsonOption, PlanOption
from ticketing.platform.cli.output import (
    print_apply_command,
    print_json,
    print_result,
    print_text,
    to_object,
)

if TYPE_CHECKING:
    from ticketing.platform.application import Application
    from ticketing.routers.queries import StoredRouter
    from ticketing.vouchers.provisioning.reconcile_router import RouterDrift

app = typer.Typer()
repair = typer.Typer(
    help="Recreate lost vouchers of a router, remove orphans: plan, then apply.",
    no_args_is_help=True,
)

MAX_KEYS_SHOWN = 20
RouterArgument = Annotated[str, typer.Argument(help="Name of the router.", show_default=False)]


@app.command("provision")
def provision(*, as_json: JsonOption = False) -> None:
    """Create and remove all due vouchers on the routers now.

    The worker does this by itself; both can run at once. Exit code 1 when a router failed or
    refused a voucher.
    """
    from ticketing.vouchers.provisioning.context import ProvisioningContext
    from ticketing.vouchers.provisioning.provision import provision_all
    from ticketing.vouchers.provisioning.router_clients import RouterConnector

    with open_application() as application, application.get(RouterConnector).connect() as routers:
        rounds = provision_all(ProvisioningContext(application.database, routers, now, actor()))
    lines = [
        f"{one.router}: {one.placed} created, {one.removed} removed, {one.refused} refused,"
        f" {one.completed_orders} orders completed. {one.trouble}".strip()
        for one in rounds
    ]
    print_result(rounds, *(lines or ["No voucher is due on an available router."]), as_json=as_json)
    raise typer.Exit(1 if any(one.trouble or one.refused for one in rounds) else 0)


@app.command("compare")
def compare(
    router: Annotated[str | None, typer.Argument(help="Name of the router.")] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Compare every router.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Compare a router with the database. Changes nothing.

    Exit code 1 when they differ.
    """
    from ticketing.vouchers.provisioning.reconcile_router import compare_router, compare_routers
    from ticketing.vouchers.provisioning.router_clients import RouterConnector

    if (router is None) is not every:
        raise typer.BadParameter("name a router, or use --all")
    with open_application() as application, application.get(RouterConnector).connect() as routers:
        drifts = (
            compare_routers(application.database, routers, clock=now)
            if router is None
            else [
                compare_router(
                    application.database, routers, _get_router(application, router), clock=now
                )
            ]
        )
    _print_drifts(drifts, as_json=as_json)
    raise typer.Exit(0 if all(drift.is_in_sync for drift in drifts) else 1)


@repair.command("plan")
def plan_repair(router: RouterArgument, *, as_json: JsonOption = False) -> None:
    """Show what a repair would create on a router and remove from it."""
    from ticketing.vouchers.provisioning.reconcile_router import compare_router
    from ticketing.vouchers.provisioning.router_clients import RouterConnector

    with open_application() as application, application.get(RouterConnector).connect() as routers:
        drift = compare_router(
            application.database, routers, _get_router(application, router), clock=now
        )
    _print_drifts([drift], as_json=as_json)
    if not as_json:
        print_apply_command(f"vouchers repair apply {drift.router} --plan {drift.plan_hash}")


@repair.command("apply")
def apply_repair(router: RouterArgument, *, plan: PlanOption, as_json: JsonOption = False) -> None:
    """Recreate vouchers that the router lost, and remove orphans with our marker."""
    from ticketing.vouchers.provisioning.reconcile_router import repair_router
    from ticketing.vouchers.provisioning.router_clients import RouterConnector

    with open_application() as application, application.get(RouterConnector).connect() as routers:
        result = repair_router(
            application.database,
            routers,
            _get_router(application, router),
            plan_hash=plan,
            clock=now,
            by=actor(),
        )
    line = f"To be created again: {result.requeued:,}; removed: {result.removed:,}."
    print_result(result, line, as_json=as_json)


def _get_router(application: "Application", name: str) -> "StoredRouter":
    from ticketing.routers import queries as router_queries

    with application.database.transaction() as connection:
        return router_queries.get_by_name(connection, name)


def _print_drifts(drifts: "list[RouterDrift]", *, as_json: bool) -> None:
    if as_json:
        print_json([_to_json(drift) for drift in drifts])
        return
    for drift in drifts:
        text = drift.error or (
            f"{drift.agreed:,} vouchers as sold; {drift.foreign:,} other users, never changed"
        )
        print_text(f"{drift.router}: {text}")
        differences = {
            "missing": list(drift.missing),
            "orphans": [marker.key for marker in drift.orphans],
            "changed by hand": [f"{one.key} ({', '.join(one.what)})" for one in drift.changed],
            "of another router": list(drift.on_other_router),
        }
        for label, keys in differences.items():
            if keys:
                rest = len(keys) - MAX_KEYS_SHOWN
                more = f" and {rest:,} more" if rest > 0 else ""
                print_text(f"  {label}: {len(keys):,}: {' '.join(keys[:MAX_KEYS_SHOWN])}{more}")


def _to_json(drift: "RouterDrift") -> dict[str, object]:
    """Return a drift for JSON; of a marker only the key, because the rest is the voucher's code."""
    orphans = [marker.key for marker in drift.orphans]
    return to_object(drift) | {"orphans": orphans, "plan_hash": drift.plan_hash}


app.add_typer(repair, name="repair")
