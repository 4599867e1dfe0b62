"""Look up a single ticket, or create one while the caller waits."""

from collections.abc import Mapping
from datetime import datetime

from ticketing.crypto.keyring import KeyRing
from ticketing.documents.ticket_data import PrintedTicket
from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import Conflict, NotFound, Refused
from ticketing.platform.kernel.person_name import first_and_last_name
from ticketing.platform.kernel.text import to_printable
from ticketing.tickets import eligibility_queries, ticket_queries
from ticketing.tickets.eligibility import Entitlement, EntitlementStatus
from ticketing.tickets.generate import GenerationContext, GenerationRequest, generate_tickets
from ticketing.tickets.issuing import ticket_write_queries
from ticketing.tickets.missing import is_event_over
from ticketing.tickets.rendering import queries as rendering_queries
from ticketing.tickets.ticket_queries import IssuedTicket


class UnknownTicket(NotFound):
    """No ticket has that id or link."""


class UnknownGuest(NotFound):
    """No guest of the event has that id."""


class NoTicketDue(Conflict):
    """The guest is not eligible for a ticket now; the message says why."""


class GuestDataDiffers(Conflict):
    """The request describes another guest than the one of that id; the message names the fields."""


class TicketNotMade(Refused):
    """The ticket could not be issued or rendered; the message says why."""


def get_ticket(database: Database, ticket_id: int) -> IssuedTicket:
    """Return a ticket, live or revoked. Raises UnknownTicket."""
    ticket = database.run(ticket_queries.find_by_id, ticket_id)
    if ticket is None:
        raise UnknownTicket(f"no ticket has the id {ticket_id}", ticket=ticket_id)
    return ticket


def open_ticket(
    database: Database, keys: KeyRing, magic_link: str, *, at: datetime
) -> IssuedTicket:
    """Return the ticket of a magic link, and record the first time that it is opened.

    Raises UnknownTicket, without repeating the link.
    """
    token_id = keys.token_id_from_magic_link(magic_link)
    if token_id is None:
        raise UnknownTicket("no ticket has this link")
    ticket = database.run(ticket_queries.find_by_token_id, token_id)
    if ticket is None:
        raise UnknownTicket("no ticket has this link")
    database.run(ticket_write_queries.mark_opened, ticket.ticket_id, at=at)
    return ticket


def find_printed_ticket(database: Database, ticket: IssuedTicket) -> PrintedTicket | None:
    """Return the printed data of a live ticket, or None for a revoked one."""
    found = database.run(rendering_queries.list_documents, [ticket.ticket_id])
    return found[0].ticket if found else None


def get_or_create_ticket(
    context: GenerationContext,
    event: Event,
    guest_id: int,
    *,
    at: datetime,
    by: str,
    template_id: str | None = None,
) -> IssuedTicket:
    """Return the ticket of a guest with its PDF, created if it does not exist.

    A PDF with outdated data or another template is rendered again. Raises UnknownGuest,
    NoTicketDue and TicketNotMade.
    """
    ticket = _find_live_ticket(context, event, guest_id)
    is_new_choice = ticket is not None and template_id not in {None, ticket.template_id}
    if ticket is not None and not is_new_choice and _has_current_pdf(context, ticket):
        return ticket
    if ticket is None:
        _refuse_if_ineligible(context.database, event, guest_id, at=at)
    request = GenerationRequest(
        by=by, at=at, guest_ids=[guest_id], template_id=template_id, overwrite=is_new_choice
    )
    done = generate_tickets(context, event, request)
    ticket = _find_live_ticket(context, event, guest_id)
    if done.failed or ticket is None:
        why = "; ".join(message for _, message in done.failures)
        raise TicketNotMade(f"no ticket for guest {guest_id}: {why}", guest=guest_id)
    return ticket


def require_guest_data(
    database: Database, event: Event, guest_id: int, expected: Mapping[str, str], *, at: datetime
) -> None:
    """Refuse a request whose fields differ from the guest's; case and blanks do not count.

    Fields are first_name, last_name, email and ticket_type. Raises UnknownGuest and
    GuestDataDiffers, which never repeats the stored values.
    """
    found = _list_entitlements(database, event, guest_id, at=at)
    differing = min((_differing_fields(each, expected) for each in found), key=len)
    if differing:
        raise GuestDataDiffers(
            f"guest {guest_id} has another {', '.join(differing)}; send the right guestId,"
            " or change the guest before its ticket is made",
            guest=guest_id,
        )


def _differing_fields(entitlement: Entitlement, expected: Mapping[str, str]) -> list[str]:
    names = entitlement.first_name, entitlement.last_name, entitlement.full_name
    first, last = first_and_last_name(*names)
    known = {"first_name": first, "last_name": last, "email": entitlement.email}
    known["ticket_type"] = entitlement.ticket_type
    return [name for name, value in expected.items() if _folded(value) != _folded(known[name])]


def _folded(text: str) -> str:
    return to_printable(text).casefold()


def _find_live_ticket(
    context: GenerationContext, event: Event, guest_id: int
) -> IssuedTicket | None:
    return context.database.run(ticket_queries.find_live_of_guest, event.id, guest_id)


def _has_current_pdf(context: GenerationContext, ticket: IssuedTicket) -> bool:
    """Return whether the PDF exists, and shows the present guest, event and template."""
    found = context.database.run(rendering_queries.list_documents, [ticket.ticket_id])
    if not found or ticket.status != "generated" or ticket.pdf_file_path is None:
        return False
    key = context.renderer.document_key(found[0].ticket, found[0].template_id)
    return found[0].document_key == key and context.folder.exists(ticket.pdf_file_path)


def _refuse_if_ineligible(database: Database, event: Event, guest_id: int, *, at: datetime) -> None:
    entitlements = _list_entitlements(database, event, guest_id, at=at)
    if all(entitlement.status is not EntitlementStatus.MISSING for entitlement in entitlements):
        reasons = "; ".join(entitlement.reason for entitlement in entitlements)
        raise NoTicketDue(f"no ticket for guest {guest_id}: {reasons}", guest=guest_id)


def _list_entitlements(
    database: Database, event: Event, guest_id: int, *, at: datetime
) -> list[Entitlement]:
    found = database.run(
        eligibility_queries.list_by_guest_ids,
        event.id,
        [guest_id],
        event_over=is_event_over(event, at),
    )
    if not found:
        raise UnknownGuest(f"{event.slug} has no guest {guest_id}", guest=guest_id)
    return found
