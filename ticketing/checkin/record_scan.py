"""Record scans: admit a place once for each list, whatever is sent twice and from several gates."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from ticketing.checkin import list_queries, scan_queries
from ticketing.checkin.model import (
    CannotUndo,
    CheckIn,
    CheckInList,
    Direction,
    Scan,
    UnknownCheckIn,
    UnusableCheckIn,
    Verdict,
)
from ticketing.checkin.scan_queries import OpenEntry
from ticketing.checkin.verify import verify_text, verify_token_id
from ticketing.crypto.verify import RejectionReason, VerificationResult
from ticketing.events.model import Event
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database


def record_scan(
    database: Database,
    event: Event,
    scan: Scan,
    *,
    list_id: int | None = None,
    gate: str,
    at: datetime,
) -> CheckIn:
    """Decide about a scan, or return the verdict of the same nonce from before.

    `list_id` None is the entrance. Raises UnusableCheckIn for a list or nonce of another event.
    """
    with database.transaction() as connection:
        wanted = choose_list(connection, event, list_id, at=at)
        scanned_at = at if scan.at is None else min(scan.at, at)
        claimed = scan_queries.claim_nonce(
            connection, scan, wanted, gate=gate, scanned_at=scanned_at, received_at=at
        )
        if claimed is not None:
            _Decision(connection, claimed, event, scan, wanted).decide(at=scanned_at)
        recorded = scan_queries.find_by_nonce(connection, event.id, scan.nonce)
    if recorded is None:
        raise UnusableCheckIn(f"the nonce {scan.nonce} was used in another event; choose a new one")
    return recorded


def choose_list(
    connection: Connection, event: Event, list_id: int | None, *, at: datetime
) -> CheckInList:
    """Return a list of the event; None is the entrance."""
    lists = list_queries.list_or_create(connection, event.id, at=at)
    chosen = next((one for one in lists if list_id in {None, one.id}), None)
    if chosen is None:
        known = ", ".join(f"{one.id} ({one.name})" for one in lists)
        raise UnusableCheckIn(f"listId: {event.slug} has no list {list_id}; it has {known}")
    return chosen


@dataclass(frozen=True, slots=True)
class _Decision:
    """Decides about a claimed scan."""

    connection: Connection
    claimed: int
    event: Event
    scan: Scan
    wanted: CheckInList

    def decide(self, *, at: datetime) -> None:
        """Verify the ticket, then admit its place or store why not."""
        found = self._verify(at=at)
        if found.ticket is None:
            self._reject(found)
            return
        place = scan_queries.get_place(self.connection, found.ticket.ticket_id)
        known = {"ticket_id": found.ticket.ticket_id, "entitlement_id": place.entitlement_id}
        if not found.is_valid:
            self._reject(found, **known)
        elif not self.wanted.admits_type(place.ticket_type_id):
            note = f"{found.ticket.ticket_type} is not on the list {self.wanted.name}"
            self._reject(VerificationResult(RejectionReason.NOT_ON_LIST, note), **known)
        else:
            self._pass_gate(place.entitlement_id, known)

    def _verify(self, *, at: datetime) -> VerificationResult:
        if self.scan.token_id:
            return verify_token_id(self.connection, self.scan.token_id, at=at, event=self.event)
        return verify_text(self.connection, self.scan.code, at=at, event=self.event)

    def _pass_gate(self, entitlement_id: int, known: dict[str, int]) -> None:
        scan_queries.lock_place(self.connection, entitlement_id)
        entry = scan_queries.find_open_entry(self.connection, self.wanted.id, entitlement_id)
        if self.scan.direction is Direction.EXIT:
            self._leave(entry, known)
        elif entry is None:
            self._admit(is_open=True, **known)
        else:
            used = VerificationResult(RejectionReason.ALREADY_USED)
            self._reject(used, related_id=entry.id, **known)

    def _leave(self, entry: OpenEntry | None, known: dict[str, int]) -> None:
        """Admit an exit; without re-entry, the entry stands after it and cannot be left twice."""
        if entry is None or scan_queries.was_left(self.connection, entry.id):
            self._reject(VerificationResult(RejectionReason.NOT_INSIDE), **known)
            return
        if self.wanted.allows_reentry:
            scan_queries.set_open(self.connection, entry.id, is_open=False)
        self._admit(related_id=entry.id, **known)

    def _admit(self, **known: int) -> None:
        admitted = {"verdict": Verdict.ADMITTED, "reason": ""}
        scan_queries.decide(self.connection, self.claimed, {**admitted, **known})

    def _reject(self, found: VerificationResult, **known: int) -> None:
        """Store why the scan is refused; if a gate without network had admitted it, a conflict."""
        is_conflict = self.scan.is_offline and "ticket_id" in known
        verdict = Verdict.CONFLICT if is_conflict else Verdict.REFUSED
        rejected = {"verdict": verdict, "reason": str(found.rejection), "note": found.note}
        scan_queries.decide(self.connection, self.claimed, {**rejected, **known})


def undo_scan(
    database: Database, event: Event, nonce: str, *, reason: str, by: str, at: datetime
) -> CheckIn:
    """Undo an admission, so that the place can enter again, or an exit. Safe to repeat.

    Raises UnknownCheckIn, and CannotUndo for a refusal or an entry whose holder has left.
    """
    with database.transaction() as connection:
        entitlement_id = scan_queries.find_place_of(connection, event.id, nonce)
        if entitlement_id is not None:
            scan_queries.lock_place(connection, entitlement_id)
        recorded = _get(connection, event, nonce)
        if recorded.undone_at is None:
            _undo(connection, recorded, entitlement_id)
            values = {"undone_at": at, "undone_by": by, "undo_reason": reason, "is_open": False}
            scan_queries.decide(connection, recorded.id, values)
            audit_log.record(
                connection, by, "checkin.undo", event_id=event.id,
                subject=recorded.ticket.ticket_code if recorded.ticket else "",
                details={"nonce": nonce, "reason": reason},
            )  # fmt: skip
        return _get(connection, event, nonce)


def _get(connection: Connection, event: Event, nonce: str) -> CheckIn:
    recorded = scan_queries.find_by_nonce(connection, event.id, nonce)
    if recorded is None:
        raise UnknownCheckIn(f"{event.slug} has no scan {nonce}")
    return recorded


def _undo(connection: Connection, recorded: CheckIn, entitlement_id: int | None) -> None:
    """Let the entry that an exit ended stand again; check that nothing followed the scan."""
    if recorded.verdict is not Verdict.ADMITTED or entitlement_id is None:
        raise CannotUndo(f"the scan {recorded.nonce} admitted nobody: it was {recorded.verdict}")
    if recorded.direction is Direction.ENTRY:
        if scan_queries.was_left(connection, recorded.id):
            raise CannotUndo(f"the holder left after the entry {recorded.nonce}; undo the exit")
        return
    entry_id = scan_queries.get_ended_entry(connection, recorded.id)
    stands = scan_queries.find_open_entry(connection, recorded.list_id, entitlement_id)
    if stands is not None and stands.id != entry_id:
        raise CannotUndo(f"the holder has come back since the exit {recorded.nonce}")
    scan_queries.set_open(connection, entry_id, is_open=True)
