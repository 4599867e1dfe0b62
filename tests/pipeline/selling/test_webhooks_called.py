"""Tests of webhook calls by the worker, and by Dagster without a worker."""

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
def call_states(
    application: Application, receiver: WebhookReceiver
) -> Callable[[], list[CallState]]:
    """Add the receiver as an endpoint; return a function that reads the states of its calls."""
    add_endpoint(
        application.database, application.get(KeyRing), name="shop", url=receiver.url,
        allow_loopback=True,
        at=datetime.now(UTC), by="cli",
    )  # fmt: skip
    return lambda: [
        call.state for call in list_endpoint_calls(application.database, "shop", limit=10)
    ]


@pytest.mark.slow
def test_the_worker_sends_webhooks_while_it_fulfils_orders(
    start_worker: Callable[[], ForkedProcess], pay: Callable[..., PlacedOrder],
    wait_until: Callable[[Callable[[], bool]], None], call_states: Callable[[], list[CallState]],
    receiver: WebhookReceiver,
) -> None:  # fmt: skip
    start_worker()

    pay()
    wait_until(lambda: call_states() == [CallState.DELIVERED] * 3)

    assert len(set(receiver.ids())) == 3


def test_a_hanging_receiver_delays_no_ticket(
    start_worker: Callable[[], ForkedProcess], pay: Callable[..., PlacedOrder],
    wait_until: Callable[[Callable[[], bool]], None], call_states: Callable[[], list[CallState]],
    count_printed: Callable[[], int], receiver: WebhookReceiver,
) -> None:  # fmt: skip
    receiver.pause_seconds = 300
    start_worker()

    pay(places=2)
    wait_until(lambda: count_printed() == 2)

    assert CallState.DELIVERED not in call_states()


@pytest.fixture
def tick(
    location: dg.Definitions, application: Application, idle_instance: dg.DagsterInstance
) -> Callable[[datetime], ScheduleExecutionData]:
    """Return a function that evaluates the schedule at a given instant."""

    def evaluate(at: datetime) -> ScheduleExecutionData:
        context = dg.build_schedule_context(
            idle_instance, scheduled_execution_time=at, resources={"application": application}
        )
        schedule = location.resolve_schedule_def("send_webhooks_every_minute")
        return schedule.evaluate_tick(context)

    return evaluate


def test_dagster_sends_webhooks_overdue_for_half_a_minute(
    location: dg.Definitions, tick: Callable[[datetime], ScheduleExecutionData],
    order_positions: Callable[..., PlacedOrder], call_states: Callable[[], list[CallState]],
) -> None:  # fmt: skip
    order_positions(1)
    now = datetime.now(UTC)

    fresh, overdue = tick(now), tick(now + timedelta(minutes=1))
    waiting = call_states()
    with dg.DagsterInstance.ephemeral() as instance:
        ended = location.resolve_job_def("webhooks").execute_in_process(instance=instance)
    after = tick(now + timedelta(minutes=2))

    assert (len(fresh.run_requests), len(overdue.run_requests)) == (0, 1)
    assert (waiting, call_states()) == ([CallState.WAITING], [CallState.DELIVERED])
    assert ended.success
    assert after.skip_message == "no webhook is overdue"
