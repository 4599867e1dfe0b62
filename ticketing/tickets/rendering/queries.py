"""Tickets to render with all printed data, and the record of rendered PDFs.

`render` decides which of them are stale.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    RowMapping,
    Text,
    any_,
    func,
    literal,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY

from ticketing.documents.ticket_data import PrintedTicket
from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.events import events
from ticketing.platform.db.tables.roster import entitlements, guests
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.tickets.model import TicketState
from ticketing.tickets.rehearsal_queries import is_test_ticket
from ticketing.tickets.rendering import duration_queries

# advisory locks share one space of 64 bits: ours begin with these bytes ("doc")
_RENDER_LOCK_SPACE = 0x646F63 << 40

TICKET_COLUMNS = (
    events.c.slug.label("event_slug"),
    events.c.name.label("event_name"),
    *events.c["starts_at", "ends_at", "time_zone", "venue"],
    func.coalesce(func.nullif(guests.c.locale, ""), events.c.locale).label("locale"),
    *guests.c["first_name", "last_name", "full_name", "email"],
    ticket_types.c.name.label("ticket_type"),
    entitlements.c.seat,
    guests.c.extra,
    is_test_ticket().label("is_test"),
)


@dataclass(frozen=True, slots=True)
class TicketDocument:
    """A ticket to render, and the record of its last rendering."""

    ticket: PrintedTicket
    guest_id: int
    job_id: int  # of the batch that issued it
    is_rendered: bool  # has, or had, a PDF
    template_id: str
    path: str | None
    sha256: str | None
    is_removed: bool  # by the retention rule
    document_key: str | None
    render_error: str | None
    revision: int  # another one later means that the printed data is outdated


@dataclass(frozen=True, slots=True)
class RenderedDocument:
    """The record of a rendered PDF; `seconds` is how long rendering and writing took.

    `in_full` when it was not stamped.
    """

    ticket_id: int
    revision: int
    path: str
    sha256: str
    size: int
    document_key: str
    seconds: float
    in_full: bool


def list_ticket_ids_to_render(
    connection: Connection,
    event_id: int,
    *,
    guest_ids: Sequence[int] | None,
    include_removed: bool,
    after: int,
    count: int,
) -> list[int]:
    """Return the next live tickets of an event by id, optionally those with a removed PDF."""
    query = (
        select(generated_tickets.c.id)
        .where(*_render_conditions(event_id, guest_ids, include_removed=include_removed))
        .where(generated_tickets.c.id > after)
        .order_by(generated_tickets.c.id)
        .limit(count)
    )
    return list(connection.execute(query).scalars())


def count_to_render(
    connection: Connection, event_id: int, *, guest_ids: Sequence[int] | None, include_removed: bool
) -> int:
    """Return the number of tickets that `list_ticket_ids_to_render` lists in total."""
    wanted = _render_conditions(event_id, guest_ids, include_removed=include_removed)
    return connection.execute(
        select(func.count()).select_from(generated_tickets).where(*wanted)
    ).scalar_one()


def _render_conditions(
    event_id: int, guest_ids: Sequence[int] | None, *, include_removed: bool
) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [
        generated_tickets.c.event_id == event_id,
        generated_tickets.c.state == TicketState.LIVE,
    ]
    if guest_ids is not None:
        conditions.append(
            generated_tickets.c.guest_id == any_(literal(list(guest_ids), ARRAY(BigInteger)))
        )
    if not include_removed:
        conditions.append(generated_tickets.c.pdf_removed_at.is_(None))
    return conditions


def claim(connection: Connection, ticket_ids: Iterable[int], *, wait: bool) -> list[int]:
    """Claim tickets for rendering until the transaction ends; return those that were free.

    Advisory locks instead of row locks, so that revoking a ticket never waits for rendering. Read
    the documents after the claim, because another process may just have recorded them.
    """
    ids = sorted(ticket_ids)
    if not wait:
        listed = func.unnest(literal(ids, ARRAY(BigInteger))).column_valued("id")
        free = func.pg_try_advisory_xact_lock(literal(_RENDER_LOCK_SPACE, BigInteger) + listed)
        answers = connection.execute(select(listed, free)).all()
        return [ticket_id for ticket_id, taken in answers if taken]
    for ticket_id in ids:  # one by one and in order, so that two renderers never deadlock
        connection.execute(select(func.pg_advisory_xact_lock(_RENDER_LOCK_SPACE + ticket_id)))
    return ids


def list_documents(connection: Connection, ticket_ids: Sequence[int]) -> list[TicketDocument]:
    """Return the live ones of these tickets with all printed data, by id."""
    query = (
        select(
            generated_tickets.c.id.label("ticket_id"),
            generated_tickets.c.ticket_code,
            generated_tickets.c.qr_code_data.label("qr_text"),
            generated_tickets.c.issued_at,
            *TICKET_COLUMNS,
            generated_tickets.c.guest_id,
            generated_tickets.c.job_id,
            generated_tickets.c.generated_at.is_not(None).label("is_rendered"),
            func.coalesce(generated_tickets.c.template_id, events.c.template_id).label(
                "template_id"
            ),
            generated_tickets.c.pdf_file_path.label("path"),
            generated_tickets.c.pdf_sha256.label("sha256"),
            generated_tickets.c.pdf_removed_at.is_not(None).label("is_removed"),
            generated_tickets.c.document_key,
            generated_tickets.c.render_error,
            generated_tickets.c.document_revision.label("revision"),
        )
        .join_from(generated_tickets, entitlements)
        .join(guests, guests.c.id == entitlements.c.guest_id)
        .join(ticket_types, ticket_types.c.id == entitlements.c.ticket_type_id)
        .join(events, events.c.id == generated_tickets.c.event_id)
        .where(generated_tickets.c.id == any_(literal(list(ticket_ids), ARRAY(BigInteger))))
        .where(generated_tickets.c.state == TicketState.LIVE)
        .order_by(generated_tickets.c.id)
    )
    return [_document_from_row(row) for row in connection.execute(query).mappings()]


_DOCUMENT_COLUMNS = (
    "guest_id",
    "job_id",
    "is_rendered",
    "template_id",
    "path",
    "sha256",
    "is_removed",
    "document_key",
    "render_error",
    "revision",
)


def _document_from_row(row: RowMapping) -> TicketDocument:
    printed = {name: value for name, value in row.items() if name not in _DOCUMENT_COLUMNS}
    return TicketDocument(PrintedTicket(**printed), *(row[name] for name in _DOCUMENT_COLUMNS))


def choose_template(connection: Connection, ticket_ids: Sequence[int], template_id: str) -> None:
    """Give tickets a template of their own; a later template of the event does not change it."""
    connection.execute(
        update(generated_tickets)
        .where(
            generated_tickets.c.id == any_(literal(list(ticket_ids), ARRAY(BigInteger))),
            generated_tickets.c.template_id.is_distinct_from(template_id),
        )
        .values(template_id=template_id)
    )


_RECORDED: dict[str, type[BigInteger | Text]] = {
    "ticket_id": BigInteger,
    "revision": BigInteger,
    "path": Text,
    "sha256": Text,
    "size": BigInteger,
    "document_key": Text,
}


def mark_rendered(
    connection: Connection, rendered: Sequence[RenderedDocument], *, at: datetime
) -> set[int]:
    """Record rendered PDFs, in one statement, and how long each took; return their tickets.

    One that was discarded while it was rendered is left out: it shows outdated data.
    """
    if not rendered:
        return set()
    # arrays, because one parameter per value would be compiled again for each number of rows
    columns = [
        literal([getattr(each, name) for each in rendered], ARRAY(kind))
        for name, kind in _RECORDED.items()
    ]
    printed = func.unnest(*columns).table_valued(*_RECORDED).render_derived(name="printed")
    recorded = connection.execute(
        update(generated_tickets)
        .where(
            generated_tickets.c.id == printed.c.ticket_id,
            # on the row itself: PostgreSQL checks it again if another transaction had the row
            generated_tickets.c.document_revision == printed.c.revision,
        )
        .values(
            generated_at=at,
            pdf_file_path=printed.c.path,
            pdf_sha256=printed.c.sha256,
            pdf_bytes=printed.c.size,
            document_key=printed.c.document_key,
            pdf_removed_at=None,
            render_error=None,
        )
        .returning(generated_tickets.c.id)
    ).scalars()
    duration_queries.add(connection, [(each.seconds, each.in_full) for each in rendered])
    return set(recorded)


def mark_render_failed(connection: Connection, ticket_id: int, message: str) -> None:
    """Record why a ticket could not be rendered; an existing PDF is kept."""
    connection.execute(
        update(generated_tickets)
        .where(generated_tickets.c.id == ticket_id)
        .values(render_error=message)
    )
