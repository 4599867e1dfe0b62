"""`ticketing export`: an event's sheets."""

from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.platform.cli.console import actor, now, open_application, stdout_console
from ticketing.platform.cli.options import EventArgument
from ticketing.platform.export_names import ExportKind

if TYPE_CHECKING:
    from ticketing.events.model import Event
    from ticketing.platform.application import Application

STANDARD_OUTPUT = "-"


def export(
    event: EventArgument,
    what: Annotated[ExportKind, typer.Argument(help="Which sheet.", show_default=False)],
    *,
    csv: Annotated[
        str, typer.Option(help="The file to write; - is standard output.")
    ] = STANDARD_OUTPUT,
    mail: Annotated[
        bool, typer.Option("--mail", help="Mail it to ORGANISER_MAIL instead, once a day.")
    ] = False,
) -> None:
    """Write one of an event's sheets for a spreadsheet; no sheet has a code that opens a door."""
    from ticketing.events.queries import get_event

    if mail and csv != STANDARD_OUTPUT:
        raise typer.BadParameter("say --csv or --mail, not both")
    with open_application() as application:
        known = get_event(application.database, event)
        if mail:
            _queue_mail(application, known, what)
        else:
            _write_file(application, known, what, csv)


def _queue_mail(application: "Application", event: "Event", what: ExportKind) -> None:
    from ticketing.reporting.export import queue_export_mail

    is_new = queue_export_mail(application.database, event, what, at=now(), by=actor())
    address = application.settings.organiser_mail
    where = f"to {address}" if address else "when ORGANISER_MAIL is set"
    known = "" if is_new else f"was left today already: `ticketing deliveries {event.slug}`; "
    stdout_console().print(f"{what}: {known}goes {where}", markup=False)


def _write_file(application: "Application", event: "Event", what: ExportKind, path: str) -> None:
    from ticketing.platform.kernel.csv_writer import open_sheet
    from ticketing.reporting.export import write_export

    with open_sheet(path) as file:
        rows = write_export(application.database, event, what, file, at=now())
    if path != STANDARD_OUTPUT:
        stdout_console().print(f"{rows} rows in {path}", markup=False)


COMMANDS = (export,)
