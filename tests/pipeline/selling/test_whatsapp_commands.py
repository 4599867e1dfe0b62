"""Tests of WhatsApp campaigns by command and worker: plan, send, stop, report, resume."""

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
from ticketing.notifications.alert_digest import enqueue_alert_digest
from ticketing.notifications.campaigns.send_tickets import apply_campaign, plan_campaign
from ticketing.notifications.channels import acknowledgement_queries
from ticketing.notifications.delivery import Channel, DeliveryState
from ticketing.notifications.inbound.process_webhooks import store_status_webhook
from ticketing.notifications.whatsapp.providers import WhatsAppProvider
from ticketing.platform.db import incidents
from ticketing.platform.db.database import Database
from ticketing.platform.db.incidents import IncidentKind, Occurrence
from ticketing.platform.db.tables.notifications import deliveries
from ticketing.platform.db.tables.roster import guests

Ticketing = Callable[..., CompletedProcess[str]]


@pytest.fixture
def whatsapp_simulator() -> Iterator[WhatsAppSimulator]:
    with WhatsAppSimulator() as simulator:
        simulator.faults.set(silent=True)
        yield simulator


@pytest.fixture
def process_environment(
    process_environment: dict[str, str], whatsapp_simulator: WhatsAppSimulator
) -> dict[str, str]:
    """Add the simulator and a limit of one message a day to child processes."""
    return process_environment | {
        "WHATSAPP_SIMULATOR_URL": whatsapp_simulator.url,
        "WHATSAPP_PER_DAY": "1",
    }


@pytest.fixture
def event_with_numbers(database: Database, issued: Event) -> Event:
    """Create an event with printed tickets and phone numbers of two guests."""
    with database.transaction() as connection:
        for place in (0, 1):
            one = update(guests).where(guests.c.external_id == f"2026{place}")
            connection.execute(one.values(phone=f"+62811000000{place}"))
    return issued


@pytest.fixture
def apply_campaign_plan(database: Database, event_with_numbers: Event) -> Callable[[], None]:
    """Return a function that applies a campaign of their tickets by WhatsApp."""

    def applied() -> None:
        by = (Channel.WHATSAPP,)
        plan = plan_campaign(database, event_with_numbers, channels=by)
        apply_campaign(
            database, event_with_numbers, plan_hash=plan.plan_hash, channels=by, by="cli"
        )

    return applied


@pytest.fixture
def state(database: Database) -> Callable[[], list[DeliveryState]]:
    def fetch() -> list[DeliveryState]:
        query = select(deliveries.c.state).order_by(deliveries.c.id)
        with database.transaction() as connection:
            return [DeliveryState(each) for each in connection.execute(query).scalars()]

    return fetch


@pytest.mark.slow
def test_a_campaign_is_planned_with_its_end_and_keeps_the_rate_limit(
    ticketing: Ticketing, event_with_numbers: Event, whatsapp_simulator: WhatsAppSimulator
) -> None:
    slug = event_with_numbers.slug
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
    assert (len(whatsapp_simulator.messages()), wrong.returncode) == (1, 2)


def test_a_waiting_message_is_aborted_and_a_stopped_channel_resumed(
    ticketing: Ticketing, apply_campaign_plan: Callable[[], None], database: Database,
    state: Callable[[], list[str]],
) -> None:  # fmt: skip
    apply_campaign_plan()
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


def test_a_stop_without_a_number_is_listed_and_ended_with_the_number_that_staff_found(
    ticketing: Ticketing, database: Database
) -> None:
    payload = {"from": "100000000000001@lid", "body": "STOP", "fromMe": False}
    body = json.dumps({"event": "message", "payload": payload}).encode()
    store_status_webhook(database, WhatsAppProvider.WAHA, body, at=datetime.now(UTC))
    ticketing("deliveries", "send")

    (listed,) = json.loads(ticketing("deliveries", "inbound", "list", "--json").stdout)
    number = str(listed["id"])
    shown = ticketing("deliveries", "inbound", "show", number)
    wrong = ticketing("deliveries", "inbound", "opt-out", number, "nobody")
    ended = ticketing("deliveries", "inbound", "opt-out", number, "+6281234567890")
    again = ticketing("deliveries", "inbound", "dismiss", number)

    assert listed["reason"] == "STOP from a sender whose number is not known"
    assert listed["senders"] == ["100000000000001@lid"]
    assert shown.stdout == f"{body.decode()}\n"
    assert "or +62" in wrong.stderr
    assert ended.stdout == "+6281234567890: recorded.\n"
    assert (again.returncode, "inbound list" in again.stderr) == (2, True)


def test_what_waha_never_sends_goes_by_mail_as_the_settings_say(
    ticketing: Ticketing, database: Database, apply_campaign_plan: Callable[[], None],
    whatsapp_simulator: WhatsAppSimulator, state: Callable[[], list[DeliveryState]],
) -> None:  # fmt: skip
    own = {
        "WHATSAPP_PROVIDER": "waha", "WHATSAPP_URL": whatsapp_simulator.url,
        "WHATSAPP_TOKEN": "waha-simulator", "WHATSAPP_PER_DAY": "9",
        "WHATSAPP_MIN_INTERVAL_SECONDS": "0", "WHATSAPP_ACKNOWLEDGEMENT_MINUTES": "0.001",
        "ORGANISER_WHATSAPP": "+6281234567890", "WEB_PUBLIC_URL": "https://t.example",
    }  # fmt: skip
    at = datetime.now(UTC)
    with database.transaction() as connection:
        acknowledgement_queries.note_acknowledgement(connection, Channel.WHATSAPP, at=at)
        incidents.record_occurrence(
            connection, Occurrence("router:1", IncidentKind.ROUTER, "router 1 is down", at)
        )
    enqueue_alert_digest(database, at=at)
    apply_campaign_plan()
    whatsapp_simulator.faults.set(unacknowledged=9)

    for _ in range(2):
        sent = ticketing("deliveries", "send", **own)

    assert sent.returncode == 0, sent.stderr
    assert len(whatsapp_simulator.messages()) == 3
    assert len(whatsapp_simulator.messages("6281234567890")) == 1
    assert state().count(DeliveryState.FAILED) == 3
    assert state().count(DeliveryState.SENT) >= 2


def test_a_message_of_a_killed_worker_is_unknown_until_a_receipt(
    apply_campaign_plan: Callable[[], None], database: Database,
    whatsapp_simulator: WhatsAppSimulator,
    start_worker: Callable[[], ForkedProcess], wait_until: Callable[[Callable[[], bool]], None],
    state: Callable[[], list[str]],
) -> None:  # fmt: skip
    whatsapp_simulator.faults.set(
        answers=[WhatsAppResponseFault("act-then-stall", path="/messages", seconds=60)]
    )
    worker = start_worker()
    apply_campaign_plan()
    (taken,) = whatsapp_simulator.world.messages(at_least=1, within_seconds=30)
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
    start_worker()
    wait_until(lambda: DeliveryState.DELIVERED in state())

    assert DeliveryState.CLAIMED in killed
    assert DeliveryState.DELIVERED in state()
    assert len(whatsapp_simulator.messages(taken.draft.to)) == 1
