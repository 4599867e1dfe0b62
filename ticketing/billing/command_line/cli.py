"""`ticketing sync-payments` and `match-payments`: fetch records, compare guests with them."""

from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.platform.cli.console import actor, now, open_application
from ticketing.platform.cli.options import EventOption, JsonOption
from ticketing.platform.cli.output import print_json, print_list, print_text

if TYPE_CHECKING:
    from ticketing.billing.sync.drive import BillingConnector
    from ticketing.billing.sync.progress import SyncProgress
    from ticketing.platform.application import Application
    from ticketing.platform.db.database import Database

EXIT_FAILURES = 1


def sync_payments(  # noqa: PLR0913 - one option for each thing to do
    *,
    cancel: Annotated[
        bool, typer.Option("--cancel", help="Cancel the running sync; what is done is kept.")
    ] = False,
    reset: Annotated[
        bool, typer.Option("--reset", help="Clear the counters of the last sync.")
    ] = False,
    status: Annotated[bool, typer.Option("--status", help="Print the progress and exit.")] = False,
    failed: Annotated[
        bool, typer.Option("--failed", help="List the students that failed in the last sync.")
    ] = False,
    retry: Annotated[
        bool, typer.Option("--retry-failed", help="Ask again for the students that failed.")
    ] = False,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", help="With --retry-failed: this student's id (repeatable)."),
    ] = None,
    accept_held: Annotated[
        bool, typer.Option("--accept-held", help="Apply what vanished and was held back.")
    ] = False,
    discard_held: Annotated[
        bool, typer.Option("--discard-held", help="Keep what was stored before instead.")
    ] = False,
    check: Annotated[
        str | None,
        typer.Option("--check", metavar="ID", help="Ask for one student and store nothing."),
    ] = None,
    differences: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Write what the last sync changed, as CSV or XLSX; - is standard output.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Fetch the payment record of every student, or join the sync that is running.

    Ctrl-C cancels a sync that this command drives; the same command goes on with what is left.
    """
    from ticketing.billing.command_line import cli_actions
    from ticketing.billing.sync.drive import BillingConnector
    from ticketing.billing.sync.foreground import drive_or_follow

    asked = [
        cancel, reset, status, failed, retry, accept_held, discard_held, check is not None,
        differences is not None,
    ]  # fmt: skip
    if sum(asked) > 1:
        raise typer.BadParameter("give one option that says what to do, not several")
    if only and not retry:
        raise typer.BadParameter("--only needs --retry-failed", param_hint="--only")
    with open_application() as application:
        connector = cli_actions.require_connector(application.find(BillingConnector))
        database = application.database
        if check is not None:
            _check(connector, check, as_json=as_json)
        elif differences is not None:
            _write_differences(application, connector, differences)
        elif failed:
            _print_failed(database, connector, as_json=as_json)
        elif cancel or reset or status or accept_held or discard_held:
            _do(database, connector, cancel=cancel, reset=reset, accept=accept_held,
                discard=discard_held)  # fmt: skip
            _print_progress(cli_actions.read(database, connector), as_json=as_json)
        else:
            run_id = cli_actions.start(database, connector, retry=retry, only=only, by=actor())
            with cli_actions.progress_bar(quiet=as_json) as show:
                end = drive_or_follow(database, connector, run_id, show, by=actor(), clock=now)
            _print_progress(end, as_json=as_json)
            if end.run is None or end.run.failed or end.status != "completed":
                raise typer.Exit(EXIT_FAILURES)


def _do(
    database: "Database",
    connector: "BillingConnector",
    *,
    cancel: bool,
    reset: bool,
    accept: bool,
    discard: bool,
) -> None:
    from ticketing.billing.sync import control, held_changes

    actions = {
        control.cancel_run: cancel,
        control.reset_run: reset,
        held_changes.accept_held: accept,
        held_changes.discard_held: discard,
    }
    for action, is_asked in actions.items():
        if is_asked:
            action(database, connector.name, by=actor(), at=now())


def _print_progress(progress: "SyncProgress", *, as_json: bool) -> None:
    from ticketing.billing.command_line.cli_actions import describe
    from ticketing.billing.sync.progress_json import progress_to_json

    if as_json:
        print_json(progress_to_json(progress, "en"))
    else:
        print_text(*describe(progress))


def _check(connector: "BillingConnector", external_id: str, *, as_json: bool) -> None:
    from operator import itemgetter

    from ticketing.billing.sync.check_source import check_source
    from ticketing.billing.sync.records.bill_json import bill_to_json

    found = check_source(connector, external_id)
    bills = [bill_to_json(bill) for bill in found.bills]
    findings = {
        "unmapped": found.unmapped, "unknown words": found.unknown_words,
        "contradictions": found.contradictions,
    }  # fmt: skip
    if as_json:
        sums = {"due": str(found.due), "paid": str(found.paid)}
        print_json({"problem": found.problem, "bills": bills, **sums, **findings, "raw": found.raw})
    else:
        print_text(found.raw, "")
        print_list(
            bills,
            {name: itemgetter(name) for name in bills[0]} if bills else {},
            as_json=False,
            empty="No bills.",
        )
        print_text(f"Due {found.due}, paid {found.paid}.", found.problem or "Accepted.")
        print_text(*(f"{name}: {', '.join(values)}" for name, values in findings.items() if values))
    if found.problem:
        raise typer.Exit(EXIT_FAILURES)


def _write_differences(
    application: "Application", connector: "BillingConnector", target: str
) -> None:
    from pathlib import Path

    from ticketing.billing.command_line.cli_actions import read
    from ticketing.billing.differences.csv_file import describe_statement, write_differences
    from ticketing.billing.differences.statement import make_statement
    from ticketing.billing.differences.xlsx_file import make_difference_workbook
    from ticketing.platform.kernel.binary_file import write_complete_file
    from ticketing.platform.kernel.csv_writer import STDOUT, open_sheet
    from ticketing.platform.kernel.errors import NotFound

    run = read(application.database, connector).run
    if run is None:
        raise NotFound("there was no sync, or its counters were reset; start one first")
    statement = make_statement(application.database, run, at=now())
    if target.lower().endswith(".xlsx"):
        write_complete_file(Path(target), [make_difference_workbook(statement)])
        print_text(describe_statement(statement))
        return
    with open_sheet(target) as file:
        write_differences(file, statement, delimiter=application.settings.csv_delimiter_character)
    if target != STDOUT:
        print_text(describe_statement(statement))


def _print_failed(database: "Database", connector: "BillingConnector", *, as_json: bool) -> None:
    from ticketing.billing.command_line.cli_actions import list_all_failed
    from ticketing.billing.sync.log_messages import failure_text

    print_list(
        list(list_all_failed(database, connector)),
        {
            "id": lambda item: item.external_id,
            "name": lambda item: item.name,
            "class": lambda item: item.group_name or "",
            "why": lambda item: failure_text(item.failure, "en"),
            "tries": lambda item: item.attempt_count,
            "message": lambda item: item.message,
            "at": lambda item: item.finished_at,
        },
        as_json=as_json,
        empty="No student failed in the last sync.",
    )


def match_payments(*, event: EventOption, as_json: JsonOption = False) -> None:
    """Compare the guests of an event with the payment records.

    The event's payment rule decides. A sync does so at its end, too. Guests who owe get no ticket;
    a ticket that was issued before is listed and never revoked.
    """
    from dataclasses import asdict
    from datetime import timedelta

    from ticketing.billing.command_line.cli_actions import require_connector
    from ticketing.billing.eligibility import match_payments as matching
    from ticketing.billing.sync.drive import BillingConnector
    from ticketing.events.cli_context import open_event

    with open_event(event) as (application, known):
        connector = require_connector(application.find(BillingConnector))
        match = matching.match_payments(
            application.database, known, connector.name, by=actor(), at=now(),
            max_age=timedelta(days=application.settings.billing_max_age_days),
        )  # fmt: skip
    if as_json:
        print_json(asdict(match))
        return
    print_text(
        f"{match.event_slug}: rule {match.rule}; {match.settled:,} settled,"
        f" {match.cleared:,} cleared and {match.held:,} held now.",
        *(f"  {reason}: {count:,}" for reason, count in match.reasons.items() if reason),
    )
    if match.with_ticket:
        print_text(
            f"{match.with_ticket:,} have a ticket although they are held; none was revoked:",
            *(f"  {one.ticket_code} {one.full_name}: {one.reason}"
              for one in match.first_with_ticket),
        )  # fmt: skip
