"""WhatsApp by hand and by the worker: planned, sent, stopped, reported, resumed."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from sqlalchemy import select, update

from simulators.whatsapp.faults import WhatsAppResponseFault
from simulators.whatsapp.server import WhatsAppSimulator
from tests.plugins.processes import ForkedProcess
from ticketing.events.model import Event
from ticketing.notifications import channel_queries
from ticketing.notifications.campaigns.send_tickets import apply_campaign, plan_campaign
from ticketing.notifications.delivery import Channel, DeliveryState
from ticketing.notifications.delivery_receipts import store_status_webhook
from ticketing.notifications.whatsapp.providers import WhatsAppProvider
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.notifications import deliveries
from ticketing.platform.db.tables.roster import guests

Ticketing = Callable[..., CompletedProcess[str]]


@pytest.fixture
def chats() -> Iterator[WhatsAppSimulator]:
    with WhatsAppSimulator() as simulator:
        simulator.faults.set(silent=True)
        yield simulator


@pytest.fixture
def surroundings(surroundings: dict[str, str], chats: WhatsAppSimulator) -> dict[str, str]:
    """Processes beside the test find the simulator, and may send one message a day."""
    return surroundings | {"WHATSAPP_SIMULATOR_URL": chats.url, "WHATSAPP_PER_DAY": "1"}


@pytest.fixture
def two_numbers(database: Database, issued: Event) -> Event:
    """An event whose tickets are printed; two of its guests have a number."""
    with database.transaction() as connection:
        for place in (0, 1):
            one = update(guests).where(guests.c.external_id == f"2026{place}")
            connection.execute(one.values(phone=f"+62811000000{place}"))
    return issued


@pytest.fixture
def blast(database: Database, two_numbers: Event) -> Callable[[], None]:
    """Leaves their tickets to be sent by WhatsApp."""

    def applied() -> None:
        by = (Channel.WHATSAPP,)
        plan = plan_campaign(database, two_numbers, channels=by)
        apply_campaign(database, two_numbers, plan_hash=plan.plan_hash, channels=by, by="cli")

    return applied


@pytest.fixture
def state(database: Database) -> Callable[[], list[DeliveryState]]:
    def look() -> list[DeliveryState]:
        query = select(deliveries.c.state).order_by(deliveries.c.id)
        with database.transaction() as connection:
            return [DeliveryState(each) for each in connection.execute(query).scalars()]

    return look


def test_a_blast_is_planned_with_its_end_and_goes_no_faster_than_it_may(
    ticketing: Ticketing, two_numbers: Event, chats: WhatsAppSimulator
) -> None:
    slug = two_numbers.slug
    plan = ticketing("campaigns", "plan", "--event", slug, "--by", "whatsapp")

    applied = ticketing(*plan.stdout.rpartition("To apply this plan:\n  ticketing ")[2].split())
    sent = ticketing("deliveries", "send")
    shown = ticketing("deliveries", "list", "--event", slug)
    wrong = ticketing("campaigns", "plan", "--event", slug, "--by", "pigeon")

    assert plan.stdout.startswith("By mail: 0. By WhatsApp: 2.\nNo address: 3 guests.")
    assert "The last WhatsApp message, after those queued already: " in plan.stdout
    assert applied.stdout == "Tickets queued: 2\n"
    waits = "WhatsApp: the last queued message is sent at about"
    assert (waits in sent.stdout, waits in shown.stdout) == (True, True)
    assert (len(chats.messages()), wrong.returncode) == (1, 2)


def test_one_that_waits_is_aborted_and_a_stopped_channel_resumed(
    ticketing: Ticketing, blast: Callable[[], None], database: Database,
    state: Callable[[], list[str]],
) -> None:  # fmt: skip
    blast()
    ticketing("deliveries", "send")
    with database.transaction() as connection:
        at = datetime.now(UTC)
        channel_queries.stop(connection, Channel.WHATSAPP, reason="too much failed", at=at)
        waits = connection.execute(
            select(deliveries.c.id).where(deliveries.c.next_attempt_at.is_not(None))
        ).scalar_one()

    examined = ticketing("doctor")
    aborted = ticketing("deliveries", "cancel", str(waits))
    resumed, again = (
        ticketing("deliveries", "resume-channel", "whatsapp"),
        ticketing("deliveries", "resume-channel", "mail"),
    )

    assert "nothing is sent until it is resumed; too much failed" in examined.stdout
    assert (aborted.returncode, state()) == (0, [DeliveryState.SENT, DeliveryState.FAILED])
    assert (resumed.stdout, again.returncode) == ("Resumed whatsapp.\n", 2)


def test_bounces_are_read_from_a_maildir(ticketing: Ticketing, tmp_path: Path) -> None:
    for folder in ("new", "cur", "tmp"):
        (tmp_path / "box" / folder).mkdir(parents=True)
        (tmp_path / "box" / folder / "1").write_text("Subject: Thank you\n\nfor the ticket")

    read = ticketing("deliveries", "read-bounces", str(tmp_path / "box"))
    missing = ticketing("deliveries", "read-bounces", str(tmp_path / "nothing"))

    assert read.stdout.startswith("2 mails read: 0 bounces applied")
    assert missing.returncode == 2


def test_a_worker_killed_while_it_sends_leaves_it_unknown_and_a_report_settles_it(
    blast: Callable[[], None], database: Database, chats: WhatsAppSimulator,
    hire: Callable[[], ForkedProcess], until: Callable[[Callable[[], bool]], None],
    state: Callable[[], list[str]],
) -> None:  # fmt: skip
    chats.faults.set(
        answers=[WhatsAppResponseFault("act-then-stall", path="/messages", seconds=60)]
    )
    worker = hire()
    blast()
    (taken,) = chats.world.messages(at_least=1, within_seconds=30)
    worker.kill()
    worker.wait()
    killed = state()

    status = {
        "id": taken.id, "status": "delivered", "timestamp": "1769860000",
        "recipient_id": taken.draft.to, "biz_opaque_callback_data": taken.draft.reference,
    }  # fmt: skip
    change = {"field": "messages", "value": {"statuses": [status]}}
    body = json.dumps({"entry": [{"changes": [change]}]}).encode()
    store_status_webhook(database, WhatsAppProvider.CLOUD, body, at=datetime.now(UTC))
    hire()
    until(lambda: DeliveryState.DELIVERED in state())

    assert DeliveryState.CLAIMED in killed
    assert DeliveryState.DELIVERED in state()
    assert len(chats.messages(taken.draft.to)) == 1
