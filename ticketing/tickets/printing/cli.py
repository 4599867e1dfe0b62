"""`print-run` and `zip` of `ticketing tickets`."""

from pathlib import Path
from typing import Annotated

import typer

from ticketing.events.cli_context import open_event
from ticketing.platform.cli.options import (
    EventOption,
    JsonOption,
    SortOption,
    WhereOption,
    parse_choice,
)
from ticketing.platform.cli.output import print_json, print_text

app = typer.Typer()

OutOption = Annotated[
    Path, typer.Option("--out", "-o", help="File to write.", show_default=False, dir_okay=False)
]


@app.command("print-run")
def print_run(  # noqa: PLR0913  # one parameter per option
    slug: EventOption,
    out: OutOption,
    *,
    sort: SortOption = None,
    where: WhereOption = None,
    grid: Annotated[
        str | None,
        typer.Option(help="Tickets on a sheet, COLUMNSxROWS; without it each is a page."),
    ] = None,
    paper: Annotated[str, typer.Option(help="With --grid: a3, a4, a5, letter or legal.")] = "a4",
    landscape: Annotated[bool, typer.Option("--landscape", help="Turn the paper.")] = False,
    margin: Annotated[float, typer.Option(help="With --grid: margin of the sheet in mm.")] = 8,
    gap: Annotated[float, typer.Option(help="With --grid: space between tickets in mm.")] = 0,
    crop_marks: Annotated[
        bool, typer.Option("--crop-marks", help="With --grid: marks along which to cut.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Write all live tickets of an event into one PDF, for printing.

    Exit code 1 when a ticket cannot be printed; the last page lists them.
    """
    from ticketing.documents.print_run.sheet_layout import Paper, SheetLayout
    from ticketing.documents.renderer import Renderer
    from ticketing.platform.kernel.binary_file import write_complete_file
    from ticketing.tickets.guest_filter import parse_filter
    from ticketing.tickets.printing.print_tickets import PrintedTickets, print_tickets

    layout = None
    if grid is not None:
        columns, rows = _parse_grid(grid)
        layout = SheetLayout(
            parse_choice(paper.lower(), Paper, "--paper"), columns, rows, margin, gap,
            is_landscape=landscape, crop_marks=crop_marks,
        )  # fmt: skip
    elif crop_marks:
        raise typer.BadParameter("needs --grid, such as --grid 1x2", param_hint="--crop-marks")
    counts = PrintedTickets()
    with open_event(slug) as (application, event):
        parts = print_tickets(
            application.database, application.get(Renderer), event,
            wanted=parse_filter(where, sort), layout=layout, counts=counts,
        )  # fmt: skip
        size = write_complete_file(out, parts)
    if as_json:
        print_json({"file": str(out), "bytes": size, "tickets": counts})
    else:
        print_text(f"{counts.printed:,} of {counts.total:,} tickets in {out}, {size:,} bytes.")
        print_text(*(f"  left out: {each.ticket_code}: {each.reason}" for each in counts.left_out))
    raise typer.Exit(1 if counts.left_out else 0)


@app.command("zip")
def zip_tickets(
    slug: EventOption, out: OutOption, *, where: WhereOption = None, as_json: JsonOption = False
) -> None:
    """Write the PDFs of all live tickets of an event into a ZIP file.

    Tickets without a PDF are listed in it, in WITHOUT-PDF.txt.
    """
    from ticketing.platform.kernel.binary_file import write_complete_file
    from ticketing.tickets.guest_filter import parse_filter
    from ticketing.tickets.rendering.document_reader import DocumentReader
    from ticketing.tickets.rendering.zip_archive import stream_zip

    with open_event(slug) as (application, event):
        parts = stream_zip(
            application.database, application.get(DocumentReader), event, parse_filter(where)
        )
        size = write_complete_file(out, parts)
    if as_json:
        print_json({"file": str(out), "bytes": size})
    else:
        print_text(f"{out}: {size:,} bytes.")


def _parse_grid(text: str) -> tuple[int, int]:
    columns, _, rows = text.lower().partition("x")
    if not (columns.isdecimal() and rows.isdecimal()):
        raise typer.BadParameter(f"{text!r}: write COLUMNSxROWS, such as 2x4", param_hint="--grid")
    return int(columns), int(rows)
