"""Scans of tickets at gates, their verdicts, and the lists that they are checked in on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ticketing.crypto.verify import RejectionReason, ScannedTicket
from ticketing.platform.kernel.errors import Conflict, NotFound, Refused


class Direction(StrEnum):
    """Which way the holder passes the gate."""

    ENTRY = "entry"
    EXIT = "exit"


class Verdict(StrEnum):
    """The result of a scan."""

    ADMITTED = "admitted"
    REFUSED = "refused"
    CONFLICT = "conflict"  # a gate without network admitted whom the database would have refused


class UnusableCheckIn(Refused):
    """A scan, list or pairing cannot be used as it is."""


class UnknownCheckIn(NotFound):
    """No scan has this nonce in the event."""


class CannotUndo(Conflict):
    """A scan cannot be undone, because of what it was or what followed it."""


@dataclass(frozen=True, slots=True)
class CheckInList:
    """A list that admits a ticket once: entrance, lounge. `ticket_type_ids` None is all types.

    With `allows_reentry`, an exit lets the ticket in again.
    """

    id: int
    event_id: int
    name: str
    ticket_type_ids: Sequence[int] | None
    allows_reentry: bool

    def admits_type(self, ticket_type_id: int) -> bool:
        """Return whether tickets of a type are on the list."""
        return self.ticket_type_ids is None or ticket_type_id in self.ticket_type_ids


@dataclass(frozen=True, slots=True)
class Scan:
    """A scan as a gate sends it: exactly one of `code` and `token_id` names the ticket.

    `nonce` is the gate's own key of the scan; the same scan sent again has the same. `at` is the
    gate's clock, None for now. An offline scan was decided by the gate: it admitted the holder.
    """

    nonce: str
    code: str = ""
    token_id: bytes = b""
    direction: Direction = Direction.ENTRY
    at: datetime | None = None
    is_offline: bool = False
    pack_version: str = ""


@dataclass(frozen=True, slots=True)
class Passage:
    """When and where another scan took place."""

    scanned_at: datetime
    gate: str


@dataclass(frozen=True, slots=True)
class CheckIn:
    """A recorded scan. `related` is the entry that a refusal, conflict or exit is about."""

    id: int
    nonce: str
    list_id: int
    list_name: str
    direction: Direction
    gate: str
    scanned_at: datetime
    received_at: datetime
    is_offline: bool
    verdict: Verdict
    reason: RejectionReason | None
    note: str
    undone_at: datetime | None
    undo_reason: str
    ticket: ScannedTicket | None
    related: Passage | None
