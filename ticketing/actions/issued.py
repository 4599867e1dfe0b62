"""Issued tickets one by one: looking them up, and making one while somebody waits."""

from datetime import datetime
from http import HTTPStatus

from ticketing.actions.generate import Means, Order, generate_tickets
from ticketing.actions.missing import is_over
from ticketing.documents.folder import DocumentFolder
from ticketing.domain.errors import Refused
from ticketing.domain.events import Event
from ticketing.domain.missing import Standing
from ticketing.domain.tickets import PrintedTicket
from ticketing.signing.keys import KeyRing
from ticketing.store import documents, issued, missing
from ticketing.store.database import Database
from ticketing.store.issued import IssuedTicket


class UnknownTicket(Refused):
    """No ticket has that number or link."""

    status = HTTPStatus.NOT_FOUND


class UnknownGuest(Refused):
    """Nobody with that id is on the event's list."""

    status = HTTPStatus.NOT_FOUND


class NoTicketDue(Refused):
    """The person must not get a ticket now; the message says why."""

    status = HTTPStatus.CONFLICT


class TicketNotMade(Refused):
    """The person's ticket could not be issued or printed; the message says why."""


class NoDocument(Refused):
    """The ticket has no PDF: not printed yet, or removed long after its event."""

    status = HTTPStatus.NOT_FOUND


def ticket_of(database: Database, ticket_id: int) -> IssuedTicket:
    """The ticket of that number, live or not."""
    with database.transaction() as connection:
        ticket = issued.by_id(connection, ticket_id)
    if ticket is None:
        raise UnknownTicket(f"no ticket has the number {ticket_id}", ticket=ticket_id)
    return ticket


def ticket_behind(database: Database, keys: KeyRing, magic_link: str) -> IssuedTicket:
    """The ticket of a holder's personal address; the address is repeated nowhere."""
    token_id = keys.token_id_behind(magic_link)
    if token_id is None:
        raise UnknownTicket("no ticket has this address")
    with database.transaction() as connection:
        ticket = issued.by_token_id(connection, token_id)
    if ticket is None:
        raise UnknownTicket("no ticket has this address")
    return ticket


def printed_ticket(database: Database, ticket: IssuedTicket) -> PrintedTicket | None:
    """Everything that is printed on a live ticket; None for a revoked one."""
    with database.transaction() as connection:
        found = documents.documents(connection, [ticket.ticket_id])
    return found[0].ticket if found else None


def document_of(folder: DocumentFolder, ticket: IssuedTicket) -> bytes:
    """The ticket's PDF."""
    try:
        if ticket.pdf_file_path is not None:
            return folder.read(ticket.pdf_file_path)
    except FileNotFoundError:
        pass
    raise NoDocument(
        f"ticket {ticket.ticket_code} has no PDF; `ticketing generate-tickets` makes it",
        ticket=ticket.ticket_id,
    )


def ticket_for(means: Means, event: Event, guest_id: int, *, at: datetime, by: str) -> IssuedTicket:
    """One person's ticket with its PDF in place, made now unless it is there already.

    Raises UnknownGuest, NoTicketDue and TicketNotMade.
    """
    ticket = _live(means, event, guest_id)
    if ticket is not None and _is_printed(means, ticket):
        return ticket
    if ticket is None:
        _refuse_if_not_due(means.database, event, guest_id, at=at)
    done = generate_tickets(means, event, Order(by=by, at=at, guest_ids=[guest_id]))
    ticket = _live(means, event, guest_id)
    if done.failed or ticket is None:
        why = "; ".join(message for _, message in done.failures)
        raise TicketNotMade(f"no ticket for person {guest_id}: {why}", guest=guest_id)
    return ticket


def _live(means: Means, event: Event, guest_id: int) -> IssuedTicket | None:
    with means.database.transaction() as connection:
        return issued.live_of(connection, event.id, guest_id)


def _is_printed(means: Means, ticket: IssuedTicket) -> bool:
    path = ticket.pdf_file_path
    return ticket.status == "generated" and path is not None and means.folder.exists(path)


def _refuse_if_not_due(database: Database, event: Event, guest_id: int, *, at: datetime) -> None:
    over = is_over(event, at)
    with database.transaction() as connection:
        rights = missing.of_guests(connection, event.id, [guest_id], over=over)
    if not rights:
        raise UnknownGuest(f"nobody with the id {guest_id} is on {event.slug}", guest=guest_id)
    if all(right.standing is not Standing.MISSING for right in rights):
        reasons = "; ".join(right.reason for right in rights)
        raise NoTicketDue(f"no ticket for person {guest_id}: {reasons}", guest=guest_id)
