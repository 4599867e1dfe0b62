"""`ticketing export`: an event's sheets."""

from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.cli.console import actor, now, open_application, screen
from ticketing.cli.sale import EventArgument
from ticketing.domain.exports import Export

if TYPE_CHECKING:
    from ticketing.application import Application
    from ticketing.domain.events import Event

OUTPUT = "-"


def export(
    event: EventArgument,
    what: Annotated[Export, typer.Argument(help="Which sheet.", show_default=False)],
    *,
    csv: Annotated[str, typer.Option(help="The file to write; - is standard output.")] = OUTPUT,
    mail: Annotated[
        bool, typer.Option("--mail", help="Mail it to ORGANISER_MAIL instead, once a day.")
    ] = False,
) -> None:
    """Write one of an event's sheets for a spreadsheet; no sheet has a code that opens a door."""
    from ticketing.store.events import find_event

    if mail and csv != OUTPUT:
        raise typer.BadParameter("say --csv or --mail, not both")
    with open_application() as application:
        known = find_event(application.database, event)
        if mail:
            _mailed(application, known, what)
        else:
            _written(application, known, what, csv)


def _mailed(application: "Application", event: "Event", what: Export) -> None:
    from ticketing.actions.export import mail_export

    is_new = mail_export(application.database, event, what, at=now(), by=actor())
    address = application.settings.organiser_mail
    where = f"to {address}" if address else "when ORGANISER_MAIL is set"
    known = "" if is_new else f"was left today already: `ticketing deliveries {event.slug}`; "
    screen().print(f"{what}: {known}goes {where}", markup=False)


def _written(application: "Application", event: "Event", what: Export, place: str) -> None:
    from ticketing.actions.export import write_export
    from ticketing.gateways.sheet_file import sheet_at

    with sheet_at(place) as file:
        rows = write_export(application.database, event, what, file, at=now())
    if place != OUTPUT:
        screen().print(f"{rows} rows in {place}", markup=False)


COMMANDS = (export,)
