"""Tests of mail sent by the worker: killed while sending, no message is doubled by mistake."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.definitions.sensor_definition import SensorExecutionData
from sqlalchemy import select

from simulators.mail.faults import MailFault
from simulators.mail.server import MailSimulator
from tests.plugins.processes import ForkedProcess
from ticketing.notifications.deliver import MessagingConnector, deliver_due
from ticketing.notifications.delivery import DeliveryState
from ticketing.platform.application import Application
from ticketing.platform.db import notify
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.notifications import deliveries
from ticketing.platform.settings import Settings
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.selling.payments.fulfil_paid import fulfil_paid_orders

pytestmark = pytest.mark.kill

BUYER = "buyer1@example.org"


@pytest.fixture
def mails() -> Iterator[MailSimulator]:
    with MailSimulator() as simulator:
        yield simulator


@pytest.fixture
def mail_settings(mails: MailSimulator) -> dict[str, str]:
    return {
        "MAIL_URL": f"smtp://{mails.host}:{mails.port}",
        "MAIL_FROM": "Panitia Wisuda <tiket@example.org>",
        "ORGANISER_EMAIL": "panitia@example.org",
    }


@pytest.fixture
def process_environment(
    process_environment: dict[str, str], mail_settings: dict[str, str]
) -> dict[str, str]:
    """Add the mail server to the environment of child processes."""
    return process_environment | mail_settings


@pytest.fixture
def settings(settings: Settings, mail_settings: dict[str, str]) -> Settings:
    """Add the mail server to the settings."""
    given = Settings.model_validate(mail_settings)
    wanted = ("mail_url", "mail_from", "organiser_email")
    return settings.model_copy(update={name: getattr(given, name) for name in wanted})


@pytest.fixture
def states(database: Database) -> Callable[[], list[str]]:
    def fetch() -> list[str]:
        with database.transaction() as connection:
            return sorted(connection.execute(select(deliveries.c.state)).scalars())

    return fetch


def test_the_worker_mails_the_tickets_and_logs_no_address(
    start_worker: Callable[[], ForkedProcess], pay: Callable[..., PlacedOrder],
    mails: MailSimulator,
    wait_until: Callable[[Callable[[], bool]], None], states: Callable[[], list[str]],
    settings: Settings,
) -> None:  # fmt: skip
    start_worker()

    pay(places=2)
    wait_until(lambda: states() == ["sent", "sent"])

    (mail,) = mails.mails(BUYER)
    assert len(mail.files) == 2
    log = settings.log_file.read_text(encoding="utf-8")
    assert "messages sent" in log
    assert re.findall(r"[\w.]+@[\w.]+", log) == []


def test_a_message_killed_before_the_response_is_unknown_and_resent_with_the_same_id(
    start_worker: Callable[[], ForkedProcess], pay: Callable[..., PlacedOrder],
    mails: MailSimulator,
    wait_until: Callable[[Callable[[], bool]], None], states: Callable[[], list[str]],
    application: Application,
) -> None:  # fmt: skip
    mails.faults.meets.append(MailFault("accepted", "", seconds=60, to=BUYER))
    worker = start_worker()

    pay()
    mails.box.mails(BUYER, at_least=1, within_seconds=30)
    wait_until(lambda: "sent" in states())  # the organiser's
    worker.kill()
    worker.wait()
    at = datetime.now(UTC)
    start_worker()  # another one notices within seconds, and sends nothing twice on a guess
    wait_until(lambda: states() == ["sent", "unknown"])
    with application.get(MessagingConnector).connect() as mailroom:
        rounds = [
            deliver_due(application.database, mailroom, at=at + timedelta(minutes=minutes)).sent
            for minutes in (5, 11, 22)
        ]

    assert rounds == [0, 1, 0]
    assert len({mail.message["Message-ID"] for mail in mails.mails(BUYER)}) == 1


@pytest.fixture
def tick(location: dg.Definitions, application: Application) -> Callable[[], SensorExecutionData]:
    """Return a function that evaluates the sensor of overdue deliveries."""

    def evaluate() -> SensorExecutionData:
        sensor = location.resolve_sensor_def("overdue_deliveries")
        with dg.DagsterInstance.ephemeral() as instance:
            return sensor.evaluate_tick(
                dg.build_sensor_context(instance=instance, resources={"application": application})
            )

    return evaluate


def test_dagster_sends_messages_without_a_worker(
    location: dg.Definitions, pay: Callable[..., PlacedOrder], generation_context: object,
    gateway: object,
    states: Callable[[], list[str]], tick: Callable[[], SensorExecutionData],
    application: Application,
) -> None:  # fmt: skip
    pay()
    now = datetime.now(UTC)
    fulfil_paid_orders(generation_context, gateway, at=now, by="sensor")  # type: ignore[arg-type]  # the fixtures' own

    with notify.listen(application.database):
        fresh = tick()
    overdue = tick()
    with dg.DagsterInstance.ephemeral() as instance:
        ended = location.resolve_job_def("deliver_messages").execute_in_process(instance=instance)
    after = tick()

    assert (len(fresh.run_requests or []), len(overdue.run_requests or [])) == (0, 1)
    assert ended.success
    assert states() == [DeliveryState.SENT] * 2
    assert after.skip_message == "no message is overdue"
