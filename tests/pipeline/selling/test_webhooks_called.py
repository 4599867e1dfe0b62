"""Webhooks are called by the worker within seconds, and by Dagster when there is no worker."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.definitions.schedule_definition import ScheduleExecutionData

from simulators.hooks import WebhookReceiver
from tests.plugins.processes import ForkedProcess
from ticketing.crypto.keyring import KeyRing
from ticketing.platform.application import Application
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.webhooks.endpoints import add_endpoint, list_endpoint_calls
from ticketing.webhooks.model import CallState


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as somebody:
        yield somebody


@pytest.fixture
def told(application: Application, receiver: WebhookReceiver) -> Callable[[], list[CallState]]:
    """The receiver is told of everything; how its calls stand."""
    add_endpoint(
        application.database, application.get(KeyRing), name="shop", url=receiver.url,
        allow_loopback=True,
        at=datetime.now(UTC), by="cli",
    )  # fmt: skip
    return lambda: [
        call.state for call in list_endpoint_calls(application.database, "shop", limit=10)
    ]


def test_the_worker_calls_while_it_serves(
    hire: Callable[[], ForkedProcess], pay: Callable[..., PlacedOrder],
    until: Callable[[Callable[[], bool]], None], told: Callable[[], list[CallState]],
    receiver: WebhookReceiver,
) -> None:  # fmt: skip
    hire()

    pay()
    until(lambda: told() == [CallState.DELIVERED] * 3)

    assert len(set(receiver.ids())) == 3


def test_a_receiver_that_hangs_keeps_nobody_from_a_ticket(
    hire: Callable[[], ForkedProcess], pay: Callable[..., PlacedOrder],
    until: Callable[[Callable[[], bool]], None], told: Callable[[], list[CallState]],
    printed: Callable[[], int], receiver: WebhookReceiver,
) -> None:  # fmt: skip
    receiver.pause_seconds = 300
    hire()

    pay(places=2)
    until(lambda: printed() == 2)

    assert CallState.DELIVERED not in told()


@pytest.fixture
def tick(
    location: dg.Definitions, application: Application
) -> Callable[[datetime], ScheduleExecutionData]:
    """What the schedule asks for at some instant."""

    def evaluate(at: datetime) -> ScheduleExecutionData:
        context = dg.build_schedule_context(
            scheduled_execution_time=at, resources={"application": application}
        )
        schedule = location.resolve_schedule_def("send_webhooks_every_minute")
        return schedule.evaluate_tick(context)

    return evaluate


def test_dagster_calls_when_nobody_has_for_half_a_minute(
    location: dg.Definitions, tick: Callable[[datetime], ScheduleExecutionData],
    order_positions: Callable[..., PlacedOrder], told: Callable[[], list[CallState]],
) -> None:  # fmt: skip
    order_positions(1)
    now = datetime.now(UTC)

    fresh, overdue = tick(now), tick(now + timedelta(minutes=1))
    waiting = told()
    with dg.DagsterInstance.ephemeral() as instance:
        ended = location.resolve_job_def("webhooks").execute_in_process(instance=instance)
    after = tick(now + timedelta(minutes=2))

    assert (len(fresh.run_requests), len(overdue.run_requests)) == (0, 1)
    assert (waiting, told()) == ([CallState.WAITING], [CallState.DELIVERED])
    assert ended.success
    assert after.skip_message == "no webhook is overdue"
