"""Tests of one fulfilment round, from a stored notification to PDFs, killed at any statement."""

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
def run_killed(
    run_script: Callable[..., CompletedProcess[str]], process_environment: dict[str, str]
) -> Callable[[int], int]:
    """Return a function that runs a round in a process that kills itself at the n-th statement."""

    def run(when: int) -> int:
        return run_script(ROUND, str(when), environment=process_environment).returncode

    return run


@pytest.fixture
def broken_template(application: Application) -> Path:
    """Write an operator's version of the event's template that has an error."""
    application.settings.templates_path = application.settings.data_path / "templates"
    page = application.settings.templates_path / "classic" / "ticket.html.j2"
    page.parent.mkdir(parents=True)
    page.write_text("{{ noSuchField }}", encoding="utf-8")
    return page


@pytest.fixture
def fulfil(
    generation_context: GenerationContext, gateway: Midtrans
) -> Callable[..., FulfilmentResult]:
    """Return a function that runs one round, some time later."""

    def once(after: timedelta = NO_TIME) -> FulfilmentResult:
        return fulfil_paid_orders(
            generation_context, gateway, at=datetime.now(UTC) + after, by="worker"
        )

    return once


@pytest.fixture
def pdfs(application: Application) -> Callable[[], list[Path]]:
    """Return a function that lists the PDFs on disk."""
    return lambda: sorted(application.get(DocumentFolder).root.glob("*/*/TC-*.pdf"))


def test_a_paid_order_has_its_tickets_after_one_round(
    fulfil: Callable[..., FulfilmentResult], pay: Pay, count_printed: Callable[[], int]
) -> None:
    pay(places=3)

    done = fulfil()

    assert done.settlement.applied == 1
    assert [(each.event.slug, each.error) for each in done.event_fulfilments] == [
        ("wisuda-2026", "")
    ]
    assert count_printed() == 3


def test_a_second_round_finds_nothing_to_do(
    fulfil: Callable[..., FulfilmentResult], pay: Pay, pdfs: Callable[[], list[Path]]
) -> None:
    pay(places=2)
    fulfil()
    made = [pdf.stat().st_mtime_ns for pdf in pdfs()]

    again = fulfil()

    assert not again.has_progress
    assert [pdf.stat().st_mtime_ns for pdf in pdfs()] == made


def test_a_notification_of_an_unpaid_attempt_creates_no_ticket(
    fulfil: Callable[..., FulfilmentResult],
    order_positions: Callable[..., PlacedOrder],
    begin_payment: Callable[[PlacedOrder], PaymentAttempt],
    midtrans: MidtransSimulator,
    notify: Callable[[PaymentAttempt], None],
    count_printed: Callable[[], int],
) -> None:
    attempt = begin_payment(order_positions(2))
    midtrans.push(attempt.key, "choose", "bca_va")
    notify(attempt)

    done = fulfil()

    assert done.settlement.applied == 1
    assert (done.event_fulfilments, count_printed()) == ([], 0)


def test_guests_of_a_roster_get_no_tickets(
    fulfil: Callable[..., FulfilmentResult],
    roster: Event,
    pay: Pay,
    count_printed: Callable[[], int],
) -> None:
    assert roster
    pay(places=1)

    fulfil()

    assert count_printed() == 1


def test_orders_of_two_events_are_fulfilled_in_one_round(
    database: Database,
    event: Event,
    fulfil: Callable[..., FulfilmentResult],
    pay: Pay,
    count_printed: Callable[[], int],
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

    done = fulfil()

    assert sorted(each.event.slug for each in done.event_fulfilments) == ["konser", "wisuda-2026"]
    assert count_printed() == 2


def test_a_buyer_whose_ticket_cannot_be_rendered_delays_no_other(
    fulfil: Callable[..., FulfilmentResult], pay: Pay, count_printed: Callable[[], int]
) -> None:
    pay(places=1, name=UNDRAWABLE)
    pay(places=1)

    first, again = fulfil(), fulfil()

    (served,) = first.event_fulfilments
    assert served.counts == {"created": 1, "renewed": 0, "failed": 1}
    assert count_printed() == 1
    assert not again.has_progress  # who failed rests


def test_a_broken_template_is_reported_and_retried_after_a_minute(
    broken_template: Path,
    fulfil: Callable[..., FulfilmentResult],
    pay: Pay,
    count_printed: Callable[[], int],
) -> None:
    pay(places=1)

    first, soon = fulfil(), fulfil()
    broken_template.unlink()
    broken_template.parent.rmdir()
    later = fulfil(timedelta(minutes=2))

    assert "noSuchField" in first.event_fulfilments[0].error
    assert soon.event_fulfilments == []
    assert later.event_fulfilments[0].error == ""
    assert count_printed() == 1


@pytest.mark.parametrize("when", [2, 6, 12, 18, 24, 30, 36, 42, 50, 58, 66])
def test_a_killed_round_is_completed_by_the_next_of_any_process(
    *,
    database: Database,
    run_killed: Callable[[int], int],
    fulfil: Callable[..., FulfilmentResult],
    pay: Pay,
    count_printed: Callable[[], int],
    pdfs: Callable[[], list[Path]],
    when: int,
) -> None:
    pay(places=2)

    killed = run_killed(when)
    deadline = time.monotonic() + TAKEOVER_SECONDS
    while (count_printed(), len(pdfs())) != (2, 2) and time.monotonic() < deadline:
        fulfil()

    at = datetime.now(UTC) + timedelta(hours=1)
    assert killed == -signal.SIGKILL
    assert (count_printed(), len(pdfs())) == (2, 2)
    assert sales_checks.check_orders_fulfilled(database, at=at).holds
    assert sales_checks.check_stock_counts(database).holds


def test_rounds_continue_until_no_work_is_left(
    generation_context: GenerationContext,
    gateway: Midtrans,
    pay: Pay,
    count_printed: Callable[[], int],
) -> None:
    pay(places=1)
    told: list[FulfilmentResult] = []

    def then_another(service: FulfilmentResult) -> None:
        told.append(service)
        if len(told) == 2:
            pay(places=1)

    rounds = FulfilmentLoop(
        generation_context, gateway, lambda: datetime.now(UTC), "dagster", then_another
    )
    rounds.run_until_idle(1.0, max_seconds=30)

    assert count_printed() == 2


def test_paid_orders_are_overdue_work_until_fulfilled(
    database: Database, fulfil: Callable[..., FulfilmentResult], pay: Pay
) -> None:
    nobody = has_overdue_work(database, worker_grace=NO_TIME, at=datetime.now(UTC))
    pay(places=1)
    before = has_overdue_work(database, worker_grace=NO_TIME, at=datetime.now(UTC))
    fulfil()
    after = has_overdue_work(database, worker_grace=NO_TIME, at=datetime.now(UTC))

    assert (nobody, before, after) == (False, True, False)
