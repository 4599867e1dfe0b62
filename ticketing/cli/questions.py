"""Questions to the box office: who is missing, what would not print, how it went."""

import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.cli.console import (
    EventOption,
    JsonOption,
    listing,
    now,
    open_application,
    print_json,
    screen,
)

if TYPE_CHECKING:
    from ticketing.domain.missing import Entitlement, Gap


def missing(
    event: EventOption,
    *,
    limit: Annotated[int, typer.Option(min=0, help="List at most so many people.")] = 20,
    offset: Annotated[int, typer.Option(min=0, help="Pass over so many first.")] = 0,
    count: Annotated[bool, typer.Option("--count", help="Only the number.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Who is entitled and has no ticket, and why."""
    from dataclasses import asdict

    from ticketing.actions import missing as gaps
    from ticketing.store.events import find_event

    with open_application() as application:
        at = now()
        known = find_event(application.database, event)
        gap = gaps.gap(application.database, known, at=at)
        if count:
            typer.echo(gap.missing)
            return
        people = gaps.missing_tickets(
            application.database, known, at=at, limit=limit, offset=offset
        )
    if as_json:
        print_json(
            {**asdict(gap), "entitled": gap.entitled, "people": [asdict(one) for one in people]}
        )
    else:
        _show_gap(known.name, gap, people)


def _show_gap(name: str, gap: "Gap", people: "list[Entitlement]") -> None:
    out = screen()
    out.print(f"{name}: {gap.entitled:,} entitled, {gap.has_ticket:,} have a ticket, ", end="")
    out.print(f"[bold]{gap.missing:,} missing[/]")
    table = listing("why", "people")
    for reason, number in gap.reasons.items():
        table.add_row(reason, f"{number:,}")
    if gap.reasons:
        out.print(table)
    if people:
        lacking = listing("number", "external id", "name", "ticket")
        for one in people:
            lacking.add_row(
                str(one.guest_id), one.external_id or "", one.full_name, one.ticket_type
            )
        out.print(lacking)
    if len(people) < gap.missing:
        out.print(f"{len(people)} of {gap.missing:,} listed; --limit and --offset show others")


def preflight(event: EventOption, *, as_json: JsonOption = False) -> None:
    """Whose ticket could not be printed, beforehand."""
    from dataclasses import asdict

    from ticketing.actions.preflight import preflight as look_through
    from ticketing.documents.renderer import Renderer
    from ticketing.store.events import find_event

    with open_application() as application:
        known = find_event(application.database, event)
        findings = list(
            look_through(application.database, known, renderer=application.get(Renderer))
        )
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        out = screen()
        for finding in findings:
            out.print(
                f"person {finding.guest_id}, {finding.full_name}: {finding.field}: {finding.reason}"
            )
        out.print(f"{len(findings)} of {known.name} could not be printed" if findings
                  else f"every name of {known.name} can be printed")  # fmt: skip
    sys.exit(1 if findings else 0)


def report(event: EventOption, *, as_json: JsonOption = False) -> None:
    """Write the report: generated against failed.

    Person by person as CSV, for reading as PDF.
    """
    from ticketing.actions.report import write_report
    from ticketing.documents.folder import DocumentFolder
    from ticketing.store.events import find_event

    with open_application() as application:
        known = find_event(application.database, event)
        done = write_report(
            application.database, known, root=application.get(DocumentFolder).root, at=now()
        )
    if as_json:
        print_json({
            "entitled": done.entitled, "generated": done.generated, "failed": done.failed,
            "missing": done.missing, "csv": str(done.files.csv), "pdf": str(done.files.pdf),
        })  # fmt: skip
        return
    from rich.table import Table

    table = Table(title=f"{known.name} ({known.slug})", title_justify="left", min_width=44)
    table.add_column("people")
    table.add_column("", justify="right")
    for label in ("generated", "failed", "missing"):
        table.add_row(label, f"{getattr(done, label):,}")
    table.add_section()
    table.add_row("entitled", f"{done.entitled:,}")
    if done.last_import and done.last_import.quarantined:
        table.add_row("rows in quarantine", f"{done.last_import.quarantined:,}")
    out = screen()
    out.print(table)
    out.print(f"report  {done.files.pdf}\n        {done.files.csv}")


def why(
    person: Annotated[
        str,
        typer.Argument(help="External id, e-mail, phone, ticket code, number or part of a name."),
    ],
    event: EventOption,
    *,
    as_json: JsonOption = False,
) -> None:
    """Why a person has no ticket, or which one.

    Walks from the import line to the entitlement, the ticket and the PDF.
    """
    from dataclasses import asdict

    from ticketing.actions.why import why as walk
    from ticketing.documents.folder import DocumentFolder
    from ticketing.store.events import find_event

    with open_application() as application:
        known = find_event(application.database, event)
        answer = walk(
            application.database,
            known,
            person,
            at=now(),
            pdf_exists=application.get(DocumentFolder).exists,
        )
    out = screen()
    if as_json:
        print_json(asdict(answer))
    else:
        for story in answer.people:
            out.print(
                f"[bold]{story.full_name}[/]  person {story.guest_id}  {story.external_id or ''}"
            )
            for standing in story.standings:
                out.print(f"  now: {standing}")
            for step in story.steps:
                out.print(f"  {_local(step.at):<19}  {step.what}  {step.by}".rstrip())
        for row in answer.left_out:
            out.print(f"quarantined: {row}")
        if not answer.people and not answer.left_out:
            out.print(f"nobody of {known.name} goes by {person!r}")
    sys.exit(0 if answer.people or answer.left_out else 1)


def incidents(
    *,
    everything: Annotated[bool, typer.Option("--all", help="Resolved ones too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """What went wrong: one line a cause, open ones."""
    from dataclasses import asdict

    from ticketing.store import incidents as digest

    with open_application() as application, application.database.transaction() as connection:
        found = digest.latest(connection) if everything else digest.still_open(connection)
    if as_json:
        print_json([asdict(incident) for incident in found])
        return
    out = screen()
    for one in found:
        state = f"resolved {_local(one.resolved_at)}" if one.resolved_at else "[red]open[/]"
        out.print(f"{_local(one.last_seen_at)}  {one.occurrences}x  {state}  {one.message}")
    if not found:
        out.print("nothing is wrong that anybody told of")


def _local(at: datetime | None) -> str:
    """An instant on this machine's clock, to the second; empty for none."""
    return f"{at.astimezone():%Y-%m-%d %H:%M:%S}" if at else ""


COMMANDS = (missing, why, preflight, report, incidents)
