"""`ticketing closing-reports`: create, list, verify."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.events.cli_context import open_event
from ticketing.platform.cli.console import actor, now, open_application
from ticketing.platform.cli.options import EventOption, JsonOption
from ticketing.platform.cli.output import print_json, print_list, print_text

if TYPE_CHECKING:
    from ticketing.platform.application import Application
    from ticketing.reporting.closing.create import WrittenReport
    from ticketing.reporting.closing.report_file import ClosingReport

app = typer.Typer(no_args_is_help=True)


@app.command("create")
def create(slug: EventOption, *, as_json: JsonOption = False) -> None:
    """Write a signed file with the figures of an event, chained to the file before it.

    Create one when the event is over, and another one after later corrections.
    """
    from ticketing.crypto.keyring import KeyRing
    from ticketing.reporting.closing.create import create_report, write_reports
    from ticketing.reporting.closing.report_file import parse_file

    with open_event(slug) as (application, event):
        create_report(
            application.database, event, keys=application.get(KeyRing), at=now(), by=actor()
        )
        folder = application.settings.closing_reports
        written = write_reports(application.database, event, folder)[-1]
    if as_json:
        print_json(_to_json(written))
        return
    report = parse_file(written.path.read_bytes())
    print_text(f"Closing report {report.number} of {event.name}", *_summarise(report))
    print_text(f"File: {written.path}", f"SHA-256: {report.sha256}")


def _to_json(written: "WrittenReport") -> dict[str, object]:
    one = written.report
    return {"number": one.number, "sha256": one.sha256, "file": str(written.path),
            "createdAt": one.created_at.isoformat(), "createdBy": one.created_by}  # fmt: skip


def _summarise(report: "ClosingReport") -> list[str]:
    """Return one line per figure; amounts are in signed rupiah."""
    return [f"  {name}: {_format(value)}" for name, value in report.figures.items()]


def _format(value: object) -> str:
    """Return a figure as text: counts by name, lists by their lengths or their rows."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {_format(one)}" for name, one in value.items()) or "none"
    if isinstance(value, list):
        return "; ".join(f"[{_format(one)}]" for one in value) or "none"
    return f"{value:,}" if isinstance(value, int) else str(value)


@app.command("list")
def list_reports(slug: EventOption, *, as_json: JsonOption = False) -> None:
    """List the closing reports of an event; files that are missing are written again."""
    from ticketing.reporting.closing.create import write_reports

    with open_event(slug) as (application, event):
        folder = application.settings.closing_reports
        written = write_reports(application.database, event, folder)
    print_list(
        written,
        {
            "number": lambda one: one.report.number,
            "created": lambda one: one.report.created_at,
            "by": lambda one: one.report.created_by,
            "file": lambda one: one.path,
            "sha256": lambda one: one.report.sha256,
        },
        as_json=as_json,
        to_json=_to_json,
        empty="No closing reports.",
    )


@app.command("verify")
def verify(
    files: Annotated[
        list[Path], typer.Argument(help="Files; several of one event are checked as a chain.")
    ],
    *,
    public_key: Annotated[
        str,
        typer.Option(
            help="64 hexadecimal digits, as `keys list --format hex` prints them:"
            " verify without the database."
        ),
    ] = "",
    compare: Annotated[
        bool, typer.Option("--compare", help="Also compare the figures with those of today.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Verify the signature and the chain of closing reports.

    Exit code 1 when a file is not what was signed, or when a compared figure differs.
    """
    from ticketing.reporting.closing.verify import list_chain_problems

    if compare and public_key:
        raise typer.BadParameter("it needs the database; omit --public-key", param_hint="--compare")
    reports = {path: _read(path) for path in files}
    results = {
        str(path): _verify_offline(report, public_key)
        if public_key
        else _verify_in_database(report, compare=compare)
        for path, report in reports.items()
    }
    results["chain"] = list_chain_problems(reports.values())
    problems = {name: found for name, found in results.items() if found}
    if as_json:
        print_json({"valid": not problems, "problems": problems})
    else:
        print_text(*(f"{name}: {one}" for name, found in problems.items() for one in found))
        print_text("Not valid." if problems else f"{len(files)} valid.")
    raise typer.Exit(1 if problems else 0)


def _read(path: Path) -> "ClosingReport":
    from ticketing.platform.kernel.errors import Refused
    from ticketing.reporting.closing.report_file import parse_file

    try:
        return parse_file(path.read_bytes())
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror}") from error


def _verify_offline(report: "ClosingReport", public_key: str) -> list[str]:
    from ticketing.reporting.closing.verify import list_signature_problems

    try:
        return list_signature_problems(report, [bytes.fromhex(public_key)])
    except ValueError:
        raise typer.BadParameter(
            f"{public_key!r} is not hexadecimal", param_hint="--public-key"
        ) from None


def _verify_in_database(report: "ClosingReport", *, compare: bool) -> list[str]:
    from ticketing.events.queries import get_event
    from ticketing.reporting.closing.verify import list_problems_in_database

    with open_application() as application:
        event = get_event(application.database, report.event_slug)
        problems = list_problems_in_database(application.database, event, report)
        return problems + (_compare(application, report) if compare else [])


def _compare(application: "Application", report: "ClosingReport") -> list[str]:
    from ticketing.events.queries import get_event
    from ticketing.reporting.closing.verify import compare_with_today

    event = get_event(application.database, report.event_slug)
    return [
        f"{path}: {then} in the report, {today} today"
        for path, then, today in compare_with_today(application.database, event, report)
    ]
