"""Write tickets in bulk, and revoke them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

import psycopg
from psycopg.errors import UniqueViolation
from sqlalchemy import Connection, any_, literal, update

from ticketing.crypto.ticket_token import TicketIdentity
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.platform.kernel.errors import (
    IdentityTaken,
    TicketingError,
    TicketNotStored,
    Unavailable,
)
from ticketing.tickets.eligibility_queries import ID_ARRAY
from ticketing.tickets.issuing.entitlement_lock_queries import Recipient
from ticketing.tickets.model import TicketState

_COPY = """
COPY generated_tickets (
    entitlement_id, guest_id, ticket_code, token_id, qr_code_data,
    event_id, job_id, key_generation, valid_from, valid_until, template_id, issued_at
) FROM STDIN
"""
_ROWS_PER_WRITE = 500  # PostgreSQL processes these while the next are signed
_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})
_NULL = r"\N"
_LIVE_TICKET_CONSTRAINT = "uq_generated_tickets_live_entitlement"


@dataclass(frozen=True, slots=True)
class SharedTicketFields:
    """Fields shared by all tickets of a run."""

    event_id: int
    job_id: int
    key_generation: int
    valid_from: datetime
    valid_until: datetime
    template_id: str | None  # None is the event's
    issued_at: datetime


def insert_tickets(
    connection: Connection,
    shared_fields: SharedTicketFields,
    tickets: Iterable[tuple[Recipient, TicketIdentity]],
) -> None:
    """Write new live tickets, all or none; to be called inside a savepoint.

    Raises IdentityTaken when a code or token exists already. PostgreSQL's own error is dropped on
    purpose, because its detail contains the row with the token.
    """
    refusal = None
    try:
        _copy(connection, _copy_lines(shared_fields, tickets))
    except psycopg.Error as error:
        refusal = _sanitised_error(error)
    if refusal is not None:
        raise refusal  # outside of the handler, so that the original error is not its context


def _copy(connection: Connection, lines: Iterator[str]) -> None:
    raw: psycopg.Connection = connection.connection.driver_connection  # type: ignore[assignment]  # SQLAlchemy does not know which driver it has
    with raw.cursor() as cursor, cursor.copy(_COPY) as copy:
        while block := "".join(islice(lines, _ROWS_PER_WRITE)):
            copy.write(block)


def _copy_lines(
    shared_fields: SharedTicketFields, tickets: Iterable[tuple[Recipient, TicketIdentity]]
) -> Iterator[str]:
    """Yield rows in COPY's format; only the template id needs escaping."""
    chosen = shared_fields.template_id
    template = _NULL if chosen is None else chosen.translate(_ESCAPES)
    shared = (
        f"{shared_fields.event_id}\t{shared_fields.job_id}\t{shared_fields.key_generation}\t{shared_fields.valid_from}\t"
        f"{shared_fields.valid_until}\t{template}\t{shared_fields.issued_at}\n"
    )
    for recipient, identity in tickets:
        yield (
            f"{recipient.entitlement_id}\t{recipient.guest_id}\t{identity.ticket_code}\t"
            f"\\\\x{identity.token_id.hex()}\t{identity.qr_text}\t{shared}"
        )


def _sanitised_error(error: psycopg.Error) -> TicketingError:
    rule = error.diag.constraint_name
    if isinstance(error, psycopg.OperationalError):
        return Unavailable(f"PostgreSQL stopped while writing tickets: {type(error).__name__}")
    if isinstance(error, UniqueViolation) and rule != _LIVE_TICKET_CONSTRAINT:
        return IdentityTaken(f"a ticket with the same identity exists ({rule})")
    detail = error.diag.message_primary or type(error).__name__
    return TicketNotStored(f"the database refused the ticket: {detail}")


def mark_revoked(
    connection: Connection, ticket_ids: Sequence[int], *, reason: str, at: datetime
) -> list[int]:
    """Revoke live tickets; return the ids of those that were live."""
    query = (
        update(generated_tickets)
        .where(
            generated_tickets.c.id == any_(literal(ticket_ids, ID_ARRAY)),
            generated_tickets.c.state == TicketState.LIVE,
        )
        .values(state=TicketState.REVOKED, revoked_at=at, revoked_reason=reason)
        .returning(generated_tickets.c.id)
    )
    return list(connection.execute(query).scalars())


def mark_opened(connection: Connection, ticket_id: int, *, at: datetime) -> None:
    """Record when the page or PDF of a ticket was opened for the first time."""
    connection.execute(
        update(generated_tickets)
        .where(generated_tickets.c.id == ticket_id, generated_tickets.c.opened_at.is_(None))
        .values(opened_at=at)
    )


def discard_documents(connection: Connection, event_id: int, guest_ids: Sequence[int]) -> None:
    """Forget the PDFs of live tickets, so that none with the former name is sent or served.

    They are rendered again, with the same codes. One that is being rendered is not recorded. A PDF
    removed by retention stays removed.
    """
    connection.execute(
        update(generated_tickets)
        .where(
            generated_tickets.c.event_id == event_id,
            generated_tickets.c.guest_id == any_(literal(guest_ids, ID_ARRAY)),
            generated_tickets.c.state == TicketState.LIVE,
        )
        .values(
            generated_at=None,
            pdf_file_path=None,
            pdf_sha256=None,
            pdf_bytes=None,
            document_key=None,
            document_revision=generated_tickets.c.document_revision + 1,
            render_error=None,
        )
    )
