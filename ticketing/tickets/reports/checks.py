"""Invariant checks of an event's tickets, with the violations found.

Nothing is repaired. Each check relies on as little as possible: signatures are verified with the
public keys, files are read from disk, sums are computed again.
"""

from datetime import datetime
from hashlib import sha256

from ticketing.crypto import key_queries
from ticketing.crypto.ticket_token import Token
from ticketing.crypto.verify import parse_token, verify_signature
from ticketing.documents.file_store import DocumentFolder
from ticketing.documents.pdf_inspection import qr_text_of
from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.invariant import InvariantResult, Violation
from ticketing.tickets.missing import is_event_over
from ticketing.tickets.reports import queries
from ticketing.tickets.reports.queries import LiveTicketRecord
from ticketing.tickets.reports.report import read_reported_statuses, report_paths, to_report_entry


def check_unexplained_missing(database: Database, event: Event, *, at: datetime) -> InvariantResult:
    """Check that every entitled person has a ticket or a reason for its absence."""
    with database.transaction() as connection:
        total = queries.count_entitled(connection, event.id)
        without = (
            [] if is_event_over(event, at) else queries.list_never_attempted(connection, event.id)
        )
    return InvariantResult.from_violations(
        total, (Violation(key, "no ticket and no reason") for key in without)
    )


def check_duplicate_tickets(database: Database, event: Event) -> InvariantResult:
    """Check that no entitlement has two live tickets."""
    with database.transaction() as connection:
        total = queries.count_live_tickets(connection, event.id)
        doubled = queries.list_duplicate_holders(connection, event.id)
    return InvariantResult.from_violations(
        total, (Violation(key, f"{held} live tickets") for key, held in doubled)
    )


def check_forged_tickets(
    database: Database, event: Event, *, sample: int | None, seed: str
) -> InvariantResult:
    """Check that every QR code is signed by the event's key for its own event and ticket."""
    with database.transaction() as connection:
        found = InvariantResult(queries.count_live_tickets(connection, event.id))
        keys = {key.generation: key.key for key in key_queries.list_for_event(connection, event.id)}
        for ticket in queries.iter_live_tickets(connection, event.id, sample=sample, seed=seed):
            problem = _forgery_reason(ticket, event, keys)
            found.add(Violation(ticket.ticket_code, problem) if problem else None)
    return found


def _forgery_reason(ticket: LiveTicketRecord, event: Event, keys: dict[int, bytes]) -> str | None:
    token = parse_token(ticket.qr_text)
    if not isinstance(token, Token):
        return token.reason
    verdict = verify_signature(token, keys)
    if not verdict.is_valid:
        return verdict.reason
    if token.claims.event_number != event.id:
        return "signed for another event"
    return None if token.claims.token_id == ticket.token_id else "signed for another ticket"


def check_import_totals(database: Database, event: Event) -> InvariantResult:
    """Check that every row of the last import was inserted, updated, unchanged or rejected."""
    with database.transaction() as connection:
        last = queries.find_last_import(connection, event.id)
        kept = queries.count_rejected_rows(connection, last.id) if last else 0
    if last is None:
        return InvariantResult(0)
    ended = last.inserted + last.updated + last.unchanged + last.rejected
    problems = []
    if ended != last.total_rows:
        problems.append(f"{ended} rows have a result, the file had {last.total_rows}")
    if kept != last.rejected:
        problems.append(f"{last.rejected} rows were rejected, {kept} are kept")
    return InvariantResult.from_violations(
        last.total_rows, (Violation(last.source_name, text) for text in problems)
    )


def check_missing_documents(
    database: Database, event: Event, folder: DocumentFolder
) -> InvariantResult:
    """Check that every live ticket has a PDF on disk, unless retention deleted it."""
    found = InvariantResult(0)
    with database.transaction() as connection:
        for ticket in queries.iter_live_tickets(connection, event.id):
            problem = None if ticket.is_removed else _missing_reason(ticket, folder)
            found.total += 1
            found.add(Violation(ticket.ticket_code, problem) if problem else None)
    return found


def _missing_reason(ticket: LiveTicketRecord, folder: DocumentFolder) -> str | None:
    if ticket.render_error is not None:
        return f"the PDF failed: {ticket.render_error}"
    if ticket.pdf_file_path is None:
        return queries.PDF_PENDING
    return None if folder.exists(ticket.pdf_file_path) else "the PDF is missing"


def check_altered_documents(
    database: Database, event: Event, folder: DocumentFolder, *, sample: int | None, seed: str
) -> InvariantResult:
    """Check that every PDF is unchanged and has the QR code of its ticket.

    A missing file is found by `check_missing_documents` and skipped here.
    """
    with database.transaction() as connection:
        found = InvariantResult(queries.count_live_tickets(connection, event.id))
        tickets = queries.iter_live_tickets(connection, event.id, sample=sample, seed=seed)
        for ticket in tickets:
            if ticket.pdf_file_path is not None:
                problem = _alteration_reason(ticket, ticket.pdf_file_path, folder)
                found.add(Violation(ticket.ticket_code, problem) if problem else None)
    return found


def _alteration_reason(ticket: LiveTicketRecord, path: str, folder: DocumentFolder) -> str | None:
    try:
        pdf = folder.read(path)
    except FileNotFoundError:
        return None
    if sha256(pdf).hexdigest() != ticket.pdf_sha256:
        return "the PDF was changed after it was written"
    read = qr_text_of(pdf)
    if read is None:
        return "the PDF has no readable QR code"
    return None if read == ticket.qr_text else "the PDF has the QR code of another ticket"


def check_report(
    database: Database, event: Event, folder: DocumentFolder, *, at: datetime
) -> InvariantResult:
    """Check that the report has every entitled person once, with the present status."""
    reported = read_reported_statuses(report_paths(folder.root, event).csv)
    found = InvariantResult(len(reported))
    with database.transaction() as connection:
        for line in queries.iter_report_rows(connection, event.id):
            entry = to_report_entry(line, event_over=is_event_over(event, at))
            status = reported.pop(str(line.entitlement_id), None)
            problem = f"the report says {status or 'nothing'}, it is {entry.verdict}"
            found.add(Violation(line.full_name, problem) if status != entry.verdict else None)
    for entitlement_id in reported:
        found.add(Violation(f"attendee {entitlement_id}", "in the report without an entitlement"))
    return found
