"""What must hold of an event's tickets, examined; what does not hold comes with its offenders.

Nothing is repaired here. Each examination trusts as little as it can: signatures are checked with
the public keys, files are read from disk, sums are added up again.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

from ticketing.crypto import key_queries
from ticketing.crypto.ticket_token import Token
from ticketing.crypto.verify import authenticate, token_or_refusal
from ticketing.documents.file_store import DocumentFolder
from ticketing.documents.pdf_inspection import qr_text_of
from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.invariant import Findings, Offender
from ticketing.tickets.missing import is_over
from ticketing.tickets.reports import queries
from ticketing.tickets.reports.queries import TicketOnFile
from ticketing.tickets.reports.report import entry_of, report_files, verdicts_in


def unexplained_gaps(database: Database, event: Event, *, at: datetime) -> Findings:
    """Everyone entitled has a ticket, or there is a reason why not."""
    with database.transaction() as connection:
        total = queries.entitled(connection, event.id)
        without = [] if is_over(event, at) else queries.never_tried(connection, event.id)
    return Findings.of(total, (Offender(key, "no ticket and no reason") for key in without))


def doubled_tickets(database: Database, event: Event) -> Findings:
    """Nobody has two live tickets for one entitlement."""
    with database.transaction() as connection:
        total = queries.count_live(connection, event.id)
        doubled = queries.with_two_tickets(connection, event.id)
    return Findings.of(total, (Offender(key, f"{held} live tickets") for key, held in doubled))


def forged_tickets(database: Database, event: Event, *, sample: int | None, seed: str) -> Findings:
    """Every QR is signed by the event's own key, and speaks of its own event and ticket."""
    with database.transaction() as connection:
        found = Findings(queries.count_live(connection, event.id))
        keys = {key.generation: key.key for key in key_queries.of_event(connection, event.id)}
        for ticket in queries.live_tickets(connection, event.id, sample=sample, seed=seed):
            wrong = _forgery(ticket, event, keys)
            found.take(Offender(ticket.ticket_code, wrong) if wrong else None)
    return found


def _forgery(ticket: TicketOnFile, event: Event, keys: dict[int, bytes]) -> str | None:
    token = token_or_refusal(ticket.qr_text)
    if not isinstance(token, Token):
        return token.reason
    verdict = authenticate(token, keys)
    if not verdict.valid:
        return verdict.reason
    if token.claims.event_number != event.id:
        return "signed for another event"
    return None if token.claims.token_id == ticket.token_id else "signed for another ticket"


def wrong_import_sums(database: Database, event: Event) -> Findings:
    """Every row of the last roster ended as exactly one of new, changed, unchanged, quarantined."""
    with database.transaction() as connection:
        last = queries.last_import(connection, event.id)
        kept = queries.rows_in_quarantine(connection, last.id) if last else 0
    if last is None:
        return Findings(0)
    ended = last.inserted + last.updated + last.unchanged + last.quarantined
    wrong = []
    if ended != last.total_rows:
        wrong.append(f"{ended} rows ended somewhere, the file had {last.total_rows}")
    if kept != last.quarantined:
        wrong.append(f"{last.quarantined} rows were quarantined, {kept} are kept")
    return Findings.of(last.total_rows, (Offender(last.source_name, text) for text in wrong))


def lost_documents(database: Database, event: Event, folder: DocumentFolder) -> Findings:
    """Every PDF on record is on disk."""
    found = Findings(0)
    with database.transaction() as connection:
        for ticket in _with_pdf(queries.live_tickets(connection, event.id)):
            gone = not folder.exists(ticket.pdf_file_path)
            found.total += 1
            found.take(Offender(ticket.ticket_code, "the PDF is gone") if gone else None)
    return found


def altered_documents(
    database: Database, event: Event, folder: DocumentFolder, *, sample: int | None, seed: str
) -> Findings:
    """Every PDF has the bytes that were written, and its QR is its own ticket's.

    A file that is gone is `lost_documents`' finding, and passed over here.
    """
    with database.transaction() as connection:
        found = Findings(queries.count_live(connection, event.id))
        tickets = queries.live_tickets(connection, event.id, sample=sample, seed=seed)
        for ticket in _with_pdf(tickets):
            wrong = _alteration(ticket, folder)
            found.take(Offender(ticket.ticket_code, wrong) if wrong else None)
    return found


class _Printed(NamedTuple):
    """A ticket that has a PDF on record."""

    ticket_code: str
    qr_text: str
    pdf_file_path: str
    pdf_sha256: str | None


def _with_pdf(tickets: Iterable[TicketOnFile]) -> Iterator[_Printed]:
    for ticket in tickets:
        if ticket.pdf_file_path is not None:
            yield _Printed(
                ticket.ticket_code, ticket.qr_text, ticket.pdf_file_path, ticket.pdf_sha256
            )


def _alteration(ticket: _Printed, folder: DocumentFolder) -> str | None:
    try:
        pdf = folder.read(ticket.pdf_file_path)
    except FileNotFoundError:
        return None
    if sha256(pdf).hexdigest() != ticket.pdf_sha256:
        return "the PDF is not the one that was written"
    read = qr_text_of(pdf)
    if read is None:
        return "no QR can be read from the PDF"
    return None if read == ticket.qr_text else "the QR in the PDF is another ticket's"


def wrong_report(
    database: Database, event: Event, folder: DocumentFolder, *, at: datetime
) -> Findings:
    """The report has everyone entitled exactly once, with the verdict that is true now."""
    said = verdicts_in(report_files(folder.root, event).csv)
    found = Findings(len(said))
    with database.transaction() as connection:
        for line in queries.lines(connection, event.id):
            entry = entry_of(line, over=is_over(event, at))
            written = said.pop(str(line.attendee_id), None)
            wrong = f"the report says {written or 'nothing'}, it is {entry.verdict}"
            found.take(Offender(line.full_name, wrong) if written != entry.verdict else None)
    for attendee_id in said:
        found.take(Offender(f"attendee {attendee_id}", "in the report, yet entitled to nothing"))
    return found
