"""`ticketing routers`: create, update, list, delete, check."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.platform.cli.console import actor, now, open_application
from ticketing.platform.cli.options import JsonOption
from ticketing.platform.cli.output import (
    format_time,
    print_json,
    print_list,
    print_result,
    print_text,
)
from ticketing.vouchers.provisioning.cli_router_trust import RouterTrust, read_trust

if TYPE_CHECKING:
    from ticketing.routers.queries import StoredRouter
    from ticketing.vouchers.provisioning.router_admin import RouterCheck

app = typer.Typer(no_args_is_help=True)

PASSWORD_VARIABLE = "ROUTER_PASSWORD"  # noqa: S105 - the variable's name
TLS_PORT, PLAIN_PORT = 8729, 8728

PROBLEMS = {
    "missing": "there is no profile {profile!r}",
    "shared_users": "profile {profile!r} does not have shared-users={shared_users}",
    "script": "profile {profile!r} runs a script at login; remove it",
}

NameArgument = Annotated[str, typer.Argument(help="Our name: a-z, 0-9 and hyphens, as in lobby-1.")]

HOST = typer.Option("--host", help="Host name or IP address.")
USER = typer.Option("--user", help="An account with the policies api, read and write.")
TLS = typer.Option(
    "--tls/--no-tls", help="Without TLS the password crosses the network unencrypted."
)
PortOption = Annotated[
    int | None, typer.Option("--port", help="Default: 8729 with TLS, 8728 without.")
]
AuthorityOption = Annotated[
    Path | None,
    typer.Option("--authority", dir_okay=False, help="PEM file of the certificate authority."),
]
FingerprintOption = Annotated[
    str | None,
    typer.Option("--fingerprint", help="SHA-256 of the certificate; no other one is accepted."),
]
PinOption = Annotated[
    bool, typer.Option("--pin", help="Show the router's certificate, and ask whether to pin it.")
]


@app.command("create")
def create_router(
    name: NameArgument,
    *,
    host: Annotated[str, HOST],
    user: Annotated[str, USER],
    port: PortOption = None,
    tls: Annotated[bool, TLS] = True,
    authority: AuthorityOption = None,
    fingerprint: FingerprintOption = None,
    pin: PinOption = False,
    as_json: JsonOption = False,
) -> None:
    """Add a router.

    It asks for the password, or reads ROUTER_PASSWORD or standard input, and stores it encrypted.
    A self-signed certificate is pinned with --pin or --fingerprint.
    """
    from ticketing.crypto.keyring import KeyRing
    from ticketing.vouchers.provisioning.router_admin import NewRouter, add_router

    chosen = port or (TLS_PORT if tls else PLAIN_PORT)
    trust = read_trust(host, chosen, authority, fingerprint, pin=pin) or RouterTrust()
    password = _read_password(name)
    new = NewRouter(host, user, password, chosen, tls, trust.ca_certificate, trust.fingerprint)
    with open_application() as application:
        keys = application.get(KeyRing)
        stored = add_router(application.database, keys, name, new, by=actor(), is_new=True)
    _print_stored(stored, "Created", as_json=as_json)


@app.command("update")
def update_router(  # noqa: PLR0913 - an option for each thing that can change
    name: NameArgument,
    *,
    host: Annotated[str | None, HOST] = None,
    user: Annotated[str | None, USER] = None,
    port: PortOption = None,
    tls: Annotated[bool | None, TLS] = None,
    authority: AuthorityOption = None,
    fingerprint: FingerprintOption = None,
    pin: PinOption = False,
    password: Annotated[
        bool, typer.Option("--password", help="Also change the password; read as by `create`.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Change how a router is reached; omitted options stay unchanged."""
    from ticketing.crypto.keyring import KeyRing
    from ticketing.routers import queries as router_queries
    from ticketing.vouchers.provisioning.router_admin import (
        NewRouter,
        add_router,
        to_router_account,
    )

    with open_application() as application:
        keys = application.get(KeyRing)
        with application.database.transaction() as connection:
            account = to_router_account(router_queries.get_by_name(connection, name), keys)
        chosen_tls = account.tls if tls is None else tls
        default_port = TLS_PORT if chosen_tls else PLAIN_PORT
        new_host = host or account.host
        new_port = port or (account.port if chosen_tls is account.tls else default_port)
        known = RouterTrust(account.ca_certificate, account.fingerprint)
        trust = read_trust(new_host, new_port, authority, fingerprint, pin=pin) or (
            known if chosen_tls else RouterTrust()
        )
        new = NewRouter(
            new_host,
            user or account.user,
            _read_password(name) if password else account.password,
            new_port,
            chosen_tls,
            trust.ca_certificate,
            trust.fingerprint,
        )
        stored = add_router(application.database, keys, name, new, by=actor(), is_new=False)
    _print_stored(stored, "Updated", as_json=as_json)


