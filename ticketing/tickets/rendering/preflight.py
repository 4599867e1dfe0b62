"""Preflight: find tickets that cannot be rendered, so that names are corrected beforehand."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ticketing.documents.renderer import Renderer
from ticketing.documents.template_context import SAMPLE_TICKET
from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.db.paging import iter_rows
from ticketing.tickets.rendering import entitled_queries

PAGE_SIZE = 5000


@dataclass(frozen=True, slots=True)
class PreflightFinding:
    """A guest, the field that cannot be rendered, undrawable characters if any, and the reason.

    A note says what is left out of a ticket that is rendered.
    """

    guest_id: int
    full_name: str
    field: str
    characters: str
    reason: str
    is_note: bool = False


def run_preflight(
    database: Database, event: Event, *, renderer: Renderer, template_id: str | None = None
) -> Iterator[PreflightFinding]:
    """Check all entitled guests, with or without tickets, with constant memory.

    It is fast because nothing is laid out. Raises TemplateBroken for a broken template.
    """
    objections_to = renderer.preflight_checker(template_id or event.template_id)
    people = iter_rows(
        database,
        lambda connection, last_id: entitled_queries.list_entitled(
            connection, event.id, after=last_id, count=PAGE_SIZE
        ),
        key=lambda person: person.entitlement_id,
    )
    for person in people:
        # the ticket that the guest would get, with the identity of the sample ticket
        for objection in objections_to(replace(SAMPLE_TICKET, **person.ticket_fields)):
            yield PreflightFinding(
                person.guest_id,
                person.full_name,
                objection.field,
                objection.characters,
                objection.reason,
                objection.is_note,
            )
