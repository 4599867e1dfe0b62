"""`ticketing routers check`: whether a router answers and fits the packages that are sold on it."""

from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.platform.cli.console import open_application
from ticketing.platform.cli.options import JsonOption
from ticketing.platform.cli.output import print_json, print_text

if TYPE_CHECKING:
    from ticketing.vouchers.provisioning.router_admin import RouterCheck

app = typer.Typer()

PROBLEMS = {
    "missing": "there is no profile {profile!r}",
    "shared_users": "profile {profile!r} does not have shared-users={shared_users}",
    "script": "profile {profile!r} runs a script at login; remove it",
}

NameArgument = Annotated[str, typer.Argument(help="Our name: a-z, 0-9 and hyphens, as in lobby-1.")]


@app.command("check")
def check_router(name: NameArgument, *, as_json: JsonOption = False) -> None:
    """Query a router and check its packages. Changes nothing.

    Exit code 1 when a package cannot work on the router.
    """
    from ticketing.crypto.keyring import KeyRing
    from ticketing.routers import queries as router_queries
    from ticketing.routers.routeros.client import RouterClient
    from ticketing.vouchers.provisioning import router_admin

    with open_application() as application:
        with application.database.transaction() as connection:
            stored = router_queries.get_by_name(connection, name)
        account = router_admin.to_router_account(stored, application.get(KeyRing))
        with RouterClient(account) as client:
            result = router_admin.check_router(application.database, stored, client)
    health = result.health
    if as_json:
        mismatches = {one.package.code: problems for one, problems in result.mismatches}
        print_json({"health": health, "mismatches": mismatches})
    else:
        print_text(
            f"{name}: {health.identity}, {health.board}, RouterOS {health.version}",
            f"  up {health.up_for}, CPU {health.cpu_percent} %,"
            f" clock {health.clock:%Y-%m-%d %H:%M} UTC",
        )
        print_profile_mismatches(result)
    raise typer.Exit(1 if result.mismatches else 0)


def print_profile_mismatches(result: "RouterCheck") -> None:
    """Print what prevents packages from working on a router, one line per package."""
    for one, problems in result.mismatches:
        names = {"profile": one.package.profile, "shared_users": one.package.shared_users}
        texts = "; ".join(PROBLEMS[problem].format(**names) for problem in problems)
        print_text(f"package {one.package.code} cannot work: {texts}")
