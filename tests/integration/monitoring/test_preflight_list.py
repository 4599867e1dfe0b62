"""The preflight list of an event names what to repair, how many there are, and the command."""

from collections.abc import Callable
from datetime import datetime

import pytest
from sqlalchemy import insert, update

from ticketing.documents.renderer import Renderer
from ticketing.documents.template_checker import TemplateChecker
from ticketing.documents.templates import TemplateFolders
from ticketing.events.model import Event
from ticketing.monitoring.preflight.checks import list_event_items
from ticketing.monitoring.preflight.item import PreflightItem, Severity
from ticketing.platform.db.database import Database
from ticketing.platform.db.notify import listen
from ticketing.platform.db.tables.notifications import opt_outs
from ticketing.platform.db.tables.roster import guests

CheckEvent = Callable[[], dict[str, PreflightItem]]


@pytest.fixture
def check_event(database: Database, event: Event, now: datetime) -> CheckEvent:
    """Return a function that returns the items by subject."""
    folders = TemplateFolders()
    renderer, templates = Renderer(folders), TemplateChecker(folders)

    def check() -> dict[str, PreflightItem]:
        items = list_event_items(database, event, renderer=renderer, templates=templates, at=now)
        return {item.subject: item for item in items}

    return check


def test_an_event_without_guests_has_nothing_to_repair(
    database: Database, check_event: CheckEvent
) -> None:
    with listen(database):
        items = check_event()

    assert {item.severity for item in items.values()} == {Severity.OK}


def test_everything_to_repair_is_counted_with_examples_and_a_command(
    database: Database, event: Event, check_event: CheckEvent, add_guests: Callable[..., list[int]]
) -> None:
    unreachable, quiet, first, second, unprintable = add_guests(event, 5)
    add_guests(event, 1, hold_reason="not paid")
    changes = {
        unreachable: {"email": "", "phone": ""},
        quiet: {"phone": ""},
        first: {"full_name": "Siti Nurhaliza", "email": "siti@example.org"},
        second: {"full_name": "Nurhalizah, Siti", "email": "siti@example.org"},
        unprintable: {"full_name": "Ayu \ue000"},
    }
    with database.transaction() as connection:
        for guest_id, values in changes.items():
            connection.execute(update(guests).where(guests.c.id == guest_id).values(values))
        connection.execute(
            insert(opt_outs).values(address="guest2@example.org", opted_out_at=event.starts_at)
        )

    items = check_event()

    found = {subject: item.count for subject, item in items.items() if item.count}
    assert found == {
        "names that cannot be printed": 1,
        "guests without a ticket": 5,
        "guests on hold, unpaid ones too": 1,
        "one contact with two spellings of a name": 1,
        "guests who cannot be reached": 2,
        "worker": 1,
    }
    blocking = {one.subject for one in items.values() if one.severity is Severity.BLOCKING}
    assert blocking == {"names that cannot be printed", "guests without a ticket"}
    assert items["guests without a ticket"].command.startswith("ticketing generate-tickets")
    assert items["guests on hold, unpaid ones too"].examples == ("on hold: not paid: 1",)
    spelling = items["one contact with two spellings of a name"]
    assert set(spelling.examples[0].split(" / ")) == {"Siti Nurhaliza", "Nurhalizah, Siti"}
