"""Tests of the worker process: woken by notifications, stopped by SIGTERM, safe under SIGKILL."""

import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from sqlalchemy import insert, text

from sensors.overdue_payments import overdue_payments
from simulators.midtrans.faults import MidtransResponseFault
from simulators.midtrans.server import MidtransSimulator
from tests.plugins.processes import ForkedProcess
from ticketing.events.model import Event
from ticketing.platform.application import Application
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.inbound_webhooks import inbound_webhooks
from ticketing.reporting import sales_checks
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.selling.payments.attempt_queries import PaymentAttempt
from ticketing.selling.payments.fulfil_paid import fulfil_paid_orders
from ticketing.selling.payments.midtrans.client import Midtrans
from ticketing.tickets.generate import GenerationContext

StartWorker = Callable[[], ForkedProcess]
Pay = Callable[..., PlacedOrder]
WaitUntil = Callable[[Callable[[], bool]], None]
END_ALL_OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


@pytest.fixture
def dagster_instance(
    process_environment: dict[str, str], event: Event
) -> Iterator[dg.DagsterInstance]:
    """Open a Dagster instance in PostgreSQL with the event's partition."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in process_environment.items():
            environment.setenv(name, value)
        with dg.DagsterInstance.get() as instance:
            instance.add_dynamic_partitions("event", [event.slug])
            yield instance


@pytest.mark.slow
def test_a_worker_fulfils_paid_orders_at_once_and_logs_it(
    start_worker: StartWorker,
    pay: Pay,
    count_printed: Callable[[], int],
    wait_until: WaitUntil,
    log_messages: Callable[[], list[str]],
) -> None:
    start_worker()

    pay(places=2)
    wait_until(lambda: "tickets made" in log_messages())

    assert count_printed() == 2
    assert log_messages() == ["payments settled", "tickets made"]


def test_a_webhook_stored_without_a_database_notification_is_found(
    database: Database,
    start_worker: StartWorker,
    order_positions: Callable[..., PlacedOrder],
    begin_payment: Callable[[PlacedOrder], PaymentAttempt],
    midtrans: MidtransSimulator,
    count_printed: Callable[[], int],
    wait_until: WaitUntil,
) -> None:
    start_worker()
    attempt = begin_payment(order_positions(1))
    midtrans.push(attempt.key, "pay", "bca_va")

    with database.transaction() as connection:
        connection.execute(
            insert(inbound_webhooks).values(
                provider="midtrans", unique_key="silent", external_reference=attempt.key,
                body=b"{}", received_at=datetime.now(UTC),
            )
        )  # fmt: skip
    wait_until(lambda: count_printed() == 1)

    assert count_printed() == 1


@pytest.mark.parametrize("told_to_stop", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_ends_cleanly_on_a_signal(
    start_worker: StartWorker,
    is_worker_running: Callable[[], bool],
    wait_until: Callable[[Callable[[], bool]], None],
    told_to_stop: signal.Signals,
) -> None:
    worker = start_worker()

    worker.send_signal(told_to_stop)

    assert worker.wait(90) == 0
    wait_until(lambda: not is_worker_running())
    assert not is_worker_running()


def test_an_unavailable_gateway_delays_no_paid_ticket(
    database: Database,
    midtrans: MidtransSimulator,
    start_worker: StartWorker,
    pay: Pay,
    order_positions: Callable[..., PlacedOrder],
    count_printed: Callable[[], int],
    wait_until: WaitUntil,
) -> None:
    start_worker()
    midtrans.faults.set(
        answers=[MidtransResponseFault("slow", times=9, path="/status", seconds=300)]
    )
    pay(places=1)

    with database.transaction() as connection:
        connection.execute(text("UPDATE ticket_types SET price = 0"))
    order_positions(2)  # free, so paid already
    wait_until(lambda: count_printed() == 2)

    assert count_printed() == 2


def test_a_worker_reconnects_after_its_connections_were_closed(
    database: Database,
    start_worker: StartWorker,
    pay: Pay,
    count_printed: Callable[[], int],
    wait_until: WaitUntil,
) -> None:
    worker = start_worker()
    with database.transaction() as connection:
        connection.execute(text(END_ALL_OTHERS))

    pay(places=1)
    wait_until(lambda: count_printed() == 1)

    assert count_printed() == 1
    assert worker.poll() is None


def test_two_workers_share_the_work(
    database: Database,
    start_worker: StartWorker,
    pay: Pay,
    count_printed: Callable[[], int],
    wait_until: WaitUntil,
) -> None:
    start_worker()
    start_worker()

    for _ in range(6):
        pay(places=2)
    wait_until(lambda: count_printed() == 12)

    later = datetime.now(UTC) + timedelta(hours=1)
    assert count_printed() == 12
    assert sales_checks.check_orders_fulfilled(database, at=later).holds


def test_a_payment_is_settled_by_another_worker_when_its_own_is_killed_in_mid_question(
    midtrans: MidtransSimulator,
    start_worker: StartWorker,
    pay: Pay,
    count_printed: Callable[[], int],
    wait_until: WaitUntil,
) -> None:
    killed = start_worker()
    midtrans.faults.set(answers=[MidtransResponseFault("slow", path="/status", seconds=300)])
    pay(places=1)
    wait_until(lambda: midtrans.faults.answers[0].times == 0)

    killed.kill()
    start_worker()
    wait_until(lambda: count_printed() == 1)

    assert count_printed() == 1


@pytest.mark.slow
def test_a_worker_and_a_run_of_the_whole_event_do_not_disturb_each_other(
    database: Database,
    event: Event,
    start_worker: StartWorker,
    pay: Pay,
    count_printed: Callable[[], int],
    wait_until: WaitUntil,
    location: dg.Definitions,
    dagster_instance: dg.DagsterInstance,
) -> None:
    start_worker()
    for _ in range(8):
        pay(places=2)

    run = location.resolve_job_def("issue_event_tickets").execute_in_process(
        instance=dagster_instance, partition_key=event.slug
    )
    wait_until(lambda: count_printed() == 16)

    later = datetime.now(UTC) + timedelta(hours=1)
    assert run.success
    assert count_printed() == 16
    assert sales_checks.check_orders_fulfilled(database, at=later).holds


def test_orders_left_by_a_killed_worker_are_fulfilled_by_dagster(
    *,
    database: Database,
    start_worker: StartWorker,
    is_worker_running: Callable[[], bool],
    generation_context: GenerationContext,
    gateway: Midtrans,
    pay: Pay,
    wait_until: WaitUntil,
    count_printed: Callable[[], int],
    application: Application,
    location: dg.Definitions,
    dagster_instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sensors.overdue_payments.QUIET_SECONDS", 0)
    worker = start_worker()
    worker.kill()
    wait_until(lambda: not is_worker_running())
    pay(places=2)

    tick = overdue_payments.evaluate_tick(
        dg.build_sensor_context(instance=dagster_instance, resources={"application": application})
    )
    (request,) = tick.run_requests or []
    run = location.resolve_job_def("fulfil_paid_orders").execute_in_process(
        instance=dagster_instance, run_config=request.run_config
    )

    assert run.success
    assert count_printed() == 2
    later = datetime.now(UTC) + timedelta(hours=1)
    assert sales_checks.check_orders_fulfilled(database, at=later).holds
    assert not fulfil_paid_orders(generation_context, gateway, at=later, by="worker").has_progress
