"""The variables of a ticket template, all of them texts, and the sample ticket of an event."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from ticketing.documents.ticket_data import TEST_MARK, PrintedTicket
from ticketing.events.model import Event, NewEvent
from ticketing.platform.kernel.local_dates import (
    format_event_dates,
    format_event_times,
    format_instant,
    parse_locale,
)
from ticketing.platform.kernel.text import to_printable

EXTRA_PREFIX = "extra."
RIGHT_TO_LEFT = "right-to-left"


def ticket_variables(ticket: PrintedTicket) -> dict[str, str]:
    """Return the printable texts of a ticket by the names of template variables.

    Kept columns of the roster are `extra.NAME`.
    """
    return {**event_variables(ticket), **guest_variables(ticket)}


def event_variables(ticket: PrintedTicket) -> dict[str, str]:
    """Return the texts that tickets of an event and a type of ticket have in common."""
    clock = (ticket.starts_at, ticket.ends_at, ticket.time_zone, ticket.locale)
    return {
        "eventName": to_printable(ticket.event_name),
        "location": to_printable(ticket.venue),
        "ticketType": TEST_MARK * ticket.is_test + to_printable(ticket.ticket_type),
        "eventDate": format_event_dates(*clock),
        "eventTime": format_event_times(*clock),
    }


def guest_variables(ticket: PrintedTicket) -> dict[str, str]:
    """Return the texts that are a ticket's own."""
    first, last = to_printable(ticket.first_name), to_printable(ticket.last_name)
    return {
        "firstName": first,
        "lastName": last,
        "fullName": to_printable(ticket.full_name) or f"{first} {last}".strip(),
        "email": to_printable(ticket.email),
        "seat": to_printable(ticket.seat),
        "ticketCode": ticket.ticket_code,
        "generatedAt": format_instant(ticket.issued_at, ticket.time_zone, ticket.locale),
        **{f"{EXTRA_PREFIX}{name}": to_printable(text) for name, text in ticket.extra.items()},
    }


TEST_BANNER_TEXTS = {"en": "TEST TICKET", "id": "TIKET UJI COBA"}


def banner_of_test(locale: str) -> str:
    """Return what a test ticket says across its page, in the ticket's language, else in English."""
    return TEST_BANNER_TEXTS.get(parse_locale(locale).language, TEST_BANNER_TEXTS["en"])


class ExtraTexts:
    """The kept columns of a ticket in a template: `extra.faculty`, empty if unknown."""

    def __init__(self, texts: Mapping[str, object]) -> None:
        """`texts` are the variables of a ticket."""
        self._texts = texts

    def __getitem__(self, name: str) -> object:
        """Return the text of a kept column."""
        return self._texts.get(f"{EXTRA_PREFIX}{name}", "")


def language_variables(ticket: PrintedTicket) -> dict[str, str]:
    """Return the variables for language and direction of writing."""
    locale = parse_locale(ticket.locale)
    return {
        "language": locale.language,
        "languageTag": str(locale).replace("_", "-"),
        "direction": "rtl" if locale.character_order == RIGHT_TO_LEFT else "ltr",
    }


SAMPLE_TICKET = PrintedTicket(
    ticket_id=1,
    ticket_code="TC-2026-7Q4M9ZKD",
    qr_text="TC1" + "0123456789ABCDEFGHJKMNPQRSTVWXYZ" * 4 + "0123456789ABC",
    event_slug="wisuda-2026",
    event_name="Wisuda Sarjana 2026",
    starts_at=datetime(2026, 11, 14, 1, 0, tzinfo=UTC),
    ends_at=datetime(2026, 11, 14, 5, 0, tzinfo=UTC),
    time_zone="Asia/Jakarta",
    locale="id_ID",
    venue="Graha Sabha Pramana, Yogyakarta",
    first_name="Ayu",
    last_name="Kusumaningtyas",
    full_name="Ayu Kusumaningtyas",
    email="ayu@example.org",
    ticket_type="Wisudawan",
    seat="A-12",
    issued_at=datetime(2026, 10, 1, 3, 30, tzinfo=UTC),
)


def sample_ticket(event: Event | NewEvent) -> PrintedTicket:
    """Return the sample ticket with the printed values of an event."""
    return replace(
        SAMPLE_TICKET, event_slug=event.slug, event_name=event.name, starts_at=event.starts_at,
        ends_at=event.ends_at, time_zone=event.time_zone, locale=event.locale, venue=event.venue,
    )  # fmt: skip
