"""Rows for the report and the checks of an event, and counts for metrics."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, ScalarSelect, Select, and_, cast, exists, func, select
from sqlalchemy.types import Text

from ticketing.platform.db.columns import columns_of
from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.roster import entitlements, guests, import_rejected_rows, imports
from ticketing.platform.db.tables.tickets import batches, generated_tickets, ticket_generation_logs
from ticketing.tickets.batches.queries import BatchState
from ticketing.tickets.eligibility_queries import ELIGIBLE, HOLD_REASON
from ticketing.tickets.rehearsal_queries import is_test_ticket


class GenerationCount(NamedTuple):
    """Number of tickets of all batches of an event and template, by outcome."""

    event_id: int
    template_id: str
    status: str
    tickets: int


def count_generated_by_template(connection: Connection) -> Sequence[GenerationCount]:
    """Return the numbers of generated PDFs and of failed attempts."""
    made = select(
        batches.c.event_id, batches.c.template_id, func.sum(batches.c.rendered_count)
    ).group_by(batches.c.event_id, batches.c.template_id)
    failed = (
        select(batches.c.event_id, batches.c.template_id, func.count())
        .join(ticket_generation_logs, ticket_generation_logs.c.job_id == batches.c.id)
        .where(ticket_generation_logs.c.status == "failed")
        .group_by(batches.c.event_id, batches.c.template_id)
    )
    return [
        GenerationCount(event_id, template_id, status, int(tickets))
        for status, query in (("generated", made), ("failed", failed))
        for event_id, template_id, tickets in connection.execute(query)
    ]


def count_processing_batches(connection: Connection) -> int:
    """Return the number of batches in progress."""
    query = select(func.count()).where(batches.c.state == BatchState.PROCESSING)
    return connection.execute(query).scalar_one()


FETCH_SIZE = 2000
PDF_PENDING = "ticket issued, PDF not rendered yet"


@dataclass(frozen=True, slots=True)
class ReportRow:
    """An entitled person with the live ticket, or else with the last failure.

    The fields from `ticket_code` to `render_error` are None without a ticket.
    """

    entitlement_id: int
    external_id: str | None
    full_name: str
    email: str
    ticket_type: str
    seat: str
    hold_reason: str | None
    ticket_code: str | None
    issued_at: datetime | None
    generated_at: datetime | None
    pdf_file_path: str | None
    pdf_removed_at: datetime | None
    render_error: str | None
    failure: str | None
    sales_channel: str
    is_test: bool


@dataclass(frozen=True, slots=True)
class LiveTicketRecord:
    """A live ticket for the checks; secrets are not in the repr."""

    ticket_id: int
    ticket_code: str
    qr_text: str = field(repr=False)
    token_id: bytes = field(repr=False)
    pdf_file_path: str | None
    pdf_sha256: str | None
    is_removed: bool  # the PDF, by the retention rule
    render_error: str | None


@dataclass(frozen=True, slots=True)
class ImportTotals:
    """Counts of the last import of an event; the four kinds of rows add up to the total."""

    id: int
    source_name: str
    completed_at: datetime | None
    total_rows: int
    inserted: int
    updated: int
    unchanged: int
    rejected: int


def iter_report_rows(connection: Connection, event_id: int) -> Iterator[ReportRow]:
    """Yield all entitled people in the order of the roster, streamed."""
    result = connection.execute(
        _select_report_rows(event_id), execution_options={"yield_per": FETCH_SIZE}
    )
    for row in result.mappings():
        yield ReportRow(**row)


def _select_report_rows(event_id: int) -> Select[tuple[object, ...]]:
    live = and_(
        generated_tickets.c.entitlement_id == entitlements.c.id, generated_tickets.c.state == "live"
    )
    return (
        select(
            entitlements.c.id.label("entitlement_id"),
            guests.c.external_id,
            guests.c.full_name,
            guests.c.email,
            ticket_types.c.name.label("ticket_type"),
            entitlements.c.seat,
            HOLD_REASON.label("hold_reason"),
            generated_tickets.c.ticket_code,
            generated_tickets.c.issued_at,
            generated_tickets.c.generated_at,
            generated_tickets.c.pdf_file_path,
            generated_tickets.c.pdf_removed_at,
            generated_tickets.c.render_error,
            last_failure_subquery(event_id).label("failure"),
            guests.c.sales_channel,
            is_test_ticket().label("is_test"),
        )
        .select_from(entitlements)
        .join(guests, guests.c.id == entitlements.c.guest_id)
        .join(ticket_types, ticket_types.c.id == entitlements.c.ticket_type_id)
        .join(generated_tickets, live, isouter=True)
        .where(entitlements.c.event_id == event_id, entitlements.c.state == "entitled")
        .order_by(entitlements.c.id)
    )


def last_failure_subquery(event_id: int) -> ScalarSelect[str]:
    """Return a subquery for the last failure of a person without a ticket."""
    logs = ticket_generation_logs
    return (
        select(logs.c.message)
        .where(
            logs.c.guest_id == entitlements.c.guest_id,
            logs.c.event_id == event_id,
            logs.c.status == "failed",
            generated_tickets.c.id.is_(None),
        )
        .order_by(logs.c.id.desc())
        .limit(1)
        .correlate(entitlements, generated_tickets)
        .scalar_subquery()
    )


def find_last_import(connection: Connection, event_id: int) -> ImportTotals | None:
    """Return the last completed import of an event, or None."""
    query = (
        select(*columns_of(ImportTotals, imports))
        .where(imports.c.event_id == event_id, imports.c.state == "completed")
        .order_by(imports.c.id.desc())
        .limit(1)
    )
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else ImportTotals(**row)


def iter_live_tickets(
    connection: Connection, event_id: int, *, sample: int | None = None, seed: str = ""
) -> Iterator[LiveTicketRecord]:
    """Yield live tickets by id, or a random sample that depends only on the seed; streamed."""
    tickets = generated_tickets
    query = select(
        tickets.c.id.label("ticket_id"),
        tickets.c.ticket_code,
        tickets.c.qr_code_data.label("qr_text"),
        tickets.c.token_id,
        tickets.c.pdf_file_path,
        tickets.c.pdf_sha256,
        tickets.c.pdf_removed_at.is_not(None).label("is_removed"),
        tickets.c.render_error,
    ).where(tickets.c.event_id == event_id, tickets.c.state == "live")
    if sample is None:
        query = query.order_by(tickets.c.id)
    else:
        query = query.order_by(func.md5(cast(tickets.c.id, Text) + seed)).limit(sample)
    for row in connection.execute(query, execution_options={"yield_per": FETCH_SIZE}).mappings():
        yield LiveTicketRecord(**row)


def count_live_tickets(connection: Connection, event_id: int) -> int:
    """Return the number of live tickets."""
    query = select(func.count()).where(
        generated_tickets.c.event_id == event_id, generated_tickets.c.state == "live"
    )
    return connection.execute(query).scalar_one()


def list_never_attempted(connection: Connection, event_id: int) -> list[str]:
    """Return the natural keys of eligible people without a ticket and without a failure."""
    held = exists().where(
        generated_tickets.c.entitlement_id == entitlements.c.id, generated_tickets.c.state == "live"
    )
    failed = exists().where(
        ticket_generation_logs.c.guest_id == entitlements.c.guest_id,
        ticket_generation_logs.c.event_id == event_id,
        ticket_generation_logs.c.status == "failed",
    )
    query = (
        select(guests.c.natural_key)
        .join(entitlements, entitlements.c.guest_id == guests.c.id)
        .where(
            entitlements.c.event_id == event_id,
            ELIGIBLE,
            ~held,
            ~failed,
        )
        .order_by(entitlements.c.id)
    )
    return list(connection.execute(query).scalars())


def list_duplicate_holders(connection: Connection, event_id: int) -> list[tuple[str, int]]:
    """Return the natural keys with several live tickets for one entitlement, and the number."""
    held = func.count()
    query = (
        select(guests.c.natural_key, held)
        .join(entitlements, entitlements.c.guest_id == guests.c.id)
        .join(generated_tickets, generated_tickets.c.entitlement_id == entitlements.c.id)
        .where(generated_tickets.c.event_id == event_id, generated_tickets.c.state == "live")
        .group_by(entitlements.c.id, guests.c.natural_key)
        .having(held > 1)
        .order_by(guests.c.natural_key)
    )
    return [(key, number) for key, number in connection.execute(query)]


def count_entitled(connection: Connection, event_id: int) -> int:
    """Return the number of entitled people."""
    query = select(func.count()).where(
        entitlements.c.event_id == event_id, entitlements.c.state == "entitled"
    )
    return connection.execute(query).scalar_one()


def count_rejected_rows(connection: Connection, import_id: int) -> int:
    """Return the number of stored rejected rows of an import."""
    query = select(func.count()).where(import_rejected_rows.c.import_id == import_id)
    return connection.execute(query).scalar_one()
