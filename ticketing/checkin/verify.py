"""Verifying: may the holder of this QR or ticket code pass, and if not, why not.

Needs no secret. Gates without the database use `ticketing.crypto.verify`. That a ticket was used
already is not asked here: nothing is used up by looking.
"""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from ticketing.crypto import key_queries
from ticketing.crypto.ticket_token import PREFIX
from ticketing.crypto.verdict import Refusal, Verdict, refusal_in_time
from ticketing.crypto.verify import authenticate, token_or_refusal
from ticketing.events.model import GRACE_AFTER_THE_EVENT, Event
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import UnreadableCode
from ticketing.tickets import ticket_queries
from ticketing.tickets.model import TicketState, normalise
from ticketing.tickets.ticket_queries import KnownTicket

CODE_PREFIX = "TC"


def verify(database: Database, text: str, *, at: datetime, event: Event | None = None) -> Verdict:
    """The verdict on a QR's text or a ticket code; with `event`, only that one's tickets pass.

    A code proves nothing about who wrote it down: accept it where a person is looked at.
    """
    with database.transaction() as connection:
        if text.startswith(PREFIX):
            return _verify_token(connection, text, at=at, event=event)
        return _verify_code(connection, text, at=at, event=event)


def _verify_token(
    connection: Connection, text: str, *, at: datetime, event: Event | None
) -> Verdict:
    token = token_or_refusal(text)
    if isinstance(token, Verdict):
        return token
    recorded = key_queries.of_event(connection, token.claims.event_number)
    verdict = authenticate(token, {key.generation: key.key for key in recorded})
    if not verdict.valid:
        return verdict
    ticket = ticket_queries.scanned_by_token_id(connection, token.claims.token_id)
    return replace(_judge(ticket, at=at, event=event), claims=token.claims)


def _verify_code(
    connection: Connection, text: str, *, at: datetime, event: Event | None
) -> Verdict:
    if not text.strip().upper().startswith(CODE_PREFIX):
        return Verdict(Refusal.WRONG_PREFIX)
    try:
        ticket = ticket_queries.scanned_by_code(connection, normalise(text))
    except UnreadableCode as error:
        return Verdict(Refusal.MALFORMED, str(error))
    return _judge(ticket, at=at, event=event)


def _judge(ticket: KnownTicket | None, *, at: datetime, event: Event | None) -> Verdict:
    """What the database knows: the event's present dates count, not those it had at issue."""
    if ticket is None:
        return Verdict(Refusal.UNKNOWN)
    if ticket.state is TicketState.REVOKED:
        return Verdict(Refusal.REVOKED, ticket.revoked_reason or "", ticket=ticket.seen)
    if event is not None and ticket.event_id != event.id:
        return Verdict(Refusal.WRONG_EVENT, ticket.seen.event_slug, ticket=ticket.seen)
    until = ticket.event_ends_at + GRACE_AFTER_THE_EVENT
    refused = refusal_in_time(ticket.valid_from, until, at) or Verdict()
    return replace(refused, ticket=ticket.seen)
