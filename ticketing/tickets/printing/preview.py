"""Preview of a ticket with a template, as PDF or picture.

It has the code and the QR code of the sample ticket: a real QR code grants admission.
"""

from dataclasses import dataclass, replace

from ticketing.documents.pdf_inspection import picture_of
from ticketing.documents.renderer import Renderer
from ticketing.documents.template_context import SAMPLE_TICKET, sample_ticket
from ticketing.documents.ticket_data import PrintedTicket
from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import NotFound, Refused
from ticketing.tickets.rendering import entitled_queries
from ticketing.tickets.reports import person_history_queries
from ticketing.tickets.reports.explain import parse_ticket_code

DEFAULT_DPI = 150
MAX_NAMED = 5


class SeveralGuestsMatch(Refused):
    """Several guests match; the message names the first of them."""


@dataclass(frozen=True, slots=True)
class Preview:
    """A ticket as it would look, and why it is not stamped, if so."""

    full_name: str
    pdf: bytes
    rendered_in_full: str | None

    def picture(self, dpi: int = DEFAULT_DPI) -> bytes:
        """Return the page as PNG."""
        return picture_of(self.pdf, dpi=dpi)


def preview_ticket(
    database: Database,
    renderer: Renderer,
    event: Event,
    *,
    template_id: str | None = None,
    person: str | None = None,
) -> Preview:
    """Return the ticket of a person, or the sample ticket, with a template or the event's own.

    `person` is an external id, e-mail, phone, code, guest id or part of a name. Raises NotFound,
    SeveralGuestsMatch, and what rendering raises.
    """
    ticket = sample_ticket(event) if person is None else _ticket_of(database, event, person.strip())
    template = renderer.open(template_id or event.template_id)
    return Preview(ticket.full_name, template.render(ticket).content, template.stamping_refusal)


def _ticket_of(database: Database, event: Event, person: str) -> PrintedTicket:
    guest_id = _guest_id(database, event, person)
    entitled = database.run(
        entitled_queries.list_entitled, event.id, after=0, count=1, guest_id=guest_id
    )
    if not entitled:
        raise NotFound(
            f"{person!r} is a guest of {event.slug} without an entitlement;"
            f" `ticketing tickets explain {guest_id} --event {event.slug}` tells why"
        )
    return replace(SAMPLE_TICKET, **entitled[0].ticket_fields)


def _guest_id(database: Database, event: Event, person: str) -> int:
    if not person:
        raise NotFound("person is empty: name an external id, e-mail, phone, code or guest id")
    matches, total = database.run(
        person_history_queries.search_guests, event.id, person, parse_ticket_code(person)
    )
    if not matches:
        raise NotFound(f"no guest of {event.slug} matches {person!r}")
    if total > 1:
        named = ", ".join(f"{each.full_name} (id {each.id})" for each in matches[:MAX_NAMED])
        raise SeveralGuestsMatch(f"{total} guests match {person!r}: {named}; use an id")
    return matches[0].id
