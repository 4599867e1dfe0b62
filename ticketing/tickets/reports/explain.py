"""Explain the ticket of a person: import line, entitlement, tickets, PDFs, failures."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection

from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import UnreadableCode
from ticketing.tickets import eligibility_queries, use_queries
from ticketing.tickets.eligibility import Entitlement, RejectedImportRow
from ticketing.tickets.missing import is_event_over
from ticketing.tickets.model import TicketState, normalise_ticket_code
from ticketing.tickets.reports import person_history_queries
from ticketing.tickets.reports.person_history_queries import EntitlementHistory, TicketHistory
from ticketing.tickets.use_queries import ScanHistory

IsUnchanged = Callable[[str, str | None], bool]
_SORT_LAST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class TicketHistoryStep:
    """An event in the history, with its run or job; without `at` a present state."""

    at: datetime | None
    what: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class PersonHistory:
    """A guest, the status of each entitlement, and the history."""

    guest_id: int
    full_name: str
    external_id: str | None
    statuses: tuple[str, ...]
    steps: tuple[TicketHistoryStep, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """The first matching guests and rejected rows of imports, and how many more there are."""

    people: tuple[PersonHistory, ...]
    left_out: tuple[RejectedImportRow, ...]
    more_people: int = 0
    more_left_out: int = 0


def explain_person(
    database: Database,
    event: Event,
    person: str,
    *,
    at: datetime,
    is_unchanged: IsUnchanged = lambda _path, _sha256: True,
) -> Explanation:
    """Explain a person, by external id, e-mail, phone, ticket or order code, guest id or name.

    `is_unchanged` compares a document, by path, with its hash; by default all are unchanged.
    """
    person = person.strip()
    if not person:
        return Explanation((), ())
    with database.transaction() as connection:
        guests, total = person_history_queries.search_guests(
            connection, event.id, person, parse_ticket_code(person)
        )
        rows, row_total = person_history_queries.list_rejected_rows(connection, event.id, person)
        ids = [guest.id for guest in guests]
        entitlements = eligibility_queries.list_by_guest_ids(
            connection, event.id, ids, event_over=is_event_over(event, at)
        )
        return Explanation(
            people=tuple(
                PersonHistory(
                    guest_id=guest.id,
                    full_name=guest.full_name,
                    external_id=guest.external_id,
                    statuses=_statuses(connection, event, guest.id, entitlements),
                    steps=_history_steps(connection, event, guest.id, is_unchanged),
                )
                for guest in guests
            ),
            left_out=tuple(rows),
            more_people=total - len(guests),
            more_left_out=row_total - len(rows),
        )


def _statuses(
    connection: Connection, event: Event, guest_id: int, entitlements: Sequence[Entitlement]
) -> tuple[str, ...]:
    """Return the present status of each entitlement, with the last failure if it has no ticket."""
    failures = person_history_queries.list_failures(connection, event.id, guest_id)
    last = failures[-1].message if failures else ""
    return tuple(
        entitlement.reason
        if entitlement.ticket_code or last in {"", entitlement.reason}
        else f"{entitlement.reason}, failed: {last}"
        for entitlement in entitlements
        if entitlement.guest_id == guest_id
    )


def parse_ticket_code(text: str) -> str | None:
    """Return the canonical ticket code of a text, or None when it is none."""
    try:
        return normalise_ticket_code(text)
    except UnreadableCode:
        return None


def _history_steps(
    connection: Connection, event: Event, guest_id: int, is_unchanged: IsUnchanged
) -> tuple[TicketHistoryStep, ...]:
    """Return the history of a guest in chronological order."""
    entitlements = person_history_queries.list_entitlements(connection, guest_id)
    places = [entitled.entitlement_id for entitled in entitlements]
    tickets = person_history_queries.list_tickets(connection, places)
    steps = [step for entitled in entitlements for step in _entitlement_steps(entitled)]
    steps += [step for ticket in tickets for step in _ticket_steps(ticket, is_unchanged)]
    steps += [
        step for scan in use_queries.list_scans(connection, places) for step in _scan_steps(scan)
    ]
    steps += [
        TicketHistoryStep(
            failure.created_at, f"no ticket: {failure.message}", f"job {failure.job_id}"
        )
        for failure in person_history_queries.list_failures(connection, event.id, guest_id)
    ]
    steps += [
        TicketHistoryStep(
            change.changed_at,
            f"{change.field}: {change.old_value!r} -> {change.new_value!r}",
            change.changed_by,
        )
        for change in person_history_queries.list_changes(connection, guest_id)
    ]
    return tuple(sorted(steps, key=lambda step: step.at or _SORT_LAST))


def _entitlement_steps(entitlement: EntitlementHistory) -> Iterator[TicketHistoryStep]:
    if entitlement.import_id is not None:
        line = f"read from {entitlement.source_name} line {entitlement.import_line}"
        yield TicketHistoryStep(entitlement.imported_at, line, f"import {entitlement.import_id}")
    yield TicketHistoryStep(
        entitlement.created_at, f"entitled to a ticket by the {entitlement.source}"
    )


def _scan_steps(scan: ScanHistory) -> Iterator[TicketHistoryStep]:
    what = f"{scan.direction} at {scan.list_name} {scan.verdict}"
    reason = f": {scan.reason}" if scan.reason else ""
    yield TicketHistoryStep(scan.scanned_at, f"{what}{reason}", scan.gate)
    if scan.undone_at:
        yield TicketHistoryStep(
            scan.undone_at, f"{scan.direction} at {scan.list_name} undone", scan.undone_by
        )


def _ticket_steps(ticket: TicketHistory, is_unchanged: IsUnchanged) -> Iterator[TicketHistoryStep]:
    job = f"job {ticket.job_id} ({ticket.batch_key})"
    if ticket.dagster_run_id:
        job += f", run {ticket.dagster_run_id}"
    yield TicketHistoryStep(ticket.issued_at, f"ticket {ticket.ticket_code} issued", job)
    yield from _pdf_steps(ticket, is_unchanged)
    if ticket.delivered_at:
        yield TicketHistoryStep(ticket.delivered_at, f"ticket {ticket.ticket_code} delivered")
    if ticket.revoked_at:
        reason = f"ticket {ticket.ticket_code} revoked: {ticket.revoked_reason}"
        yield TicketHistoryStep(ticket.revoked_at, reason)


def _pdf_steps(ticket: TicketHistory, is_unchanged: IsUnchanged) -> Iterator[TicketHistoryStep]:
    if ticket.pdf_file_path and ticket.generated_at:
        yield TicketHistoryStep(ticket.generated_at, f"PDF written to {ticket.pdf_file_path}")
    if ticket.pdf_removed_at:
        yield TicketHistoryStep(ticket.pdf_removed_at, "PDF removed by retention")
    elif ticket.pdf_file_path and not is_unchanged(ticket.pdf_file_path, ticket.pdf_sha256):
        problem = "is missing or was changed on disk: it is rendered again when it is next read"
        yield TicketHistoryStep(None, f"PDF {ticket.pdf_file_path} {problem}")
    if ticket.render_error:
        yield TicketHistoryStep(None, f"PDF of {ticket.ticket_code} failed: {ticket.render_error}")
    elif not ticket.pdf_file_path and ticket.state == TicketState.LIVE:
        yield TicketHistoryStep(None, f"ticket {ticket.ticket_code} has no PDF yet")
