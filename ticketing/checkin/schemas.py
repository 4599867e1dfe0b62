"""Bodies of the HTTP API of check-ins: scans, verdicts, counts and found tickets."""

from base64 import urlsafe_b64decode
from datetime import datetime
from typing import Annotated, Self

from pydantic import AwareDatetime, Field, model_validator

from ticketing.checkin.model import Direction, Scan, Verdict
from ticketing.crypto.ticket_token import TOKEN_ID_BYTES
from ticketing.crypto.verify import RejectionReason
from ticketing.events.http_params import EventReference
from ticketing.platform.http.envelope import Id, RequestModel, ResponseModel, with_example
from ticketing.platform.http.fields import FullName, Seat, TicketCode, TicketId, TicketTypeName

MAX_SCANS = 200
NONCE_PATTERN = "^[A-Za-z0-9_-]{8,64}$"
TOKEN_ID_PATTERN = "^[A-Za-z0-9_-]{14}$"  # noqa: S105 - the form of an identity, not a secret
OneLine = Annotated[str, Field(max_length=200, pattern="^[^\\x00-\\x1f\\x7f]*$")]
ListId = Annotated[Id | None, Field(description="The check-in list; null is the entrance.")]


class ScanRequest(RequestModel):
    """A scan: `code` as read or typed, or `tokenId` of a token that the gate has verified."""

    nonce: Annotated[str, Field(pattern=NONCE_PATTERN)]
    """The gate's own key of the scan; sent again with the same scan, it returns the first
    verdict."""
    code: Annotated[str, Field(max_length=500)] = ""
    """Text of the QR code, or the ticket code; empty with a `tokenId`."""
    token_id: Annotated[str, Field(pattern=TOKEN_ID_PATTERN)] | None = None
    """Bytes 14 to 23 of a token in base64url, from a gate that has checked its signature; null with
    a `code`."""
    direction: Direction = Direction.ENTRY
    """Which way the holder passes."""
    at: AwareDatetime | None = None
    """When it was scanned, by the gate's clock; null for now."""
    offline: bool = False
    """Whether the gate has admitted the holder already, without asking."""
    pack_version: Annotated[str, Field(max_length=64, pattern="^[\\w.:-]*$")] = ""
    """Version of the gate pack with which an offline gate decided; else empty."""

    @model_validator(mode="after")
    def require_one_ticket(self) -> Self:
        """Refuse a scan of no ticket, or of two."""
        if bool(self.code) == (self.token_id is not None):
            raise ValueError("give a code or a tokenId, not both")
        return self

    def to_scan(self) -> Scan:
        """Return the scan."""
        token_id = urlsafe_b64decode(f"{self.token_id}==") if self.token_id else b""
        return Scan(
            self.nonce, self.code, token_id[:TOKEN_ID_BYTES], self.direction, self.at,
            self.offline, self.pack_version,
        )  # fmt: skip


class CheckInRequest(ScanRequest):
    """One scan at an event."""

    model_config = with_example(
        {"eventId": "wisuda-2026", "nonce": "g1-000000042", "code": "TC-2026-7K3M9QXA"}
    )

    event_id: EventReference
    """The event's id or slug."""
    list_id: ListId = None


class CheckInBatchRequest(RequestModel):
    """Scans of a gate that was without network, or of a busy one."""

    model_config = with_example(
        {
            "eventId": "wisuda-2026",
            "scans": [{"nonce": "g1-000000042", "tokenId": "AAECAwQFBgcICQ", "offline": True}],
        }
    )

    event_id: EventReference
    """The event's id or slug."""
    list_id: ListId = None
    scans: Annotated[list[ScanRequest], Field(min_length=1, max_length=MAX_SCANS)]
    """The scans, in the order in which they were made; each is recorded by itself."""


class UndoRequest(RequestModel):
    """Why a scan is undone."""

    model_config = with_example({"eventId": "wisuda-2026", "reason": "wrong person"})

    event_id: EventReference
    """The event's id or slug."""
    reason: OneLine = ""
    """Why, in one line; empty for none."""


class CheckedTicketResponse(ResponseModel):
    """The ticket that was scanned, for comparison with the person."""

    ticket_id: TicketId
    ticket_code: TicketCode
    full_name: FullName
    ticket_type: TicketTypeName
    seat: Seat


class PassageResponse(ResponseModel):
    """When and where another scan of the place took place."""

    scanned_at: datetime
    """By the clock of that gate."""
    gate: str
    """Name of the gate."""


class CheckInResponse(ResponseModel):
    """A recorded scan with its verdict."""

    nonce: str
    """The nonce of the request."""
    verdict: Verdict
    """`admitted`; `refused`; or `conflict`: an offline gate admitted whom we would have refused."""
    reason: RejectionReason | None
    """Why the ticket was not admitted; null if it was."""
    note: str
    """A sentence about the reason; may be empty."""
    direction: Direction
    """Which way the holder passed."""
    list_id: int
    """The check-in list."""
    list_name: str
    """Name of the list."""
    gate: str
    """Name of the gate: of its key, or of the user."""
    scanned_at: datetime
    """When it was scanned, never later than it was received."""
    undone_at: datetime | None
    """When the scan was undone; null if it stands."""
    ticket: CheckedTicketResponse | None
    """The ticket; null if none was found."""
    related: PassageResponse | None
    """The entry that a refusal, a conflict or an exit is about; null if there is none."""


class CheckInBatchResponse(ResponseModel):
    """The verdicts, in the order of the scans."""

    checkins: list[CheckInResponse]
    """One for each scan."""


class ListCountsResponse(ResponseModel):
    """Counts of one check-in list."""

    list_id: int
    """The check-in list."""
    name: str
    """Its name."""
    expected: int
    """Live tickets on the list."""
    entered: int
    """Tickets that came in at least once."""
    inside: int
    """Entries that were not followed by an exit."""
    refused: int
    """Refused scans."""
    conflicts: int
    """Tickets that an offline gate admitted and we would have refused."""


class GateCountsResponse(ResponseModel):
    """Admissions of one gate."""

    gate: str
    """Name of the gate."""
    entries: int
    """Admitted entries."""
    exits: int
    """Admitted exits."""


class CheckInCountsResponse(ResponseModel):
    """Counts of an event, and its newest conflicts."""

    lists: list[ListCountsResponse]
    """The lists; the first is the entrance."""
    gates: list[GateCountsResponse]
    """The gates that have scanned, by name."""
    conflicts: list[CheckInResponse]
    """The newest conflicts, at most 30."""


class FoundTicketResponse(ResponseModel):
    """A live ticket, and its entry on the list."""

    ticket_id: TicketId
    ticket_code: TicketCode
    full_name: FullName
    ticket_type: TicketTypeName
    seat: Seat
    entered_at: datetime | None
    """When it was used on the list; null if it was not."""
    entered_gate: str | None
    """Where it was used; null if it was not."""


class FoundTicketsResponse(ResponseModel):
    """Tickets that match a search."""

    tickets: list[FoundTicketResponse]
    """At most 30, by name."""


class PictureTextResponse(ResponseModel):
    """The text of the QR code in a picture."""

    text: str | None
    """Text of the QR code; null if none is seen."""
