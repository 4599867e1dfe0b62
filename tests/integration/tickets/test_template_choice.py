"""Tests of the template of a ticket: the event's, unless a request chose one; codes stay."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pypdfium2
import pytest
from sqlalchemy import select

from ticketing.crypto.keyring import KeyRing
from ticketing.documents.file_store import DocumentFolder
from ticketing.documents.pdf_inspection import qr_text_of
from ticketing.documents.renderer import Renderer
from ticketing.documents.templates import TEMPLATE_FILE, TemplateFolders
from ticketing.events.model import Event
from ticketing.events.service import change_event
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.platform.kernel.errors import TemplateBroken
from ticketing.tickets.generate import GenerationContext, GenerationRequest, generate_tickets
from ticketing.tickets.template_choice import chosen_template, list_templates

A5_WIDTH, A6_WIDTH = 595, 298  # points: classic is A5 landscape, plain A6 portrait


@pytest.fixture
def generation_context(database: Database, keys: KeyRing, tmp_path: Path) -> GenerationContext:
    folder = DocumentFolder(tmp_path, min_free_disk=0)
    return GenerationContext(database, keys, Renderer(TemplateFolders()), folder)


@pytest.fixture
def printed(generation_context: GenerationContext) -> Callable[[], dict[int, tuple[str, int]]]:
    """Return a function that reads code and page width of each guest's PDF."""

    def read() -> dict[int, tuple[str, int]]:
        with generation_context.database.transaction() as connection:
            rows = connection.execute(select(generated_tickets)).mappings().all()
        found = {}
        for row in rows:
            pdf = generation_context.folder.read(row["pdf_file_path"])
            assert qr_text_of(pdf) == row["qr_code_data"]
            document = pypdfium2.PdfDocument(pdf)
            found[row["guest_id"]] = row["ticket_code"], round(document[0].get_width())
            document.close()
        return found

    return read


def test_tickets_follow_a_new_template_of_their_event_unless_a_request_chose_theirs(
    generation_context: GenerationContext,
    event: Event,
    now: datetime,
    add_guests: Callable[..., list[int]],
    printed: Callable[[], dict[int, tuple[str, int]]],
) -> None:
    ayu, budi = add_guests(event, 2)
    everyone = GenerationRequest(by="test", at=now)
    chosen = replace(everyone, guest_ids=[budi], template_id="classic")
    generate_tickets(generation_context, event, chosen)
    generate_tickets(generation_context, event, everyone)
    before = printed()

    changed = change_event(
        generation_context.database, event.slug, {"template_id": "plain"}, by="ani"
    )
    done = generate_tickets(generation_context, changed, everyone)

    assert (done.renewed, done.skipped) == (1, 1)
    assert printed() == {ayu: (before[ayu][0], A6_WIDTH), budi: (before[budi][0], A5_WIDTH)}


def test_a_template_is_chosen_for_an_existing_ticket_only_when_it_is_overwritten(
    generation_context: GenerationContext,
    event: Event,
    now: datetime,
    add_guests: Callable[..., list[int]],
    printed: Callable[[], dict[int, tuple[str, int]]],
) -> None:
    ayu, budi = add_guests(event, 2)
    generate_tickets(generation_context, event, GenerationRequest(by="test", at=now))
    request = GenerationRequest(by="test", at=now, guest_ids=[budi], template_id="plain")

    kept = generate_tickets(generation_context, event, request)
    replaced = generate_tickets(generation_context, event, replace(request, overwrite=True))

    assert (kept.skipped, replaced.renewed) == (1, 1)
    assert {guest: width for guest, (_, width) in printed().items()} == {
        ayu: A5_WIDTH,
        budi: A6_WIDTH,
    }


def test_a_template_keeps_its_number_when_others_come_and_go(
    database: Database, tmp_path: Path
) -> None:
    folders = TemplateFolders(tmp_path)
    numbers = [("classic", 2), ("plain", 3)]
    first = [(each.name, each.number) for each in list_templates(database, folders)]
    for name in ("badge", "award"):
        (tmp_path / name).mkdir()
        (tmp_path / name / TEMPLATE_FILE).touch()
        numbers.append((name, len(numbers) + 2))
        assert [(each.name, each.number) for each in list_templates(database, folders)] == numbers
    (tmp_path / "badge" / TEMPLATE_FILE).unlink()

    references = [chosen_template(database, folders, each) for each in (None, 1, 2, 5, "plain")]

    assert first == numbers[:2]
    assert references == [None, None, "classic", "award", "plain"]
    with pytest.raises(TemplateBroken, match=r"number 4 .*2 classic, 3 plain, 5 award; 1 is the"):
        chosen_template(database, folders, 4)
