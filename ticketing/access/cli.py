"""`ticketing api-keys`: create, list, revoke."""

from typing import Annotated

import typer

from ticketing.platform.cli.console import actor, open_application
from ticketing.platform.cli.options import JsonOption, parse_choice
from ticketing.platform.cli.output import print_json, print_list, print_result

app = typer.Typer(no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(help="Name of the key, as in the audit log.")]


@app.command("create")
def create_key(
    name: NameArgument,
    *,
    role: Annotated[str, typer.Option(help="viewer, operator or admin.")] = "viewer",
    as_json: JsonOption = False,
) -> None:
    """Create an API key and print it. It cannot be printed again."""
    from ticketing.access.key_queries import Role, add_key

    chosen = parse_choice(role, Role, "--role")
    with open_application() as application:
        key = add_key(application.database, name=name, role=chosen, by=actor())
    if as_json:
        print_json({"name": name, "role": chosen, "secret": key.secret})
    else:
        typer.echo(key.secret)


@app.command("list")
def list_keys(*, as_json: JsonOption = False) -> None:
    """List all API keys, without secrets."""
    from ticketing.access import key_queries

    with open_application() as application:
        keys = application.database.run(key_queries.list_all)
    print_list(
        keys,
        {
            "name": lambda key: key.name,
            "role": lambda key: key.role,
            "created": lambda key: key.created_at,
            "by": lambda key: key.created_by,
            "revoked": lambda key: key.revoked_at,
        },
        as_json=as_json,
        empty="No API keys.",
    )


@app.command("revoke")
def revoke_key(name: NameArgument, *, as_json: JsonOption = False) -> None:
    """Revoke an API key at once."""
    from ticketing.access import key_queries

    with open_application() as application:
        key_queries.revoke_key(application.database, name=name, by=actor())
    print_result({"name": name, "revoked": True}, f"Revoked API key {name}.", as_json=as_json)
