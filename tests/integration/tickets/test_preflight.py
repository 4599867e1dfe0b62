# ruff: noqa: RUF001 - letters of every script are what is tested here
import time
from collections.abc import Callable

import pytest
from sqlalchemy import insert, text, update

from ticketing.documents.renderer import Renderer
from ticketing.documents.templates import TemplateFolders
from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.events import events as events_table
from ticketing.platform.db.tables.roster import entitlements, guests
from ticketing.platform.kernel.errors import TemplateBroken
from ticketing.tickets.rendering.preflight import run_preflight

INSERT_GUESTS = """
WITH crowd AS (
    INSERT INTO guests (event_id, natural_key, full_name, email)
    SELECT :event, 'id:' || n, 'Siti Nurhaliza ' || n, 'siti' || n || '@example.org'
    FROM generate_series(1, 100000) AS n RETURNING id)
INSERT INTO entitlements (event_id, guest_id, ticket_type_id, seat)
SELECT :event, id, :kind, 'A-' || id FROM crowd
"""


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer(TemplateFolders())


@pytest.fixture
def ticket_type_id(database: Database, event: Event) -> int:
    with database.transaction() as connection:
        return connection.execute(
            insert(ticket_types)
            .values(event_id=event.id, name="Wisudawan")
            .returning(ticket_types.c.id)
        ).scalar_one()


@pytest.fixture
def roster(database: Database, event: Event, ticket_type_id: int) -> Callable[..., dict[str, int]]:
    """Return a function that adds guests by name; returns their ids."""

    def put(*names: str, seat: str = "A-1", state: str = "entitled") -> dict[str, int]:
        ids = {}
        with database.transaction() as connection:
            for name in names:
                ids[name] = connection.execute(
                    insert(guests)
                    .values(event_id=event.id, natural_key=f"id:{name}", full_name=name)
                    .returning(guests.c.id)
                ).scalar_one()
                connection.execute(
                    insert(entitlements).values(
                        event_id=event.id,
                        guest_id=ids[name],
                        ticket_type_id=ticket_type_id,
                        seat=seat,
                        state=state,
                    )
                )
        return ids

    return put


@pytest.fixture
def many_guests(database: Database, event: Event, ticket_type_id: int) -> int:
    """Create a hundred thousand guests; return their number."""
    with database.transaction() as connection:
        connection.execute(text(INSERT_GUESTS), {"event": event.id, "kind": ticket_type_id})
    return 100_000


def test_every_guest_with_a_character_that_no_font_draws_is_listed(
    database: Database, event: Event, renderer: Renderer, roster: Callable[..., dict[str, int]]
) -> None:
    ids = roster("Ayu", "Budi \ue000\ue001", "ꦱꦸꦥꦿꦪꦠ꧀ꦤ", "王小明", "Siti \u0378")

    findings = list(run_preflight(database, event, renderer=renderer))

    assert [(f.guest_id, f.full_name, f.field, f.characters) for f in findings] == [
        (ids["Budi \ue000\ue001"], "Budi \ue000\ue001", "fullName", "\ue000\ue001"),
        (ids["Siti \u0378"], "Siti \u0378", "fullName", "\u0378"),
    ]
    assert "U+E000" in findings[0].reason


def test_every_guest_whose_text_cannot_fit_is_listed(
    database: Database, event: Event, renderer: Renderer, roster: Callable[..., dict[str, int]]
) -> None:
    roster("Ayu")
    roster("Budi", seat="Row " * 500)
    roster("W" * 3000)

    findings = list(run_preflight(database, event, renderer=renderer))

    assert [(finding.full_name[:4], finding.field) for finding in findings] == [
        ("Budi", "seat"),
        ("WWWW", "fullName"),
    ]
    assert "shorten it" in findings[0].reason


def test_a_roster_that_can_be_rendered_has_no_finding(
    database: Database, event: Event, renderer: Renderer, roster: Callable[..., dict[str, int]]
) -> None:
    roster("Ayu", "Nguyễn Thị Phương Quỳnh", "محمد الأمين", "José O’Brien-Núñez")

    assert list(run_preflight(database, event, renderer=renderer)) == []


def test_withdrawn_guests_are_not_listed(
    database: Database, event: Event, renderer: Renderer, roster: Callable[..., dict[str, int]]
) -> None:
    roster("Budi \ue000", state="withdrawn")

    assert list(run_preflight(database, event, renderer=renderer)) == []


def test_the_reason_depends_on_the_requested_template(
    database: Database, event: Event, renderer: Renderer, roster: Callable[..., dict[str, int]]
) -> None:
    roster("Wolfeschlegelsteinhausenbergerdorff " * 40)

    on_classic = list(run_preflight(database, event, renderer=renderer))
    on_plain = list(run_preflight(database, event, renderer=renderer, template_id="plain"))

    assert [finding.reason for finding in on_classic] != [finding.reason for finding in on_plain]


def test_an_event_name_that_cannot_be_drawn_is_a_finding_for_every_guest(
    database: Database, event: Event, renderer: Renderer, roster: Callable[..., dict[str, int]]
) -> None:
    roster("Ayu", "Budi")
    with database.transaction() as connection:
        connection.execute(update(events_table).values(venue="Hall \ue000"))

    findings = list(run_preflight(database, event, renderer=renderer))

    assert [finding.field for finding in findings] == ["location", "location"]


def test_a_broken_template_is_found_before_any_guest_is_checked(
    database: Database, event: Event, renderer: Renderer
) -> None:
    with pytest.raises(TemplateBroken, match="no template 'nobody'"):
        next(run_preflight(database, event, renderer=renderer, template_id="nobody"))


@pytest.mark.slow
def test_a_hundred_thousand_guests_are_checked_in_seconds(
    database: Database, event: Event, renderer: Renderer, many_guests: int
) -> None:
    began = time.process_time()

    findings = list(run_preflight(database, event, renderer=renderer))

    assert findings == []
    assert time.process_time() - began < 10
    assert many_guests == 100_000
