"""`ticketing verify`: whether a ticket is valid, and the reason if not."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.platform.cli.console import now, open_application
from ticketing.platform.cli.options import JsonOption, OptionalEventOption
from ticketing.platform.cli.output import print_json, stdout_console

if TYPE_CHECKING:
    from ticketing.crypto.verify import VerificationResult


def verify(
    code: Annotated[
        str, typer.Argument(help="Text of a QR code or a ticket code; - reads lines of input.")
    ],
    *,
    slug: OptionalEventOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check whether a ticket is valid, and why not.

    Exit code 1 when a ticket is rejected.
    """
    from ticketing.checkin.verify import verify_ticket
    from ticketing.events.queries import get_event

    texts = [line.rstrip("\n") for line in sys.stdin] if code == "-" else [code]
    rejected = False
    with open_application() as application:
        event = None if slug is None else get_event(application.database, slug)
        for text in texts:
            result = verify_ticket(application.database, text, at=now(), event=event)
            rejected = rejected or not result.is_valid
            if as_json:
                print_json(_to_json(result))
            else:
                _print_result(result)
    raise typer.Exit(1 if rejected else 0)


def _print_result(result: "VerificationResult") -> None:
    from rich.markup import escape

    colour = "green" if result.is_valid else "red"
    ticket = result.ticket
    about = f"  {ticket.ticket_code}  {ticket.full_name}, {ticket.ticket_type}" if ticket else ""
    stdout_console().print(f"[{colour}]{escape(result.reason)}[/]{escape(about)}")


def _to_json(result: "VerificationResult") -> dict[str, object]:
    ticket = result.ticket
    return {
        "valid": result.is_valid,
        "reason": result.rejection,
        "note": result.note,
        "ticketCode": ticket and ticket.ticket_code,
        "guestId": ticket and ticket.guest_id,
    }
