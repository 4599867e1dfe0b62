"""`ticketing router`: add, list, check, remove."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.platform.cli.console import (
    JsonOption,
    actor,
    new_table,
    now,
    open_application,
    print_json,
    stdout_console,
)

if TYPE_CHECKING:
    from ticketing.vouchers.provisioning.router_admin import RouterCheck

app = typer.Typer(help="Make known the routers that vouchers are put on.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(help="Ours: a-z, 0-9 and hyphens, as in lobby-1.")]
PASSWORD_VARIABLE = "ROUTER_PASSWORD"  # noqa: S105 - the variable's name
TLS_PORT, PLAIN_PORT = 8729, 8728


@app.command("add")
def add(
    name: NameArgument,
    *,
    host: Annotated[str, typer.Option(help="Its name or IP address.")],
    user: Annotated[str, typer.Option(help="An account with the policies api, read, write.")],
    port: Annotated[
        int | None, typer.Option(help="8729 without it, 8728 with --no-tls.", show_default=False)
    ] = None,
    tls: Annotated[
        bool, typer.Option(help="Without it the password crosses the network readably.")
    ] = True,
    authority: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False, help="PEM; whoever signed its certificate. Else this machine's."
        ),
    ] = None,
) -> None:
    """Make a router known, or change how it is reached.

    Its password is asked for, or read from standard input or ROUTER_PASSWORD; it is kept sealed.
    """
    from ticketing.crypto.keyring import KeyRing
    from ticketing.vouchers.provisioning.router_admin import NewRouter, add_router

    chosen = port or (TLS_PORT if tls else PLAIN_PORT)
    new = NewRouter(host, user, _read_password(name), chosen, tls=tls, authority=authority)
    with open_application() as application:
        stored = add_router(application.database, application.get(KeyRing), name, new, by=actor())
    address = stored.address
    stdout_console().print(
        f"router {name} is known at {address.host}:{address.port},"
        f" {'by TLS' if tls else 'without TLS'}; `ticketing router check {name}` asks it"
    )


@app.command("list")
def show(*, as_json: JsonOption = False) -> None:
    """List the routers, and how each has answered lately."""
    from ticketing.routers import queries as routers_queries

    with open_application() as application, application.database.transaction() as connection:
        known = routers_queries.list_all(connection)
    if as_json:
        print_json(
            [
                {
                    "name": one.name,
                    "host": one.address.host,
                    "port": one.address.port,
                    "tls": one.address.tls,
                    "user": one.address.username,
                    "failures": one.failures,
                    "failingSince": one.failing_since,
                    "restsUntil": one.circuit_open_until,
                    "lastError": one.last_error,
                    "answeredAt": one.answered_at,
                }
                for one in known
            ]
        )
        return
    table = new_table("name", "address", "TLS", "user", "answered", "failing since", "said")
    for one in known:
        table.add_row(
            one.name,
            f"{one.address.host}:{one.address.port}",
            "yes" if one.address.tls else "no",
            one.address.username,
            f"{one.answered_at:%Y-%m-%d %H:%M %Z}" if one.answered_at else "not yet",
            f"{one.failing_since:%Y-%m-%d %H:%M %Z}" if one.failing_since else "-",
            one.last_error or "-",
        )
    stdout_console().print(table)


@app.command("check")
def check(name: NameArgument, *, as_json: JsonOption = False) -> None:
    """Ask a router how it is, and whether it can carry out its packages. Changes nothing.

    Exit code 1 when a package could not be made there as it is sold.
    """
    from dataclasses import asdict

    from ticketing.crypto.keyring import KeyRing
    from ticketing.routers import queries as routers_queries
    from ticketing.routers.routeros.client import RouterClient
    from ticketing.vouchers.provisioning.router_admin import check_router, to_router_account

    with open_application() as application:
        with application.database.transaction() as connection:
            stored = routers_queries.get_by_name(connection, name)
        with RouterClient(to_router_account(stored, application.get(KeyRing))) as door:
            looked = check_router(application.database, stored, door)
    if as_json:
        unfit = {one.package.code: wrong for one, wrong in looked.mismatches}
        print_json({"health": asdict(looked.health), "misfits": unfit})
    else:
        health = looked.health
        stdout_console().print(
            f"{name} answers: {health.identity}, {health.board}, RouterOS {health.version},"
            f" up for {health.up_for}, {health.cpu_percent} % busy,"
            f" its clock says {health.clock:%Y-%m-%d %H:%M} UTC"
        )
        print_profile_mismatches(looked)
    sys.exit(1 if looked.mismatches else 0)


@app.command("remove")
def remove(name: NameArgument) -> None:
    """Forget a router; refused while packages are made on it or vouchers are."""
    from ticketing.vouchers.provisioning.router_admin import remove_router

    with open_application() as application:
        remove_router(application.database, name, at=now(), by=actor())
    stdout_console().print(f"router {name} is forgotten; nothing was changed on it")


def print_profile_mismatches(result: "RouterCheck") -> None:
    """What is to be mended on a router, package by package."""
    said = {
        "missing": "there is no profile {profile!r}",
        "shared_users": "profile {profile!r} has not shared-users={shared_users}",
        "script": "profile {profile!r} runs a script at login; take it away",
    }
    for one, wrong in result.mismatches:
        words = {"profile": one.package.profile, "shared_users": one.package.shared_users}
        told = "; ".join(said[each].format(**words) for each in wrong)
        stdout_console().print(f"package {one.package.code} cannot be made: {told}")


def _read_password(name: str) -> str:
    """Never an argument: those are in the shell's history and in `ps`."""
    given = os.environ.get(PASSWORD_VARIABLE)
    if given:
        return given
    if sys.stdin.isatty():
        return str(typer.prompt(f"password of {name}", hide_input=True))
    return sys.stdin.readline().rstrip("\r\n")
