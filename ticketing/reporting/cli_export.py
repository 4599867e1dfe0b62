"""`ticketing export`: a list of an event as CSV or by mail."""

from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.events.cli_context import open_event
from ticketing.platform.cli.console import actor, now
from ticketing.platform.cli.options import EventOption, JsonOption, SortOption, WhereOption
from ticketing.platform.cli.output import print_result
from ticketing.platform.export_names import ExportKind

if TYPE_CHECKING:
    from ticketing.events.model import Event
    from ticketing.platform.application import Application
    from ticketing.tickets.guest_filter import GuestFilter

STANDARD_OUTPUT = "-"


def export(
    slug: EventOption,
    kind: Annotated[ExportKind, typer.Argument(help="Which list.", show_default=False)],
    *,
    csv: Annotated[str, typer.Option(help="File to write; - is standard output.")] = (
        STANDARD_OUTPUT
    ),
    mail: Annotated[
        bool, typer.Option("--mail", help="Send it to ORGANISER_EMAIL instead, once a day.")
    ] = False,
    where: WhereOption = None,
    sort: SortOption = None,
    as_json: JsonOption = False,
) -> None:
    """Export a list of an event as CSV, without secrets.

    --where and --sort are for tickets and missing. --json prints the result, not the list; it needs
    --csv FILE or --mail.
    """
    from ticketing.tickets.guest_filter import parse_filter

    if mail and (where or sort):
        raise typer.BadParameter("a mailed list is complete; use --where and --sort with --csv")
    if mail and csv != STANDARD_OUTPUT:
        raise typer.BadParameter("use either --csv or --mail")
    if as_json and not mail and csv == STANDARD_OUTPUT:
        raise typer.BadParameter("--json needs --csv FILE or --mail", param_hint="--json")
    with open_event(slug) as (application, event):
        if mail:
            _queue_mail(application, event, kind, as_json=as_json)
        else:
            wanted = parse_filter(where, sort)
            _write_file(application, event, kind, csv, wanted, as_json=as_json)


def _queue_mail(
    application: "Application", event: "Event", kind: ExportKind, *, as_json: bool
) -> None:
    from ticketing.reporting.export import queue_export_mail

    is_new = queue_export_mail(application.database, event, kind, at=now(), by=actor())
    address = application.settings.organiser_email
    target = f"to {address}" if address else "as soon as ORGANISER_EMAIL is set"
    line = f"{kind}: queued; it is sent {target}."
    if not is_new:
        line = (
            f"{kind}: already queued today."
            f" To see it: ticketing deliveries list --event {event.slug}"
        )
    print_result({"list": kind, "queued": is_new, "to": address}, line, as_json=as_json)


def _write_file(
    application: "Application",
    event: "Event",
    kind: ExportKind,
    path: str,
    wanted: "GuestFilter",
    *,
    as_json: bool,
) -> None:
    from ticketing.platform.kernel.csv_writer import open_sheet
    from ticketing.reporting.export import write_export

    with open_sheet(path) as file:
        rows = write_export(
            application.database, event, kind, file, at=now(),
            delimiter=application.settings.csv_delimiter_character, wanted=wanted,
        )  # fmt: skip
    if path != STANDARD_OUTPUT:
        result = {"list": kind, "rows": rows, "csv": path}
        print_result(result, f"{rows} rows in {path}", as_json=as_json)
