"""`ticketing vouchers`: a router compared with our books, and repaired."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.cli.console import JsonOption, actor, now, open_application, print_json, screen

if TYPE_CHECKING:
    from ticketing.actions.compare_router import Drift
    from ticketing.application import Application
    from ticketing.store.routers import StoredRouter

repair = typer.Typer(
    help="Give a router back what it lost; take off it what is nobody's.", no_args_is_help=True
)

SHOWN = 20
RouterArgument = Annotated[str, typer.Argument(help="The router's name.", show_default=False)]


def compare(
    router: Annotated[str | None, typer.Argument(help="The router's name.")] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Every router.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Compare a router with our books, both ways. Changes nothing; 1 when they differ."""
    from ticketing.actions.compare_router import compare_router, compare_routers
    from ticketing.actions.router_doors import RouterConnector

    if (router is None) is not every:
        raise typer.BadParameter("name a router, or say --all")
    with open_application() as application, application.get(RouterConnector).connect() as doors:
        drifts = (
            compare_routers(application.database, doors, clock=now)
            if router is None
            else [
                compare_router(application.database, doors, _router(application, router), clock=now)
            ]
        )
    _show_drifts(drifts, as_json=as_json)
    sys.exit(0 if all(drift.agrees for drift in drifts) else 1)


@repair.command("plan")
def repair_plan(router: RouterArgument, *, as_json: JsonOption = False) -> None:
    """Say what a repair would put back on a router and take off it."""
    from ticketing.actions.compare_router import compare_router
    from ticketing.actions.router_doors import RouterConnector

    with open_application() as application, application.get(RouterConnector).connect() as doors:
        drift = compare_router(application.database, doors, _router(application, router), clock=now)
    _show_drifts([drift], as_json=as_json)
    if not as_json:
        screen().print(
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

    from ticketing.actions.compare_router import repair_router
    from ticketing.actions.router_doors import RouterConnector

    with open_application() as application, application.get(RouterConnector).connect() as doors:
        stored = _router(application, router)
        done = repair_router(
            application.database, doors, stored, plan_hash=plan, clock=now, by=actor()
        )
    if as_json:
        print_json(asdict(done))
    else:
        screen().print(f"owed again: {done.owed_again:,}, taken off: {done.removed:,}")


def _router(application: "Application", name: str) -> "StoredRouter":
    from ticketing.store import routers

    with application.database.transaction() as connection:
        return routers.get(connection, name)


def _show_drifts(drifts: "list[Drift]", *, as_json: bool) -> None:
    if as_json:
        print_json([_written(drift) for drift in drifts])
        return
    out = screen()
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
                more = f" and {len(keys) - SHOWN:,} more" if len(keys) > SHOWN else ""
                out.print(f"  {what}: {len(keys):,}: {' '.join(keys[:SHOWN])}{more}", markup=False)


def _written(drift: "Drift") -> dict[str, object]:
    """For machines; of a marker only the key: the rest of it is the code that opens the hotspot."""
    from dataclasses import asdict

    orphans = [marker.key for marker in drift.orphans]
    return asdict(drift) | {"orphans": orphans, "plan_hash": drift.plan_hash}


COMMANDS = (compare,)
