"""From a kept notice to PDFs in one round, whatever happened before, killed wherever it was."""

import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from sqlalchemy import insert, text

from simulators.midtrans.server import MidtransSimulator
from ticketing.documents.file_store import DocumentFolder
from ticketing.events.model import Event
from ticketing.platform.application import Application
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.reporting import sales_checks
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.selling.payments.attempt_queries import PaymentAttempt
from ticketing.selling.payments.fulfil_paid import (
    FulfilmentLoop,
    FulfilmentResult,
    fulfil_paid_orders,
    has_overdue_work,
)
from ticketing.selling.payments.midtrans.client import Midtrans
from ticketing.tickets.generate import GenerationContext

pytestmark = pytest.mark.kill

Pay = Callable[..., PlacedOrder]
TAKEOVER_SECONDS = 30  # of the claims of a killed process; its lease would last for minutes
NO_TIME = timedelta(0)
UNDRAWABLE = "\ue000"  # for private use: no font has it

ROUND = """
import os, signal, sys
from datetime import UTC, datetime
from sqlalchemy import event
from ticketing.app.container import open_application
from ticketing.platform.settings import Settings
from ticketing.tickets.generate import GenerationContext
from ticketing.crypto.keyring import KeyRing
from ticketing.documents.renderer import Renderer
from ticketing.documents.file_store import DocumentFolder
from ticketing.selling.payments.fulfil_paid import fulfil_paid_orders
from ticketing.selling.payments.midtrans.client import Midtrans

left = int(sys.argv[1])

def die_at_last(*_):
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)

with open_application(Settings()) as application:
    get = application.get
    means = GenerationContext(
        application.database, get(KeyRing), get(Renderer), get(DocumentFolder)
    )
    event.listen(application.database.engine, "before_cursor_execute", die_at_last)
    event.listen(application.database.engine, "commit", die_at_last)
    fulfil_paid_orders(means, application.get(Midtrans), at=datetime.now(UTC), by="worker")
"""


@pytest.fixture
def die(
    run_script: Callable[..., CompletedProcess[str]], surroundings: dict[str, str]
) -> Callable[[int], int]:
    """A round in a process of its own that kills itself at its n-th statement or commit."""

    def run(when: int) -> int:
        return run_script(ROUND, str(when), environment=surroundings).returncode

    return run


@pytest.fixture
def broken_template(application: Application) -> Path:
    """The operator's own version of the event's template, with a mistake in it."""
    application.settings.templates_path = application.settings.data_path / "templates"
    page = application.settings.templates_path / "classic" / "ticket.html.j2"
    page.parent.mkdir(parents=True)
    page.write_text("{{ noSuchField }}", encoding="utf-8")
    return page


@pytest.fixture
def serve(means: GenerationContext, gateway: Midtrans) -> Callable[..., FulfilmentResult]:
    """One round, so long after now."""

    def once(after: timedelta = NO_TIME) -> FulfilmentResult:
        return fulfil_paid_orders(means, gateway, at=datetime.now(UTC) + after, by="worker")

    return once


@pytest.fixture
def pdfs(application: Application) -> Callable[[], list[Path]]:
    """The PDFs on disk."""
    return lambda: sorted(application.get(DocumentFolder).root.glob("*/*/TC-*.pdf"))


def test_a_paid_order_has_its_tickets_after_one_round(
    serve: Callable[..., FulfilmentResult], pay: Pay, printed: Callable[[], int]
) -> None:
    pay(places=3)

    done = serve()

    assert done.settlement.applied == 1
    assert [(each.event.slug, each.error) for each in done.event_fulfilments] == [
        ("wisuda-2026", "")
    ]
    assert printed() == 3


def test_a_second_round_finds_nothing_to_do(
    serve: Callable[..., FulfilmentResult], pay: Pay, pdfs: Callable[[], list[Path]]
) -> None:
    pay(places=2)
    serve()
    made = [pdf.stat().st_mtime_ns for pdf in pdfs()]

    again = serve()

    assert not again.has_progress
    assert [pdf.stat().st_mtime_ns for pdf in pdfs()] == made


def test_a_notice_of_an_attempt_that_is_not_paid_makes_no_ticket(
    serve: Callable[..., FulfilmentResult],
    order_positions: Callable[..., PlacedOrder],
    begin_payment: Callable[[PlacedOrder], PaymentAttempt],
    midtrans: MidtransSimulator,
    notify: Callable[[PaymentAttempt], None],
    printed: Callable[[], int],
) -> None:
    attempt = begin_payment(order_positions(2))
    midtrans.push(attempt.key, "choose", "bca_va")
    notify(attempt)

    done = serve()

    assert done.settlement.applied == 1
    assert (done.event_fulfilments, printed()) == ([], 0)


