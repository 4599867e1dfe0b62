"""An event and its properties. The slug is the Dagster partition key."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

SLUG_PATTERN = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
MAX_SLUG_LENGTH = 63
RESERVED_SLUGS = frozenset({"done", "failed"})  # folders beside those of events
DEFAULT_HOLD_MINUTES, MIN_HOLD_MINUTES, MAX_HOLD_MINUTES = 60, 5, 24 * 60
TICKET_GRACE_PERIOD = timedelta(days=1)
DEFAULT_WAITING_LIST_HOURS, MAX_WAITING_LIST_HOURS = 24, 168


class BuyerNotices(StrEnum):
    """Channels of the notices that an order is placed, paid, expired or refunded."""

    MAIL = "mail"  # by WhatsApp without an e-mail address
    WHATSAPP = "whatsapp"  # by mail without a phone number
    BOTH = "both"
    NONE = "none"  # only tickets, vouchers and refunds


class LatePayments(StrEnum):
    """What happens to money for an order that has expired or was cancelled."""

    ACCEPT = "accept"  # completes an expired order if places are left; else staff decide
    REFUND = "refund"  # completes an expired order if places are left; else it is refunded
    REVIEW = "review"  # staff decide


@dataclass(frozen=True, slots=True)
class Event:
    """An event. Instants are aware UTC; `time_zone` is the IANA zone of the venue.

    `uid` never changes and seeds the event's signing keys; `key_generation` counts their rotations.
    `region` is the ISO 3166 country whose phone numbers may be written without a country code.
    `guest_questions` are one per line; `transfer_renews_code` gives a ticket a new QR code when its
    place gets another name.
    `hold_minutes` is how long an order with a buyer holds its places until it is paid.
    `payment_rule` is what synced payment records must show before a roster's guest gets a ticket.
    With `strict_contacts` an unusable address or number rejects a row of a roster.
    """

    id: int
    uid: UUID
    slug: str
    name: str
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    locale: str
    venue: str
    region: str
    template_id: str
    key_generation: int
    guest_names_required: bool = False
    guest_changes_until: datetime | None = None
    transfer_renews_code: bool = False
    guest_questions: str = ""
    strict_contacts: bool = False
    hold_minutes: int = DEFAULT_HOLD_MINUTES
    buyer_notices: str = BuyerNotices.MAIL
    late_payments: str = LatePayments.ACCEPT
    waiting_list_hours: int = DEFAULT_WAITING_LIST_HOURS
    payment_rule: str = "none"

    @property
    def hold_period(self) -> timedelta:
        """Return how long an order with a buyer holds its places."""
        return timedelta(minutes=self.hold_minutes)

    @property
    def guest_question_list(self) -> tuple[str, ...]:
        """Return the questions asked for each place of an order."""
        return tuple(self.guest_questions.splitlines())

    @property
    def guest_changes_end(self) -> datetime:
        """Return the time until which buyers may change the guests of their places."""
        return self.guest_changes_until or self.starts_at

    @property
    def waiting_list_period(self) -> timedelta:
        """Return how long an offer to the waiting list holds its places."""
        return timedelta(hours=self.waiting_list_hours)

    @property
    def year(self) -> int:
        """Return the year of the start in the time zone of the venue."""
        return self.starts_at.astimezone(ZoneInfo(self.time_zone)).year

    @property
    def tickets_valid_until(self) -> datetime:
        """Return the end of ticket validity, one day after the event."""
        return self.ends_at + TICKET_GRACE_PERIOD


@dataclass(frozen=True, slots=True)
class NewEvent:
    """The input for a new event, with fields as in `Event`."""

    slug: str
    name: str
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    locale: str
    venue: str
    region: str
    template_id: str
    guest_names_required: bool = False
    guest_changes_until: datetime | None = None
    transfer_renews_code: bool = False
    guest_questions: str = ""
    strict_contacts: bool = False
    hold_minutes: int = DEFAULT_HOLD_MINUTES
    buyer_notices: str = BuyerNotices.MAIL
    late_payments: str = LatePayments.ACCEPT
    waiting_list_hours: int = DEFAULT_WAITING_LIST_HOURS
    payment_rule: str = "none"


def is_slug(text: str) -> bool:
    """Return whether a text can be a slug, and so a partition key and a folder name."""
    return len(text) <= MAX_SLUG_LENGTH and SLUG_PATTERN.fullmatch(text) is not None
