"""The values printed on one ticket."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class PrintedTicket:
    """Everything that can be seen on one ticket; the same value renders to the same bytes.

    Instants are aware UTC, shown in `time_zone` and `locale`. `issued_at` is what is printed as
    "generated at": it belongs to the ticket, so that printing again changes nothing.
    """

    ticket_id: int
    ticket_code: str
    qr_text: str = field(repr=False)  # whoever has it has the ticket
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
