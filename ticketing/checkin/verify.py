"""Verify a QR code or a ticket code against the database.

No secret is needed. Scanners without the database use `ticketing.crypto.verify`. Verification does
not mark a ticket as used; `record_scan.py` does.
"""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from ticketing.backup import restore_queries
from ticketing.crypto import key_queries
from ticketing.crypto.ticket_token import PREFIX
from ticketing.crypto.verify import (
    RejectionReason,
    VerificationResult,
    check_validity_period,
    parse_token,
    verify_signature,
)
from ticketing.events.model import TICKET_GRACE_PERIOD, Event
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import UnreadableCode
from ticketing.platform.kernel.wall_clock import format_clock
from ticketing.tickets import ticket_queries, use_queries
from ticketing.tickets.model import TicketState, normalise_ticket_code
from ticketing.tickets.ticket_queries import TicketValidity

CODE_PREFIX = "TC"


def verify_ticket(
    database: Database, text: str, *, at: datetime, event: Event | None = None
) -> VerificationResult:
    """Verify the text of a QR code or a ticket code; `event` restricts it to that event.

    A ticket code is not signed: accept it only together with a check of the person's identity.
    """
    with database.transaction() as connection:
        result = verify_text(connection, text, at=at, event=event)
        if result.ticket is None or not result.is_valid:
            return result
        use = use_queries.find_use(connection, result.ticket.ticket_id)
    if use is None:
        return result
    note = f"{format_clock(use.scanned_at)}, {use.gate}"
    return replace(result, rejection=RejectionReason.ALREADY_USED, note=note)


def verify_text(
    connection: Connection, text: str, *, at: datetime, event: Event | None
) -> VerificationResult:
    """Verify the text of a QR code or a ticket code, whether or not the ticket was used."""
    if text.startswith(PREFIX):
        return _verify_token(connection, text, at=at, event=event)
    return _verify_code(connection, text, at=at, event=event)


def verify_token_id(
    connection: Connection, token_id: bytes, *, at: datetime, event: Event
) -> VerificationResult:
    """Verify the ticket of a token whose signature a gate has checked, used or not."""
    ticket = ticket_queries.find_validity_by_token_id(connection, token_id)
    if ticket is None:
        return _mention_restore(connection, VerificationResult(RejectionReason.UNKNOWN))
    return _check_ticket(ticket, at=at, event=event)


def _verify_token(
    connection: Connection, text: str, *, at: datetime, event: Event | None
) -> VerificationResult:
    token = parse_token(text)
    if isinstance(token, VerificationResult):
        return token
    recorded = key_queries.list_for_event(connection, token.claims.event_number)
    result = verify_signature(token, {key.generation: key.key for key in recorded})
    if result.rejection is RejectionReason.UNKNOWN_KEY:
        return _mention_restore(connection, result)
    if not result.is_valid:
        return result
    ticket = ticket_queries.find_validity_by_token_id(connection, token.claims.token_id)
    if ticket is None:
        signed = VerificationResult(RejectionReason.UNKNOWN, claims=token.claims)
        return _mention_restore(connection, signed, reason=RejectionReason.AFTER_BACKUP)
    return replace(_check_ticket(ticket, at=at, event=event), claims=token.claims)


def _verify_code(
    connection: Connection, text: str, *, at: datetime, event: Event | None
) -> VerificationResult:
    if not text.strip().upper().startswith(CODE_PREFIX):
        return VerificationResult(RejectionReason.WRONG_PREFIX)
    try:
        ticket = ticket_queries.find_validity_by_code(connection, normalise_ticket_code(text))
    except UnreadableCode as error:
        return VerificationResult(RejectionReason.MALFORMED, str(error))
    if ticket is None:
        return _mention_restore(connection, VerificationResult(RejectionReason.UNKNOWN))
    return _check_ticket(ticket, at=at, event=event)


def _mention_restore(
    connection: Connection, result: VerificationResult, *, reason: RejectionReason | None = None
) -> VerificationResult:
    """Say of what is unknown that it may be younger than the backup that was restored.

    `reason` replaces the reason: with a valid signature the ticket is ours and not forged.
    """
    restore = restore_queries.find_latest(connection)
    if restore is None:
        return result
    details = f"{result.note}; " if result.note else ""
    note = (
        f"{details}the database was restored from a backup of"
        f" {format_clock(restore.backup_taken_at)}; check who the person is"
    )
    return replace(result, rejection=reason or result.rejection, note=note)


def _check_ticket(
    ticket: TicketValidity, *, at: datetime, event: Event | None
) -> VerificationResult:
    """Check state, event and validity; the event's present dates apply, not those at issue."""
    if ticket.is_refused_rehearsal:
        return VerificationResult(RejectionReason.REHEARSAL, ticket=ticket.scanned_ticket)
    if ticket.state is TicketState.REVOKED:
        return VerificationResult(
            RejectionReason.REVOKED, ticket.revoked_reason or "", ticket=ticket.scanned_ticket
        )
    if event is not None and ticket.event_id != event.id:
        return VerificationResult(
            RejectionReason.WRONG_EVENT,
            ticket.scanned_ticket.event_slug,
            ticket=ticket.scanned_ticket,
        )
    until = ticket.event_ends_at + TICKET_GRACE_PERIOD
    result = check_validity_period(ticket.valid_from, until, at) or VerificationResult()
    return replace(result, ticket=ticket.scanned_ticket)