def test_a_roster_is_left_as_it_is(
    serve: Callable[..., FulfilmentResult], roster: Event, pay: Pay, printed: Callable[[], int]
) -> None:
    assert roster
    pay(places=1)

    serve()

    assert printed() == 1


def test_buyers_of_two_events_are_served_in_one_round(
    database: Database,
    event: Event,
    serve: Callable[..., FulfilmentResult],
    pay: Pay,
    printed: Callable[[], int],
) -> None:
    pay(places=1)
    with database.transaction() as connection:
        copy = (
            "INSERT INTO events (slug, name, starts_at, ends_at, time_zone, locale, venue, region)"
            " SELECT 'konser', 'Konser', starts_at, ends_at, time_zone, locale, venue, region"
            " FROM events WHERE id = :id RETURNING id"
        )
        other = connection.execute(text(copy), {"id": event.id}).scalar_one()
        kind = connection.execute(
            insert(ticket_types).values(event_id=other, name="A").returning(ticket_types.c.id)
        ).scalar_one()
        entitle = (
            "WITH who AS (INSERT INTO guests (event_id, natural_key, full_name)"
            " VALUES (:event, 'email:x', 'Sari') RETURNING id)"
            " INSERT INTO entitlements (event_id, guest_id, ticket_type_id, source)"
            " SELECT :event, id, :kind, 'order' FROM who"
        )
        connection.execute(text(entitle), {"event": other, "kind": kind})

    done = serve()

    assert sorted(each.event.slug for each in done.event_fulfilments) == ["konser", "wisuda-2026"]
    assert printed() == 2


def test_one_buyer_whose_ticket_cannot_be_printed_holds_nobody_up(
    serve: Callable[..., FulfilmentResult], pay: Pay, printed: Callable[[], int]
) -> None:
    pay(places=1, name=UNDRAWABLE)
    pay(places=1)

    first, again = serve(), serve()

    (served,) = first.event_fulfilments
    assert served.counts == {"created": 1, "renewed": 0, "failed": 1}
    assert printed() == 1
    assert not again.has_progress  # who failed rests


def test_a_broken_template_is_told_and_tried_again_after_a_minute(
    broken_template: Path,
    serve: Callable[..., FulfilmentResult],
    pay: Pay,
    printed: Callable[[], int],
) -> None:
    pay(places=1)

    first, soon = serve(), serve()
    broken_template.unlink()
    broken_template.parent.rmdir()
    later = serve(timedelta(minutes=2))

    assert "noSuchField" in first.event_fulfilments[0].error
    assert soon.event_fulfilments == []
    assert later.event_fulfilments[0].error == ""
    assert printed() == 1


@pytest.mark.parametrize("when", [2, 6, 12, 18, 24, 30, 36, 42, 50, 58, 66])
def test_a_killed_round_is_made_up_for_by_anybodys_next(
    *,
    database: Database,
    die: Callable[[int], int],
    serve: Callable[..., FulfilmentResult],
    pay: Pay,
    printed: Callable[[], int],
    pdfs: Callable[[], list[Path]],
    when: int,
) -> None:
    pay(places=2)

    killed = die(when)
    deadline = time.monotonic() + TAKEOVER_SECONDS
    while (printed(), len(pdfs())) != (2, 2) and time.monotonic() < deadline:
        serve()

    at = datetime.now(UTC) + timedelta(hours=1)
    assert killed == -signal.SIGKILL
    assert (printed(), len(pdfs())) == (2, 2)
    assert sales_checks.check_orders_fulfilled(database, at=at).holds
    assert sales_checks.check_stock_counts(database).holds


def test_rounds_go_on_until_it_is_quiet(
    means: GenerationContext, gateway: Midtrans, pay: Pay, printed: Callable[[], int]
) -> None:
    pay(places=1)
    told: list[FulfilmentResult] = []

    def then_another(service: FulfilmentResult) -> None:
        told.append(service)
        if len(told) == 2:
            pay(places=1)

    rounds = FulfilmentLoop(means, gateway, lambda: datetime.now(UTC), "dagster", then_another)
    rounds.run_until_idle(1.0, max_seconds=30)

    assert printed() == 2


def test_whoever_waits_is_known_to_until_served(
    database: Database, serve: Callable[..., FulfilmentResult], pay: Pay
) -> None:
    nobody = has_overdue_work(database, worker_grace=NO_TIME, at=datetime.now(UTC))
    pay(places=1)
    before = has_overdue_work(database, worker_grace=NO_TIME, at=datetime.now(UTC))
    serve()
    after = has_overdue_work(database, worker_grace=NO_TIME, at=datetime.now(UTC))

    assert (nobody, before, after) == (False, True, False)
