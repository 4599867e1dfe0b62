"""`ticketing missing`, and `explain`, `preflight` and `report` of `ticketing tickets`."""

from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.events.cli_context import open_event
from ticketing.platform.cli.console import now
from ticketing.platform.cli.options import EventOption, JsonOption, SortOption, WhereOption
from ticketing.platform.cli.output import (
    format_time,
    print_counts,
    print_json,
    print_table,
    print_text,
    stdout_console,
    to_object,
)

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from ticketing.events.model import Event
    from ticketing.tickets.eligibility import EligibilityCounts, Entitlement
    from ticketing.tickets.reports.explain import Explanation

MAX_REASONS = 30  # each rejected row may have a reason of its own

app = typer.Typer()


def missing(
    slug: EventOption,
    *,
    limit: Annotated[int, typer.Option(min=0, help="Maximum number of guests listed.")] = 20,
    offset: Annotated[int, typer.Option(min=0, help="Skip this many guests.")] = 0,
    count: Annotated[bool, typer.Option("--count", help="Print only the number.")] = False,
    where: WhereOption = None,
    sort: SortOption = None,
    as_json: JsonOption = False,
) -> None:
    """List guests who are entitled and have no ticket."""
    from ticketing.tickets import missing as tickets_missing
    from ticketing.tickets.guest_filter import parse_filter

    wanted = parse_filter(where, sort)
    with open_event(slug) as (application, event):
        database, at = application.database, now()
        counts = tickets_missing.count_eligibility(database, event, at=at)
        matching = tickets_missing.count_missing_tickets(database, event, wanted, at=at)
        guests = tickets_missing.list_missing_tickets(
            database, event, wanted, at=at, limit=0 if count else limit, offset=offset
        )
    if count:
        print_json(matching)
    elif as_json:
        totals = {"entitled": counts.entitled, "matching": matching}
        print_json(to_object(counts) | totals | {"people": guests})
    else:
        _print_missing(event, counts, guests, matching)


def _print_missing(
    event: "Event", counts: "EligibilityCounts", guests: "list[Entitlement]", matching: int
) -> None:
    held = f" {counts.on_hold:,} on hold," if counts.on_hold else ""
    stdout_console().print(
        f"{event.name}: {counts.entitled:,} entitled, {counts.has_ticket:,} with a ticket,{held}"
        f" [bold]{counts.missing:,} missing[/]"
    )
    if counts.reasons:
        print_table(
            list(counts.reasons.items())[:MAX_REASONS],
            {"status": lambda item: item[0], "guests": lambda item: item[1]},
        )
    if len(counts.reasons) > MAX_REASONS:
        print_text(f"and {len(counts.reasons) - MAX_REASONS:,} more reasons; --json lists all")
    if guests:
        print_text("")
        print_table(
            guests,
            {
                "guest id": lambda guest: str(guest.guest_id),
                "external id": lambda guest: guest.external_id,
                "name": lambda guest: guest.full_name,
                "ticket type": lambda guest: guest.ticket_type,
            },
        )
    if len(guests) < matching:
        print_text(f"{len(guests)} of {matching:,} listed; use --limit and --offset for others.")
    if counts.on_hold or counts.pdf_failed:
        print_text(
            f"Everybody without a ticket, with reason: ticketing export missing -e {event.slug}"
        )


@app.command("explain")
def explain_guest(
    guest: Annotated[
        str,
        typer.Argument(help="External id, e-mail, phone, ticket code, id or part of a name."),
    ],
    slug: EventOption,
    *,
    as_json: JsonOption = False,
) -> None:
    """Show why a guest has a ticket or has none.

    Shows the history from the row of the roster to the entitlement, the ticket and the PDF. Exit
    code 1 when nobody matches.
    """
    from zoneinfo import ZoneInfo

    from ticketing.documents.file_store import DocumentFolder
    from ticketing.tickets.rendering.document_reader import read_unchanged
    from ticketing.tickets.reports.explain import explain_person

    with open_event(slug) as (application, event):
        folder = application.get(DocumentFolder)
        answer = explain_person(
            application.database,
            event,
            guest,
            at=now(),
            is_unchanged=lambda path, digest: read_unchanged(folder, path, digest) is not None,
        )
    if as_json:
        print_json(answer)
    else:
        _print_explanation(answer, ZoneInfo(event.time_zone))
    found = answer.people or answer.left_out
    if not found and not as_json:
        print_text(f"No guest of {event.name} matches {guest!r}.")
    raise typer.Exit(0 if found else 1)


def _print_explanation(answer: "Explanation", zone: "ZoneInfo") -> None:
    for history in answer.people:
        external_id = f", external id {history.external_id}" if history.external_id else ""
        print_text(f"{history.full_name} (guest {history.guest_id}{external_id})")
        print_text(*(f"  now: {status}" for status in history.statuses))
        for step in history.steps:
            at = format_time(step.at, zone)
            print_text(f"  {at:<21}  {step.what}  {step.by}".rstrip())
    if answer.more_people:
        print_text(
            f"and {answer.more_people:,} more guests match; write more of the name, or an id"
        )
    print_text(*(f"Rejected row: {row}" for row in answer.left_out))
    if answer.more_left_out:
        print_text(f"and {answer.more_left_out:,} more rejected rows")


@app.command("preflight")
def preflight(slug: EventOption, *, as_json: JsonOption = False) -> None:
    """Check which names cannot be printed, before issuing.

    Emoji that no installed font draws are left out of a ticket; a note says so. Exit code 1 when a
    name cannot be printed.
    """
    from ticketing.documents.renderer import Renderer
    from ticketing.tickets.rendering.preflight import run_preflight

    with open_event(slug) as (application, event):
        findings = list(
            run_preflight(application.database, event, renderer=application.get(Renderer))
        )
    obstacles = sum(not finding.is_note for finding in findings)
    if as_json:
        print_json(findings)
    else:
        print_text(
            *(
                f"{'note: ' if finding.is_note else ''}guest {finding.guest_id},"
                f" {finding.full_name}: {finding.field}: {finding.reason}"
                for finding in findings
            ),
            f"{obstacles} names of {event.name} cannot be printed."
            if obstacles
            else f"Every name of {event.name} can be printed.",
        )
    raise typer.Exit(1 if obstacles else 0)


@app.command("report")
def report(slug: EventOption, *, as_json: JsonOption = False) -> None:
    """Write a CSV and a PDF report: every guest is generated, failed or missing."""
    from ticketing.documents.file_store import DocumentFolder
    from ticketing.tickets.reports.report import write_report

    with open_event(slug) as (application, event):
        result = write_report(
            application.database, event, root=application.get(DocumentFolder).root, at=now(),
            delimiter=application.settings.csv_delimiter_character,
        )  # fmt: skip
    counts = {
        "entitled": result.entitled,
        "generated": result.generated,
        "failed": result.failed,
        "missing": result.missing,
        "test": result.test,
    }
    if as_json:
        print_json(counts | {"csv": result.files.csv, "pdf": result.files.pdf})
        return
    if not result.test:
        del counts["test"]
    if result.last_import and result.last_import.rejected:
        counts["rejected rows"] = result.last_import.rejected
    print_counts(f"{event.name} ({event.slug})", counts)
    print_text(f"PDF: {result.files.pdf}", f"CSV: {result.files.csv}")
