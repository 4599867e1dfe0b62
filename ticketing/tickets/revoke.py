"""Revoke tickets. A new ticket needs `reissue`."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from ticketing.events.model import Event
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import UnreadableCode
from ticketing.tickets import ticket_queries
from ticketing.tickets.issuing import ticket_write_queries
from ticketing.tickets.model import normalise_ticket_code


@dataclass(frozen=True, slots=True)
class RevokeResult:
    """Result for each code: revoked now, revoked before, or not a ticket of this event."""

    revoked: tuple[str, ...]
    already_revoked: tuple[str, ...]
    unknown: tuple[str, ...]


def revoke_tickets(
    database: Database,
    event: Event,
    *,
    codes: Iterable[str],
    reason: str,
    by: str,
    at: datetime,
) -> RevokeResult:
    """Revoke tickets of an event by their codes in any spelling; safe to repeat."""
    with database.transaction() as connection:
        known, unknown = _find_by_codes(connection, event, codes)
        ended = set(
            ticket_write_queries.mark_revoked(connection, list(known), reason=reason, at=at)
        )
        if ended:
            audit_log.record(
                connection,
                actor=by,
                action=audit_log.REVOKE_TICKETS_ACTION,
                event_id=event.id,
                subject=event.slug,
                items=len(ended),
                details={"reason": reason, "ticket_ids": sorted(ended)},
            )
    return RevokeResult(
        revoked=tuple(code for ticket_id, code in known.items() if ticket_id in ended),
        already_revoked=tuple(code for ticket_id, code in known.items() if ticket_id not in ended),
        unknown=tuple(unknown),
    )


def _find_by_codes(
    connection: Connection, event: Event, codes: Iterable[str]
) -> tuple[dict[int, str], list[str]]:
    """Return the codes of the event's tickets by id, and the texts that match no ticket."""
    known: dict[int, str] = {}
    unknown: list[str] = []
    for text in codes:
        try:
            ticket = ticket_queries.find_validity_by_code(connection, normalise_ticket_code(text))
        except UnreadableCode:
            ticket = None
        if ticket is None or ticket.event_id != event.id:
            unknown.append(text)
        else:
            known[ticket.scanned_ticket.ticket_id] = ticket.scanned_ticket.ticket_code
    return known, unknown
