"""Issued tickets in the database: for verification, for the HTTP API, and files of an event.

Queries for rendering are in `rendering/queries.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, case, literal, select

from ticketing.crypto.verify import ScannedTicket
from ticketing.documents.ticket_data import TEST_MARK
from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.events import events
from ticketing.platform.db.tables.roster import entitlements, guests
from ticketing.platform.db.tables.tickets import generated_tickets, ticket_generation_logs
from ticketing.tickets.guest_filter import EVERYBODY, GuestFilter
from ticketing.tickets.guest_filter_queries import filter_rows
from ticketing.tickets.model import RecordedDocument, TicketState
from ticketing.tickets.rehearsal_queries import is_refused_rehearsal, is_test_ticket


@dataclass(frozen=True, slots=True)
class TicketValidity:
    """An issued ticket with the data that its validity depends on."""

    scanned_ticket: ScannedTicket
    event_id: int
    event_ends_at: datetime
    valid_from: datetime
    state: TicketState
    revoked_reason: str | None
    is_refused_rehearsal: bool  # a test ticket, and the payment environment is production


@dataclass(frozen=True, slots=True)
class Revocation:
    """A revoked ticket. `token_id` alone is no valid ticket, because it is not signed."""

    ticket_id: int
    ticket_code: str
    token_id: bytes
    revoked_at: datetime
    reason: str


def find_validity_by_code(connection: Connection, ticket_code: str) -> TicketValidity | None:
    """Return the ticket of a canonical code, or None."""
    return _find_validity(connection, generated_tickets.c.ticket_code == ticket_code)


def find_validity_by_token_id(connection: Connection, token_id: bytes) -> TicketValidity | None:
    """Return the ticket of a token with a valid signature, or None."""
    return _find_validity(connection, generated_tickets.c.token_id == token_id)


def _find_validity(connection: Connection, condition: ColumnElement[bool]) -> TicketValidity | None:
    query = (
        select(
            generated_tickets.c.id.label("ticket_id"),
            generated_tickets.c.ticket_code,
            events.c.slug.label("event_slug"),
            generated_tickets.c.guest_id,
            guests.c.full_name,
            case(
                (is_test_ticket(), literal(TEST_MARK) + ticket_types.c.name),
                else_=ticket_types.c.name,
            ).label("ticket_type"),
            entitlements.c.seat,
            generated_tickets.c.event_id,
            events.c.ends_at.label("event_ends_at"),
            generated_tickets.c.valid_from,
            generated_tickets.c.state,
            generated_tickets.c.revoked_reason,
            is_refused_rehearsal().label("is_refused_rehearsal"),
        )
        .join(events, events.c.id == generated_tickets.c.event_id)
        .join(guests, guests.c.id == generated_tickets.c.guest_id)
        .join(entitlements, entitlements.c.id == generated_tickets.c.entitlement_id)
        .join(ticket_types, ticket_types.c.id == entitlements.c.ticket_type_id)
        .where(condition)
    )
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        return None
    seen = ScannedTicket(**{name: row[name] for name in ScannedTicket.__slots__})
    return TicketValidity(
        scanned_ticket=seen,
        event_id=row["event_id"],
        event_ends_at=row["event_ends_at"],
        valid_from=row["valid_from"],
        state=TicketState(row["state"]),
        revoked_reason=row["revoked_reason"],
        is_refused_rehearsal=row["is_refused_rehearsal"],
    )


def list_revocations(connection: Connection, event_id: int) -> list[Revocation]:
    """Return the revoked tickets of an event, in the order of issue."""
    query = (
        select(
            generated_tickets.c.id.label("ticket_id"),
            generated_tickets.c.ticket_code,
            generated_tickets.c.token_id,
            generated_tickets.c.revoked_at,
            generated_tickets.c.revoked_reason.label("reason"),
        )
        .where(
            generated_tickets.c.event_id == event_id,
            generated_tickets.c.state == TicketState.REVOKED,
        )
        .order_by(generated_tickets.c.id)
    )
    return [Revocation(**row) for row in connection.execute(query).mappings()]


@dataclass(frozen=True, slots=True)
class IssuedTicket:
    """A ticket, live or revoked."""

    ticket_id: int
    ticket_code: str
    qr_text: str = field(repr=False)  # secret: it is the ticket
    event_id: int
    event_slug: str
    event_name: str
    guest_id: int
    first_name: str
    last_name: str
    full_name: str
    state: TicketState
    revoked_reason: str | None
    template_id: str | None  # None is the event's
    generated_at: datetime | None
    pdf_file_path: str | None
    pdf_sha256: str | None
    pdf_removed_at: datetime | None
    render_error: str | None

    @property
    def document(self) -> RecordedDocument:
        """Return the record of the PDF."""
        return RecordedDocument(
            self.ticket_id, self.ticket_code, self.pdf_file_path, self.pdf_sha256
        )

    @property
    def status(self) -> str:
        """Return the status: issued, generated, failed or revoked."""
        return _status(self.state, self.generated_at, self.render_error)


class BatchTicket(NamedTuple):
    """A ticket of a batch."""

    ticket_id: int
    ticket_code: str
    status: str


class BatchFailure(NamedTuple):
    """A guest for whom a batch failed."""

    guest_id: int | None
    message: str


def _status(state: TicketState, generated_at: datetime | None, render_error: str | None) -> str:
    if state is TicketState.REVOKED:
        return "revoked"
    if render_error is not None:
        return "failed"
    return "issued" if generated_at is None else "generated"


def find_by_id(connection: Connection, ticket_id: int) -> IssuedTicket | None:
    """Return the ticket with that id, or None."""
    return _find_one(connection, generated_tickets.c.id == ticket_id)


def find_by_token_id(connection: Connection, token_id: bytes) -> IssuedTicket | None:
    """Return the ticket with that token id, or None."""
    return _find_one(connection, generated_tickets.c.token_id == token_id)


def find_live_of_guest(connection: Connection, event_id: int, guest_id: int) -> IssuedTicket | None:
    """Return the live ticket of a guest, the newest if there are several, or None."""
    return _find_one(
        connection,
        generated_tickets.c.event_id == event_id,
        generated_tickets.c.guest_id == guest_id,
        generated_tickets.c.state == TicketState.LIVE,
    )


def _find_one(connection: Connection, *conditions: ColumnElement[bool]) -> IssuedTicket | None:
    query = (
        select(
            generated_tickets.c.id.label("ticket_id"),
            generated_tickets.c.ticket_code,
            generated_tickets.c.qr_code_data.label("qr_text"),
            generated_tickets.c.event_id,
            events.c.slug.label("event_slug"),
            events.c.name.label("event_name"),
            generated_tickets.c.guest_id,
            guests.c.first_name,
            guests.c.last_name,
            guests.c.full_name,
            *generated_tickets.c[
                "state",
                "revoked_reason",
                "template_id",
                "generated_at",
                "pdf_file_path",
                "pdf_sha256",
                "pdf_removed_at",
                "render_error",
            ],
        )
        .join(events, events.c.id == generated_tickets.c.event_id)
        .join(guests, guests.c.id == generated_tickets.c.guest_id)
        .where(*conditions)
        .order_by(generated_tickets.c.id.desc())
        .limit(1)
    )
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else IssuedTicket(**{**row, "state": TicketState(row["state"])})


def list_by_batch(
    connection: Connection, job_id: int, *, limit: int, offset: int
) -> Sequence[BatchTicket]:
    """Return a page of the tickets issued by a batch, by id."""
    query = (
        select(
            *generated_tickets.c["id", "ticket_code", "state", "generated_at", "render_error"],
        )
        .where(generated_tickets.c.job_id == job_id)
        .order_by(generated_tickets.c.id)
        .limit(limit)
        .offset(offset)
    )
    return [
        BatchTicket(ticket_id, code, _status(TicketState(state), generated_at, error))
        for ticket_id, code, state, generated_at, error in connection.execute(query)
    ]


def list_batch_failures(
    connection: Connection, job_id: int, *, limit: int, offset: int
) -> Sequence[BatchFailure]:
    """Return a page of a batch's failures, newest first, as older ones may be resolved."""
    query = (
        select(ticket_generation_logs.c.guest_id, ticket_generation_logs.c.message)
        .where(
            ticket_generation_logs.c.job_id == job_id, ticket_generation_logs.c.status == "failed"
        )
        .order_by(ticket_generation_logs.c.id.desc())
        .limit(limit)
        .offset(offset)
    )
    return [BatchFailure(*row) for row in connection.execute(query)]


def list_ticket_files(
    connection: Connection,
    event_id: int,
    wanted: GuestFilter = EVERYBODY,
    *,
    after: int,
    count: int,
) -> Sequence[RecordedDocument]:
    """Return the next live tickets of an event with the records of their PDFs, by id."""
    query = (
        select(
            generated_tickets.c.id,
            generated_tickets.c.ticket_code,
            generated_tickets.c.pdf_file_path,
            generated_tickets.c.pdf_sha256,
        )
        .where(
            generated_tickets.c.event_id == event_id,
            generated_tickets.c.state == TicketState.LIVE,
            generated_tickets.c.id > after,
        )
        .order_by(generated_tickets.c.id)
        .limit(count)
    )
    if wanted.where:
        query = (
            query.join(entitlements, entitlements.c.id == generated_tickets.c.entitlement_id)
            .join(guests, guests.c.id == entitlements.c.guest_id)
            .join(ticket_types, ticket_types.c.id == entitlements.c.ticket_type_id)
        )
        query = filter_rows(connection, event_id, query, wanted)
    return [RecordedDocument(*row) for row in connection.execute(query)]
