"""`ticketing vouchers`: a router compared with our books, and repaired."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.platform.cli.console import (
    JsonOption,
    actor,
    now,
    open_application,
    print_json,
    stdout_console,
)

if TYPE_CHECKING:
    from ticketing.platform.application import Application
    from ticketing.routers.queries import StoredRouter
    from ticketing.vouchers.provisioning.reconcile_router import RouterDrift

repair = typer.Typer(
    help="Give a router back what it lost; take off it what is nobody's.", no_args_is_help=True
)

MAX_KEYS_SHOWN = 20
RouterArgument = Annotated[str, typer.Argument(help="The router's name.", show_default=False)]


def compare(
    router: Annotated[str | None, typer.Argument(help="The router's name.")] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Every router.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Compare a router with our books, both ways. Changes nothing; 1 when they differ."""
    from ticketing.vouchers.provisioning.reconcile_router import compare_router, compare_routers
    from ticketing.vouchers.provisioning.router_clients import RouterConnector

    if (router is None) is not every:
        raise typer.BadParameter("name a router, or say --all")
    with open_application() as application, application.get(RouterConnector).connect() as doors:
        drifts = (
            compare_routers(application.database, doors, clock=now)
            if router is None
            else [
                compare_router(
                    application.database, doors, _get_router(application, router), clock=now
                )
            ]
        )
    _show_drifts(drifts, as_json=as_json)
    sys.exit(0 if all(drift.is_in_sync for drift in drifts) else 1)


@repair.command("plan")
def repair_plan(router: RouterArgument, *, as_json: JsonOption = False) -> None:
    """Say what a repair would put back on a router and take off it."""
    from ticketing.vouchers.provisioning.reconcile_router import compare_router
    from ticketing.vouchers.provisioning.router_clients import RouterConnector

    with open_application() as application, application.get(RouterConnector).connect() as doors:
        drift = compare_router(
            application.database, doors, _get_router(application, router), clock=now
        )
    _show_drifts([drift], as_json=as_json)
    if not as_json:
        stdout_console().print(
            f"nothing has changed yet; to do it: ticketing vouchers repair apply {drift.router}"
            f" --plan {drift.plan_hash}"
        )


@repair.command("apply")
def repair_apply(
    router: RouterArgument,
    *,
    plan: Annotated[str, typer.Option(help="The hash that `vouchers repair plan` printed.")],
    as_json: JsonOption = False,
) -> None:
    """Owe again what the router lost, and take off what has our marker and is nobody's."""
    from dataclasses import asdict

    from ticketing.vouchers.provisioning.reconcile_router import repair_router
    from ticketing.vouchers.provisioning.router_clients import RouterConnector

    with open_application() as application, application.get(RouterConnector).connect() as doors:
        stored = _get_router(application, router)
        done = repair_router(
            application.database, doors, stored, plan_hash=plan, clock=now, by=actor()
        )
    if as_json:
        print_json(asdict(done))
    else:
        stdout_console().print(f"owed again: {done.owed_again:,}, taken off: {done.removed:,}")


def _get_router(application: "Application", name: str) -> "StoredRouter":
    from ticketing.routers import queries as routers_queries

    with application.database.transaction() as connection:
        return routers_queries.get_by_name(connection, name)


def _show_drifts(drifts: "list[RouterDrift]", *, as_json: bool) -> None:
    if as_json:
        print_json([_to_json(drift) for drift in drifts])
        return
    out = stdout_console()
    for drift in drifts:
        said = drift.error or (
            f"{drift.agreed:,} vouchers are there as sold;"
            f" {drift.foreign:,} rows are not ours and were left alone"
        )
        out.print(f"{drift.router}: {said}", markup=False)
        found = {
            "missing": list(drift.missing),
            "nobody's, with our marker": [marker.key for marker in drift.orphans],
            "changed by somebody": [f"{one.key} ({', '.join(one.what)})" for one in drift.changed],
            "at home on another router": list(drift.elsewhere),
        }
        for what, keys in found.items():
            if keys:
                more = (
                    f" and {len(keys) - MAX_KEYS_SHOWN:,} more"
                    if len(keys) > MAX_KEYS_SHOWN
                    else ""
                )
                out.print(
                    f"  {what}: {len(keys):,}: {' '.join(keys[:MAX_KEYS_SHOWN])}{more}",
                    markup=False,
                )


def _to_json(drift: "RouterDrift") -> dict[str, object]:
    """For machines; of a marker only the key: the rest of it is the code that opens the hotspot."""
    from dataclasses import asdict

    orphans = [marker.key for marker in drift.orphans]
    return asdict(drift) | {"orphans": orphans, "plan_hash": drift.plan_hash}


COMMANDS = (compare,)
