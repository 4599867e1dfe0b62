"""What must hold of an event's tickets, examined; what does not hold comes with its offenders.

Nothing is repaired here. Each examination trusts as little as it can: signatures are checked with
the public keys, files are read from disk, sums are added up again.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

from ticketing.actions.missing import is_over
from ticketing.actions.report import entry_of, report_files, verdicts_in
from ticketing.documents.folder import DocumentFolder
from ticketing.documents.inspect import qr_text_of
from ticketing.domain.events import Event
from ticketing.domain.tokens import Token
from ticketing.signing.gate import authenticate, token_or_refusal
from ticketing.store import keys as stored_keys
from ticketing.store import reports
from ticketing.store.database import Database
from ticketing.store.reports import TicketOnFile

OFFENDERS_KEPT = 20


class Offender(NamedTuple):
    """Who or what breaks a rule, and how."""

    subject: str
    wrong: str


@dataclass
class Findings:
    """How many were looked at out of how many, how many break the rule, and the first of them."""

    total: int
    examined: int = 0
    broken: int = 0
    offenders: list[Offender] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether nothing was found."""
        return self.broken == 0

    def take(self, offender: Offender | None) -> None:
        """Count one that was looked at."""
        self.examined += 1
        if offender is not None:
            self.broken += 1
            if len(self.offenders) < OFFENDERS_KEPT:
                self.offenders.append(offender)

    @classmethod
    def of(cls, total: int, offenders: Iterable[Offender]) -> "Findings":
        """Everything was looked at, and these are all that break the rule."""
        found = list(offenders)
        return cls(total, total, len(found), found[:OFFENDERS_KEPT])


def unexplained_gaps(database: Database, event: Event, *, at: datetime) -> Findings:
    """Everyone entitled has a ticket, or there is a reason why not."""
    with database.transaction() as connection:
        total = reports.entitled(connection, event.id)
        without = [] if is_over(event, at) else reports.never_tried(connection, event.id)
    return Findings.of(total, (Offender(key, "no ticket and no reason") for key in without))


def doubled_tickets(database: Database, event: Event) -> Findings:
    """Nobody has two live tickets for one entitlement."""
    with database.transaction() as connection:
        total = reports.count_live(connection, event.id)
        doubled = reports.with_two_tickets(connection, event.id)
    return Findings.of(total, (Offender(key, f"{held} live tickets") for key, held in doubled))


def forged_tickets(database: Database, event: Event, *, sample: int | None, seed: str) -> Findings:
    """Every QR is signed by the event's own key, and speaks of its own event and ticket."""
    with database.transaction() as connection:
        found = Findings(reports.count_live(connection, event.id))
        keys = {key.generation: key.key for key in stored_keys.of_event(connection, event.id)}
        for ticket in reports.live_tickets(connection, event.id, sample=sample, seed=seed):
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
        last = reports.last_import(connection, event.id)
        kept = reports.rows_in_quarantine(connection, last.id) if last else 0
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
        for ticket in _with_pdf(reports.live_tickets(connection, event.id)):
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
        found = Findings(reports.count_live(connection, event.id))
        tickets = reports.live_tickets(connection, event.id, sample=sample, seed=seed)
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
        for line in reports.lines(connection, event.id):
            entry = entry_of(line, over=is_over(event, at))
            written = said.pop(str(line.attendee_id), None)
            wrong = f"the report says {written or 'nothing'}, it is {entry.verdict}"
            found.take(Offender(line.full_name, wrong) if written != entry.verdict else None)
    for attendee_id in said:
        found.take(Offender(f"attendee {attendee_id}", "in the report, yet entitled to nothing"))
    return found