@app.command("list")
def list_routers(*, as_json: JsonOption = False) -> None:
    """List the routers and how each one answered."""
    from ticketing.routers import queries as router_queries

    with open_application() as application, application.database.transaction() as connection:
        routers = router_queries.list_all(connection)
    print_list(
        routers,
        {
            "name": lambda router: router.name,
            "address": lambda router: f"{router.address.host}:{router.address.port}",
            "TLS": lambda router: router.address.tls,
            "user": lambda router: router.address.username,
            "last answer": lambda router: router.last_response_at or "never",
            "failing since": lambda router: router.failing_since,
            "error": lambda router: router.last_error,
        },
        as_json=as_json,
        to_json=_to_json,
        empty="No routers.",
    )


@app.command("delete")
def delete_router(name: NameArgument, *, as_json: JsonOption = False) -> None:
    """Delete a router here; refused while packages or vouchers use it."""
    from ticketing.vouchers.provisioning.router_admin import remove_router

    with open_application() as application:
        remove_router(application.database, name, at=now(), by=actor())
    line = f"Deleted router {name}; nothing was changed on the router itself."
    print_result({"name": name, "deleted": True}, line, as_json=as_json)


@app.command("check")
def check_router(name: NameArgument, *, as_json: JsonOption = False) -> None:
    """Query a router and check its packages. Changes nothing.

    Exit code 1 when a package cannot work on the router, or the account may not add vouchers.
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
        print_json({"health": health, "canWrite": result.can_write, "mismatches": mismatches})
    else:
        print_text(
            f"{name}: {health.identity}, {health.board}, RouterOS {health.version}",
            f"  up {health.up_for or 'unknown'}, CPU {health.cpu_percent} %,"
            f" clock {format_time(health.clock) if health.clock else 'unknown'}",
        )
        if not result.can_write:
            print_text(
                f"the account {account.user} may not add vouchers: give its group on the router"
                " the policy write"
            )
        print_profile_mismatches(result)
    raise typer.Exit(1 if result.mismatches or not result.can_write else 0)


def print_profile_mismatches(result: "RouterCheck") -> None:
    """Print what prevents packages from working on a router, one line per package."""
    for one, problems in result.mismatches:
        names = {"profile": one.package.profile, "shared_users": one.package.shared_users}
        texts = "; ".join(PROBLEMS[problem].format(**names) for problem in problems)
        print_text(f"package {one.package.code} cannot work: {texts}")


def _print_stored(router: "StoredRouter", verb: str, *, as_json: bool) -> None:
    address = router.address
    print_result(
        _to_json(router),
        f"{verb} router {router.name} at {address.host}:{address.port},"
        f" {'with' if address.tls else 'without'} TLS.",
        f"To query it: ticketing routers check {router.name}",
        as_json=as_json,
    )


def _to_json(router: "StoredRouter") -> dict[str, object]:
    return {
        "name": router.name,
        "host": router.address.host,
        "port": router.address.port,
        "tls": router.address.tls,
        "fingerprint": router.address.fingerprint or None,
        "user": router.address.username,
        "failures": router.failure_count,
        "failingSince": router.failing_since,
        "restsUntil": router.circuit_open_until,
        "lastError": router.last_error,
        "answeredAt": router.last_response_at,
    }


def _read_password(name: str) -> str:
    """Read the password, never from an argument: those are in the shell's history and in `ps`."""
    given = os.environ.get(PASSWORD_VARIABLE)
    if given:
        return given
    if sys.stdin.isatty():
        return str(typer.prompt(f"Password of {name}", hide_input=True))
    return sys.stdin.readline().rstrip("\r\n")
