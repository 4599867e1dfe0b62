"""`ticketing api-keys`: create, list, rotate, revoke."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.events.cli_context import find_event_ids
from ticketing.platform.cli.console import actor, now, open_application
from ticketing.platform.cli.options import JsonOption, parse_choice
from ticketing.platform.cli.output import print_json, print_list, print_result

if TYPE_CHECKING:
    from ticketing.access.keys.key_queries import NewApiKey

app = typer.Typer(no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(help="Name of the key, as in the audit log.")]


@app.command("create")
def create_key(
    name: NameArgument,
    *,
    role: Annotated[str, typer.Option(help="viewer, operator or admin.")] = "viewer",
    days: Annotated[
        int | None, typer.Option("--days", min=1, help="Expires after this many days.")
    ] = None,
    events: Annotated[
        list[str] | None,
        typer.Option("--event", "-e", help="Only this event (slug or id; repeatable)."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Create an API key and print it. It cannot be printed again."""
    from ticketing.access.caller import Role
    from ticketing.access.keys.key_queries import add_key

    chosen = parse_choice(role, Role, "--role")
    with open_application() as application:
        key = add_key(
            application.database, name=name, role=chosen, by=actor(),
            expires_at=None if days is None else now() + timedelta(days=days),
            event_ids=find_event_ids(application, events),
        )  # fmt: skip
    _print_secret(key, as_json=as_json)


@app.command("list")
def list_keys(*, as_json: JsonOption = False) -> None:
    """List all API keys, without secrets."""
    from ticketing.access.keys import key_queries

    with open_application() as application:
        keys = application.database.run(key_queries.list_all)
    print_list(
        keys,
        {
            "name": lambda key: key.name,
            "role": lambda key: key.role,
            "events": lambda key: key.event_ids and ", ".join(map(str, key.event_ids)),
            "created": lambda key: key.created_at,
            "by": lambda key: key.created_by,
            "last used": lambda key: key.last_used_at,
            "expires": lambda key: key.expires_at,
            "old key until": lambda key: key.previous_expires_at,
            "revoked": lambda key: key.revoked_at,
        },
        as_json=as_json,
        empty="No API keys.",
    )


@app.command("rotate")
def rotate_key(
    name: NameArgument,
    *,
    overlap_hours: Annotated[
        int,
        typer.Option("--overlap-hours", min=0, help="The old key stays valid for so long."),
    ] = 24,
    as_json: JsonOption = False,
) -> None:
    """Print a new secret for an API key. The old one stays valid for a while."""
    from ticketing.access.keys import key_queries

    with open_application() as application:
        key = key_queries.rotate_key(
            application.database, name=name, overlap=timedelta(hours=overlap_hours),
            by=actor(), at=now(),
        )  # fmt: skip
    _print_secret(key, as_json=as_json)


@app.command("revoke")
def revoke_key(name: NameArgument, *, as_json: JsonOption = False) -> None:
    """Revoke an API key at once, with the old secret of a rotation."""
    from ticketing.access.keys import key_queries

    with open_application() as application:
        key_queries.revoke_key(application.database, name=name, by=actor())
    print_result({"name": name, "revoked": True}, f"Revoked API key {name}.", as_json=as_json)


def _print_secret(new: "NewApiKey", *, as_json: bool) -> None:
    if as_json:
        print_json({"name": new.key.name, "role": new.key.role, "secret": new.secret})
    else:
        typer.echo(new.secret)
