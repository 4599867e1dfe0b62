"""The values printed on one ticket."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

TEST_MARK = "TEST · "  # before the ticket type of a guest for tests


@dataclass(frozen=True, slots=True)
class PrintedTicket:
    """Everything printed on one ticket; equal values render to equal bytes.

    Instants are aware UTC, printed in `time_zone` and `locale`. `issued_at` is printed as
    "generated at": it belongs to the ticket, so that rendering again changes nothing.
    """

    ticket_id: int
    ticket_code: str
    qr_text: str = field(repr=False)  # secret: it is the ticket
    event_slug: str
    event_name: str
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    locale: str
    venue: str
    first_name: str
    last_name: str
    full_name: str
    email: str
    ticket_type: str
    seat: str
    issued_at: datetime
    extra: Mapping[str, str] = field(default_factory=dict, hash=False)  # kept columns of the roster
    is_test: bool = False  # the ticket type says so
