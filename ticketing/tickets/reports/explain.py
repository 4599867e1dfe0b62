"""Why somebody has no ticket, or which one: import line, entitlement, tickets, PDFs, failures."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection

from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import UnreadableCode
from ticketing.tickets import eligibility_queries
from ticketing.tickets.eligibility import QuarantinedRow
from ticketing.tickets.missing import is_over
from ticketing.tickets.model import TicketState, normalise
from ticketing.tickets.reports import person_history_queries
from ticketing.tickets.reports.person_history_queries import EntitlementStory, TicketStory

_AT_THE_END = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened, by a run or job; without `at`, how things are now."""

    at: datetime | None
    what: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class Story:
    """One person, how each entitlement stands now, and the steps that led there."""

    guest_id: int
    full_name: str
    external_id: str | None
    standings: tuple[str, ...]
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """Everyone the question may mean, and the lines of imports that never became a person."""

    people: tuple[Story, ...]
    left_out: tuple[QuarantinedRow, ...]


def why(
    database: Database,
    event: Event,
    person: str,
    *,
    at: datetime,
    pdf_exists: Callable[[str], bool] | None = None,
) -> Answer:
    """What is known of a person, by external id, address, phone, ticket code, guest id or name.

    `pdf_exists` looks for a document by its stored path; without it nobody looks.
    """
    person = person.strip()
    if not person:
        return Answer((), ())
    with database.transaction() as connection:
        guests = person_history_queries.guests(connection, event.id, person, _as_code(person))
        ids = [guest.id for guest in guests]
        rights = eligibility_queries.of_guests(connection, event.id, ids, over=is_over(event, at))
        return Answer(
            people=tuple(
                Story(
                    guest_id=guest.id,
                    full_name=guest.full_name,
                    external_id=guest.external_id,
                    standings=tuple(r.reason for r in rights if r.guest_id == guest.id),
                    steps=_steps(connection, event, guest.id, pdf_exists or _nobody_looks),
                )
                for guest in guests
            ),
            left_out=tuple(person_history_queries.left_out(connection, event.id, person)),
        )


def _as_code(text: str) -> str | None:
    try:
        return normalise(text)
    except UnreadableCode:
        return None


def _nobody_looks(_: str) -> bool:
    return True


def _steps(
    connection: Connection, event: Event, guest_id: int, pdf_exists: Callable[[str], bool]
) -> tuple[Step, ...]:
    """Everything that happened to a person, in the order it happened."""
    entitlements = person_history_queries.entitlements(connection, guest_id)
    tickets = person_history_queries.tickets(
        connection, [entitled.attendee_id for entitled in entitlements]
    )
    steps = [step for entitled in entitlements for step in _entitled(entitled)]
    steps += [step for ticket in tickets for step in _ticket(ticket, pdf_exists)]
    steps += [
        Step(failure.created_at, f"no ticket: {failure.message}", f"job {failure.job_id}")
        for failure in person_history_queries.failures(connection, event.id, guest_id)
    ]
    return tuple(sorted(steps, key=lambda step: step.at or _AT_THE_END))


def _entitled(entitled: EntitlementStory) -> Iterator[Step]:
    if entitled.import_id is not None:
        line = f"read from {entitled.source_name} line {entitled.import_line}"
        yield Step(entitled.imported_at, line, f"import {entitled.import_id}")
    yield Step(entitled.created_at, f"entitled to a ticket by the {entitled.source}")


def _ticket(ticket: TicketStory, pdf_exists: Callable[[str], bool]) -> Iterator[Step]:
    job = f"job {ticket.job_id} ({ticket.batch_key})"
    if ticket.dagster_run_id:
        job += f", run {ticket.dagster_run_id}"
    yield Step(ticket.issued_at, f"ticket {ticket.ticket_code} issued", job)
    yield from _pdf(ticket, pdf_exists)
    if ticket.delivered_at:
        yield Step(ticket.delivered_at, f"ticket {ticket.ticket_code} delivered")
    if ticket.revoked_at:
        reason = f"ticket {ticket.ticket_code} revoked: {ticket.revoked_reason}"
        yield Step(ticket.revoked_at, reason)


def _pdf(ticket: TicketStory, pdf_exists: Callable[[str], bool]) -> Iterator[Step]:
    if ticket.pdf_file_path and ticket.generated_at:
        yield Step(ticket.generated_at, f"PDF written to {ticket.pdf_file_path}")
    if ticket.pdf_removed_at:
        yield Step(ticket.pdf_removed_at, "PDF removed when its time was over")
    elif ticket.pdf_file_path and not pdf_exists(ticket.pdf_file_path):
        yield Step(None, f"PDF {ticket.pdf_file_path} is not there any more: render it again")
    if ticket.render_error:
        yield Step(None, f"PDF of {ticket.ticket_code} failed: {ticket.render_error}")
    elif not ticket.pdf_file_path and ticket.state == TicketState.LIVE:
        yield Step(None, f"ticket {ticket.ticket_code} has no PDF yet")
