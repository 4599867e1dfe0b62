"""Rows about one guest of an event, for `explain`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, NamedTuple, TypeVar

from sqlalchemy import ColumnElement, Connection, Text, cast, false, func, or_, select

from ticketing.orders.place_guest import NATURAL_KEY_PREFIX
from ticketing.platform.db.columns import columns_of
from ticketing.platform.db.tables.roster import (
    entitlements,
    guest_changes,
    guests,
    import_rejected_rows,
    imports,
)
from ticketing.platform.db.tables.tickets import batches, generated_tickets, ticket_generation_logs
from ticketing.tickets.eligibility import RejectedImportRow
from ticketing.tickets.eligibility_queries import SELECT_REJECTED_ROWS

MAX_MATCHES = 20
_TOTAL = func.count().over()  # of all matches, in each of the first
T = TypeVar("T")
_MIN_PHONE_DIGITS = 6  # fewer digits match too many people


@dataclass(frozen=True, slots=True)
class GuestMatch:
    """A guest of an event."""

    id: int
    full_name: str
    external_id: str | None


@dataclass(frozen=True, slots=True)
class TicketHistory:
    """A ticket of a guest, live or revoked."""

    ticket_code: str
    state: str
    issued_at: datetime
    job_id: int
    batch_key: str
    dagster_run_id: str | None
    revoked_at: datetime | None
    revoked_reason: str | None
    generated_at: datetime | None
    pdf_file_path: str | None
    pdf_sha256: str | None
    pdf_removed_at: datetime | None
    render_error: str | None
    delivered_at: datetime | None


@dataclass(frozen=True, slots=True)
class EntitlementHistory:
    """An entitlement of a guest and its origin."""

    entitlement_id: int
    source: str
    created_at: datetime
    import_id: int | None
    import_line: int | None
    imported_at: datetime | None
    source_name: str | None


@dataclass(frozen=True, slots=True)
class GuestChangeRecord:
    """A changed field of a guest."""

    field: str
    old_value: str
    new_value: str
    changed_by: str
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class TicketFailureRecord:
    """A failed attempt to create or render the ticket of a guest."""

    created_at: datetime
    job_id: int
    message: str


class SearchResult(NamedTuple, Generic[T]):
    """The first matches, and the number of all."""

    first: list[T]
    total: int


def search_guests(
    connection: Connection, event_id: int, text: str, code: str | None
) -> SearchResult[GuestMatch]:
    """Return guests by code of ticket or order, id, e-mail or phone, else by part of the name.

    Former names, e-mails and phones count too.
    """
    exactly = _list_guests(connection, event_id, _identifier_condition(text, code))
    former = select(guest_changes.c.guest_id).where(
        guest_changes.c.event_id == event_id,
        guest_changes.c.field.in_(("full_name", "email", "phone")),
        _contains(guest_changes.c.old_value, text),
    )
    named = or_(_contains(guests.c.full_name, text), guests.c.id.in_(former))
    return exactly if exactly.total else _list_guests(connection, event_id, named)


def _list_guests(
    connection: Connection, event_id: int, condition: ColumnElement[bool]
) -> SearchResult[GuestMatch]:
    query = select(_TOTAL, *columns_of(GuestMatch, guests))
    query = query.where(guests.c.event_id == event_id, condition).order_by(guests.c.id)
    rows = connection.execute(query.limit(MAX_MATCHES)).all()
    return SearchResult([GuestMatch(*row[1:]) for row in rows], rows[0][0] if rows else 0)


def _identifier_condition(text: str, code: str | None) -> ColumnElement[bool]:
    holders = select(generated_tickets.c.guest_id).where(generated_tickets.c.ticket_code == code)
    digits = re.sub(r"\D", "", text).lstrip("0")
    by_phone = guests.c.phone.endswith(digits) if len(digits) >= _MIN_PHONE_DIGITS else false()
    return or_(
        guests.c.id.in_(holders),
        cast(guests.c.id, Text) == text,
        guests.c.external_id == text,
        guests.c.natural_key.startswith(f"{NATURAL_KEY_PREFIX}{text.upper()}/", autoescape=True),
        func.lower(guests.c.email) == text.lower(),
        by_phone,
    )


def _contains(column: ColumnElement[str], text: str) -> ColumnElement[bool]:
    return column.icontains(text, autoescape=True)


def list_entitlements(connection: Connection, guest_id: int) -> list[EntitlementHistory]:
    """Return the entitlements of a guest, oldest first."""
    query = (
        select(
            entitlements.c.id.label("entitlement_id"),
            *entitlements.c["source", "created_at", "import_id", "import_line"],
            imports.c.started_at.label("imported_at"),
            imports.c.source_name,
        )
        .select_from(entitlements.outerjoin(imports, imports.c.id == entitlements.c.import_id))
        .where(entitlements.c.guest_id == guest_id)
        .order_by(entitlements.c.id)
    )
    return [EntitlementHistory(**row) for row in connection.execute(query).mappings()]


def list_tickets(connection: Connection, entitlement_ids: Sequence[int]) -> list[TicketHistory]:
    """Return the tickets of these entitlements, revoked ones included, oldest first."""
    query = (
        select(*columns_of(TicketHistory, generated_tickets, batches))
        .join(batches, batches.c.id == generated_tickets.c.job_id)
        .where(generated_tickets.c.entitlement_id.in_(entitlement_ids))
        .order_by(generated_tickets.c.id)
    )
    return [TicketHistory(**row) for row in connection.execute(query).mappings()]


def list_changes(connection: Connection, guest_id: int) -> list[GuestChangeRecord]:
    """Return the changes of a guest, oldest first."""
    query = select(*columns_of(GuestChangeRecord, guest_changes)).order_by(guest_changes.c.id)
    rows = connection.execute(query.where(guest_changes.c.guest_id == guest_id)).mappings()
    return [GuestChangeRecord(**row) for row in rows]


def list_failures(
    connection: Connection, event_id: int, guest_id: int
) -> list[TicketFailureRecord]:
    """Return the failures of a guest, oldest first."""
    logs = ticket_generation_logs
    query = (
        select(*columns_of(TicketFailureRecord, logs))
        .where(logs.c.guest_id == guest_id, logs.c.event_id == event_id, logs.c.status == "failed")
        .order_by(logs.c.id)
    )
    return [TicketFailureRecord(**row) for row in connection.execute(query).mappings()]


def list_rejected_rows(
    connection: Connection, event_id: int, text: str
) -> SearchResult[RejectedImportRow]:
    """Return rejected rows of any import that contain a text, latest first."""
    query = (
        SELECT_REJECTED_ROWS.where(
            import_rejected_rows.c.event_id == event_id,
            _contains(cast(import_rejected_rows.c.row, Text), text),
        )
        .order_by(import_rejected_rows.c.import_id.desc(), import_rejected_rows.c.line_number)
        .limit(MAX_MATCHES)
    )
    rows = connection.execute(query.add_columns(_TOTAL)).all()
    return SearchResult([RejectedImportRow(*row[:-1]) for row in rows], rows[0][-1] if rows else 0)
