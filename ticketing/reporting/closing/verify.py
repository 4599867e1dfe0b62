"""Verify closing reports: signature, chain, and the figures compared with those of today."""

from collections.abc import Iterable
from itertools import pairwise

from ticketing.crypto import key_queries
from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.reporting.closing import report_queries
from ticketing.reporting.closing.figures import collect_figures
from ticketing.reporting.closing.report_file import ClosingReport, list_differences


def list_signature_problems(report: ClosingReport, public_keys: Iterable[bytes]) -> list[str]:
    """Return why a report is not signed with one of these public keys; empty if it is."""
    if report.public_key not in set(public_keys):
        return [f"it is signed with another key: {report.public_key.hex()}"]
    return [] if report.is_signed else ["the signature does not match: the content was changed"]


def list_chain_problems(reports: Iterable[ClosingReport]) -> list[str]:
    """Return where the chain of consecutive reports of an event is broken."""
    ordered = sorted(reports, key=lambda report: (report.event_uid, report.number))
    problems = [
        f"report {report.number} is not the first, and names none before it"
        for report in ordered
        if (report.previous_sha256 is None) != (report.number == 1)
    ]
    for before, after in pairwise(ordered):
        is_next = before.event_uid == after.event_uid and after.number == before.number + 1
        if is_next and after.previous_sha256 != before.sha256:
            problems.append(f"report {after.number} does not follow from this {before.number}")
    return problems


def list_problems_in_database(database: Database, event: Event, report: ClosingReport) -> list[str]:
    """Return how a report differs from what the database stored about it."""
    with database.transaction() as connection:
        keys = key_queries.list_for_event(connection, event.id)
        stored = {
            one.number: one.sha256 for one in report_queries.list_for_event(connection, event.id)
        }
    problems = list_signature_problems(
        report, [key.key for key in keys if key.generation == report.key_generation]
    )
    if str(event.uid) != report.event_uid:
        problems.append(f"event {event.slug} has another id here: {event.uid}")
    if report.number not in stored:
        problems.append(f"the database has no closing report {report.number} of {event.slug}")
    elif stored[report.number] != report.sha256:
        problems.append(f"the database has another closing report {report.number}")
    if report.previous_sha256 != stored.get(report.number - 1):
        problems.append("the report before it is not the one in the database")
    return problems


def compare_with_today(
    database: Database, event: Event, report: ClosingReport
) -> list[tuple[str, object, object]]:
    """Return path, value in the report and value of today of every figure that differs."""
    today = collect_figures(database, event, until=report.figures)
    return list_differences(report.figures, today)
