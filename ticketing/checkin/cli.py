"""What happens to tickets after they were made: verify, keys, revoke."""

import sys
from typing import Annotated

import typer

from ticketing.platform.cli.console import (
    EventOption,
    JsonOption,
    actor,
    now,
    open_application,
    print_json,
    stdout_console,
)


def verify(
    code: Annotated[
        str, typer.Argument(help="A QR's text or a ticket code; `-` reads one a line.")
    ],
    *,
    event: Annotated[
        str | None, typer.Option("--event", "-e", help="Only this event's tickets pass.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Would this ticket pass, and if not, why not."""
    from ticketing.checkin.verify import verify_ticket as examine
    from ticketing.events.queries import get_event

    texts = [line.rstrip("\n") for line in sys.stdin] if code == "-" else [code]
    refused = False
    with open_application() as application:
        only = None
        if event is not None:
            only = get_event(application.database, event)
        for text in texts:
            verdict = examine(application.database, text, at=now(), event=only)
            refused = refused or not verdict.is_valid
            seen = verdict.ticket
            if as_json:
                print_json({
                    "valid": verdict.is_valid, "reason": verdict.rejection, "note": verdict.note,
                    "ticketCode": seen and seen.ticket_code, "guestId": seen and seen.guest_id,
                })  # fmt: skip
            else:
                whose = (
                    f"  {seen.ticket_code}  {seen.full_name}, {seen.ticket_type}" if seen else ""
                )
                stdout_console().print(
                    f"[{'green' if verdict.is_valid else 'red'}]{verdict.reason}[/]{whose}"
                )
    sys.exit(1 if refused else 0)


def keys(
    event: EventOption,
    *,
    form: Annotated[str, typer.Option("--format", help="pem, jwk or hex.")] = "pem",
    rotate: Annotated[
        bool, typer.Option("--rotate", help="New tickets get a new key; old ones still verify.")
    ] = False,
) -> None:
    """Print an event's public keys, the newest last.

    They are all that a gate without network needs.
    """
    from ticketing.crypto import key_rotation as crypto_key_rotation
    from ticketing.crypto.keyring import KeyRing
    from ticketing.events.queries import get_event

    if form not in {"pem", "jwk", "hex"}:
        raise typer.BadParameter(f"{form!r}: write pem, jwk or hex", param_hint="--format")
    with open_application() as application:
        known = get_event(application.database, event)
        if rotate:
            known = crypto_key_rotation.rotate_keys(
                application.database, known, keys=application.get(KeyRing), by=actor(), at=now()
            )
        found = crypto_key_rotation.list_public_keys(
            application.database, known, keys=application.get(KeyRing)
        )
    if form == "jwk":
        print_json({"keys": [key.jwk() for key in found]})
        return
    for key in found:
        if form == "hex":
            typer.echo(f"{key.generation}\t{key.hex()}")
        else:
            typer.echo(f"# {key.event_slug}, event {key.event_number}, generation {key.generation}")
            typer.echo(key.pem(), nl=False)


def revoke(
    event: EventOption,
    codes: Annotated[list[str], typer.Argument(help="Ticket codes.")],
    *,
    reason: Annotated[str, typer.Option(help="Why, for whoever is turned away.")],
) -> None:
    """End tickets: they will not pass any more."""
    from ticketing.events.queries import get_event
    from ticketing.tickets.revoke import revoke_tickets as end

    with open_application() as application:
        known = get_event(application.database, event)
        done = end(application.database, known, codes=codes, reason=reason, by=actor(), at=now())
    out = stdout_console()
    for label, texts in (("revoked", done.revoked), ("revoked before", done.already_revoked),
                         ("not a ticket of this event", done.unknown)):  # fmt: skip
        for text in texts:
            out.print(f"{text}  {label}")
    sys.exit(1 if done.unknown else 0)


COMMANDS = (verify, keys, revoke)
