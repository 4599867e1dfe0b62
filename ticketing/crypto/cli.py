"""`ticketing keys`: list, rotate."""

from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.events.cli_context import open_event
from ticketing.platform.cli.console import actor, now
from ticketing.platform.cli.options import EventOption, JsonOption
from ticketing.platform.cli.output import print_json, print_result

if TYPE_CHECKING:
    from ticketing.crypto.key_queries import PublicKey

app = typer.Typer(no_args_is_help=True)

FORMATS = ("pem", "jwk", "hex")


@app.command("list")
def list_keys(
    slug: EventOption,
    *,
    form: Annotated[str, typer.Option("--format", help="pem, jwk or hex.")] = "pem",
    as_json: JsonOption = False,
) -> None:
    """Print the public keys of an event, the newest last.

    A scanner without a network needs only these keys. --json prints the same as --format jwk.
    """
    from ticketing.crypto.key_queries import list_public_keys
    from ticketing.crypto.keyring import KeyRing

    if form not in FORMATS:
        raise typer.BadParameter(f"{form!r}: write pem, jwk or hex", param_hint="--format")
    with open_event(slug) as (application, event):
        keys = list_public_keys(application.database, event, keys=application.get(KeyRing))
    if as_json or form == "jwk":
        print_json({"keys": [key.jwk() for key in keys]})
    elif form == "hex":
        for key in keys:
            typer.echo(f"{key.generation}\t{key.hex()}")
    else:
        for key in keys:
            typer.echo(f"{_describe(key)}\n{key.pem()}", nl=False)


@app.command("rotate")
def rotate_keys(slug: EventOption, *, as_json: JsonOption = False) -> None:
    """Sign new tickets with a new key; existing tickets stay valid."""
    from ticketing.crypto import key_queries
    from ticketing.crypto.keyring import KeyRing

    with open_event(slug) as (application, event):
        rotated = key_queries.rotate_keys(
            application.database, event, keys=application.get(KeyRing), by=actor(), at=now()
        )
    generation = rotated.key_generation
    print_result(
        {"event": event.slug, "generation": generation},
        f"{event.slug}: new tickets are signed with generation {generation}.",
        f"To print the keys for scanners: ticketing keys list --event {event.slug}",
        as_json=as_json,
    )


def _describe(key: "PublicKey") -> str:
    return f"# {key.event_slug}, event {key.event_number}, generation {key.generation}"
