"""The live tickets of an event as one PDF, streamed while it is made; nothing is stored.

The same tickets, templates and layout give the same bytes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from ticketing.documents.print_run.print_run import PrintRun
from ticketing.documents.print_run.sheet_layout import SheetLayout
from ticketing.documents.renderer import Renderer
from ticketing.documents.stamping.stamper import DrawnPage
from ticketing.documents.template_renderer import TemplateRenderer
from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import Refused
from ticketing.tickets.guest_filter import EVERYBODY, GuestFilter
from ticketing.tickets.printing import print_queries
from ticketing.tickets.rendering import queries
from ticketing.tickets.rendering.queries import TicketDocument

CHUNK = 500  # tickets that share the fonts of their other scripts


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A ticket that cannot be printed, and the reason."""

    ticket_code: str
    reason: str


@dataclass(slots=True)
class PrintedTickets:
    """Counts of a print run, complete when its last part was read."""

    total: int = 0
    printed: int = 0
    left_out: list[LeftOut] = field(default_factory=list)


class NothingToPrint(Refused):
    """The event has no live ticket that matches."""


def print_tickets(  # all options of the API and the command
    database: Database,
    renderer: Renderer,
    event: Event,
    *,
    wanted: GuestFilter = EVERYBODY,
    layout: SheetLayout | None = None,
    counts: PrintedTickets | None = None,
) -> Iterator[bytes]:
    """Return the parts of the PDF, in the sort order of `wanted`, which are made as they are read.

    Tickets that were issued or revoked later are as of the moment their chunk is read. Raises
    UnusableFilter or NothingToPrint at once, DoesNotFitSheet with the first part. Tickets that
    cannot be rendered are listed on the last page.
    """
    ids = database.run(print_queries.list_ids_in_order, event.id, wanted)
    if not ids:
        raise NothingToPrint(
            f"{event.slug} has no ticket to print, or none that matches;"
            f" run `ticketing generate-tickets --event {event.slug}`"
        )
    done = PrintedTickets() if counts is None else counts
    done.total = len(ids)
    return _parts(database, renderer, event, ids, layout, done)


def _parts(  # noqa: PLR0917  # the arguments of `print_tickets`
    database: Database,
    renderer: Renderer,
    event: Event,
    ids: Sequence[int],
    layout: SheetLayout | None,
    done: PrintedTickets,
) -> Iterator[bytes]:
    parts: list[bytes] = []
    run = PrintRun(parts.append, layout, title=event.name)
    for at in range(0, len(ids), CHUNK):
        chunk = list(ids[at : at + CHUNK])
        by_id = {
            each.ticket.ticket_id: each for each in database.run(queries.list_documents, chunk)
        }
        documents = [by_id[each] for each in chunk if each in by_id]
        for template_id, group in groupby(documents, key=lambda each: each.template_id):
            template = renderer.open(template_id)
            run.add(template, list(_drawn(template, list(group), done)))
        yield b"".join(parts)
        parts.clear()
    if done.left_out:
        heading = f"{len(done.left_out)} tickets are not in this file"
        run.add_text(heading, [f"{each.ticket_code}: {each.reason}" for each in done.left_out])
    run.finish(f"{event.slug} {len(ids)}")
    yield b"".join(parts)


def _drawn(
    template: TemplateRenderer, documents: Sequence[TicketDocument], done: PrintedTickets
) -> Iterator[DrawnPage]:
    template.prepare(document.ticket for document in documents)
    for document in documents:
        try:
            page = template.draw(document.ticket)
        except Refused as refusal:
            done.left_out.append(LeftOut(document.ticket.ticket_code, str(refusal)))
            continue
        done.printed += 1
        yield page
