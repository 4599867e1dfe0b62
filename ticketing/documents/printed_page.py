"""What one ticket prints: its texts, language and banner; the engine only draws it."""

import functools
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from markupsafe import Markup

from ticketing.documents.emoji import leave_out_emoji
from ticketing.documents.fonts import installed_fonts
from ticketing.documents.qr import qr_side
from ticketing.documents.template_context import (
    banner_of_test,
    event_variables,
    guest_variables,
    language_variables,
)
from ticketing.documents.ticket_data import PrintedTicket
from ticketing.platform.kernel.errors import UndrawableText

QR_URL = "qr:ticket"  # the URL of the code in the page; an embedded image would be parsed
# above everything that a template draws, at the edge of the page, where no code is
TEST_BANNER = (
    '<div style="position:fixed;z-index:2147483647;top:0;left:0;right:0;height:4.5mm;margin:0;'
    "padding:0;background:#ffd400;color:#000;font:bold 8pt/4.5mm Noto Sans,sans-serif;"
    'text-align:center;white-space:nowrap;overflow:hidden">{}</div>'
)


@dataclass(frozen=True)
class EventPage:
    """What all tickets of an event and a type of ticket print; equal pages have an equal `key`."""

    texts: dict[str, str]
    language: dict[str, str]
    banner: str  # HTML
    time_zone: str
    locale: str

    @functools.cached_property
    def key(self) -> tuple[str, ...]:
        """Return all that the page depends on."""
        return (
            *self.texts.values(), *self.language.values(), self.banner, self.time_zone, self.locale,
        )  # fmt: skip


class PrintedPage(NamedTuple):  # is made three times as fast as a frozen dataclass
    """The variables of a ticket and what is drawn beside them."""

    event: EventPage
    own_texts: dict[str, str]
    qr_text: str
    created: str  # ISO 8601

    @classmethod
    def of(cls, ticket: PrintedTicket) -> "PrintedPage":
        """Return what a ticket prints. Raises UndrawableText for a character but an emoji."""
        return cls(
            _event_page(ticket),
            _drawable(guest_variables(ticket)),
            ticket.qr_text,
            _format_created(ticket.issued_at),
        )

    @property
    def texts(self) -> dict[str, str]:
        """Return the texts by the names of template variables."""
        return {**self.event.texts, **self.own_texts}

    @property
    def title(self) -> str:
        """Return the title of the document."""
        return f"{self.event.texts['eventName']} - {self.own_texts['fullName']}"

    @property
    def qr_side(self) -> int:
        """Return the modules in a row of the code, with its quiet zone."""
        return qr_side(len(self.qr_text))


def _event_page(ticket: PrintedTicket) -> EventPage:
    key = (
        ticket.event_name, ticket.venue, ticket.starts_at, ticket.ends_at, ticket.time_zone,
        ticket.locale, ticket.ticket_type, ticket.is_test,
    )  # fmt: skip
    page = _EVENT_PAGES.get(key)
    if page is None:
        if len(_EVENT_PAGES) >= _MAX_EVENT_PAGES:
            _EVENT_PAGES.clear()
        page = _EVENT_PAGES[key] = _make_event_page(ticket)
    return page


_EVENT_PAGES: dict[object, EventPage] = {}
_MAX_EVENT_PAGES = 256


def _make_event_page(ticket: PrintedTicket) -> EventPage:
    texts, language = _drawable(event_variables(ticket)), language_variables(ticket)
    banner = TEST_BANNER.format(banner_of_test(ticket.locale)) if ticket.is_test else ""
    return EventPage(texts, language, banner, ticket.time_zone, ticket.locale)


@functools.lru_cache(maxsize=1024)
def _format_created(issued_at: datetime) -> str:
    return issued_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def qr_variables() -> dict[str, str]:
    """Return the variables for the picture of the QR code."""
    return {"qr": Markup('<img class="qr" src="{}" alt="QR">').format(QR_URL), "qrCodeUrl": QR_URL}


def _drawable(texts: dict[str, str]) -> dict[str, str]:
    """Return texts without undrawable emoji. Raises UndrawableText for another character."""
    fonts = installed_fonts()
    every = "".join(texts.values())
    if every.isascii() and not fonts.undrawable(every):
        return texts
    drawable = {}
    for field, text in texts.items():
        drawable[field] = printed = leave_out_emoji(text, fonts.undrawable)
        missing = "".join(sorted(fonts.undrawable(printed)))
        if missing:
            raise UndrawableText(undrawable_message(field, missing))
    return drawable


def undrawable_message(field: str, characters: str) -> str:
    """Return the message about characters that no font has."""
    return f"{no_font_draws(characters)} in {field}"


def no_font_draws(characters: str) -> str:
    """Return that no font has these characters, by code point."""
    # the characters themselves would be boxes in the report, for the same want of a font
    points = ", ".join(f"U+{ord(character):04X}" for character in characters)
    return f"no installed font draws {points}"
