"""`ticketing serve` and the keys of those who may ask it."""

from typing import Annotated

import typer

from ticketing.cli.console import JsonOption, actor, listing, open_application, print_json, screen

app = typer.Typer(help="Keys to the web service.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Whose key; the audit log shows it.")]


def serve(
    *,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Instead of WEB_PORT.")] = None,
    host: Annotated[
        str, typer.Option(help="Others reach it through a proxy with TLS: leave it here.")
    ] = "127.0.0.1",
    quiet: Annotated[bool, typer.Option("--quiet", help="Without the lines at the start.")] = False,
) -> None:
    """Answer over HTTP: tickets, batches, validation, holders' pages.

    Ctrl-C stops it; a batch under way is resumed by its id.
    """
    from ticketing.web.server import serve as answer

    with open_application() as application:
        chosen = port or application.settings.web_port
        if not quiet:
            screen().print(
                f"\n  web       http://{host}:{chosen}/docs\n"
                f"  keys      ticketing api-keys add NAME --role operator\n"
                f"  stop      Ctrl-C\n"
            )
        answer(application, host=host, port=chosen)


@app.command("add")
def add(
    name: Name,
    *,
    role: Annotated[str, typer.Option(help="viewer, operator or admin.")] = "viewer",
) -> None:
    """Make a key and print it, this once."""
    from ticketing.actions.api_keys import add_key
    from ticketing.store.api_keys import Role

    if role not in set(Role):
        raise typer.BadParameter(f"{role!r}: write {', '.join(Role)}", param_hint="--role")
    with open_application() as application:
        made = add_key(application.database, name=name, role=Role(role), by=actor())
    typer.echo(made.secret)


@app.command("list")
def show(*, as_json: JsonOption = False) -> None:
    """List all keys, without what opens doors."""
    from dataclasses import asdict

    from ticketing.actions.api_keys import all_keys

    with open_application() as application:
        known = all_keys(application.database)
    if as_json:
        print_json([asdict(key) for key in known])
        return
    table = listing("name", "role", "since", "by", "revoked")
    for key in known:
        revoked = f"{key.revoked_at:%Y-%m-%d %H:%M}" if key.revoked_at else ""
        table.add_row(key.name, key.role, f"{key.created_at:%Y-%m-%d}", key.created_by, revoked)
    screen().print(table)


@app.command("revoke")
def revoke(name: Name) -> None:
    """End a key at once."""
    from ticketing.actions.api_keys import revoke_key

    with open_application() as application:
        revoke_key(application.database, name=name, by=actor())
    screen().print(f"the key of {name} opens nothing any more")


COMMANDS = (serve,)
