"""The worker as a process: awake at the bell, gone with SIGTERM, and no loss with SIGKILL."""

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

Hire = Callable[[], ForkedProcess]
Pay = Callable[..., PlacedOrder]
Until = Callable[[Callable[[], bool]], None]
END_ALL_OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


@pytest.fixture
def dagster_beside(surroundings: dict[str, str], event: Event) -> Iterator[dg.DagsterInstance]:
    """A Dagster with its storage in PostgreSQL; it knows the event."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in surroundings.items():
            environment.setenv(name, value)
        with dg.DagsterInstance.get() as instance:
            instance.add_dynamic_partitions("event", [event.slug])
            yield instance


def test_a_worker_serves_who_has_paid_at_once_and_tells_it_in_lines(
    hire: Hire, pay: Pay, printed: Callable[[], int], until: Until, told: Callable[[], list[str]]
) -> None:
    hire()

    pay(places=2)
    until(lambda: "tickets made" in told())

    assert printed() == 2
    assert told() == ["payments settled", "tickets made"]


def test_a_notice_no_bell_rang_for_is_found(
    database: Database,
    hire: Hire,
    order_positions: Callable[..., PlacedOrder],
    begin_payment: Callable[[PlacedOrder], PaymentAttempt],
    midtrans: MidtransSimulator,
    printed: Callable[[], int],
    until: Until,
) -> None:
    hire()
    attempt = begin_payment(order_positions(1))
    midtrans.push(attempt.key, "pay", "bca_va")

    with database.transaction() as connection:
        connection.execute(
            insert(inbound_webhooks).values(
                provider="midtrans", unique_key="silent", external_reference=attempt.key,
                body=b"{}", received_at=datetime.now(UTC),
            )
        )  # fmt: skip
    until(lambda: printed() == 1)

    assert printed() == 1


@pytest.mark.parametrize("told_to_stop", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_that_is_told_to_stop_ends_well(
    hire: Hire, is_there: Callable[[], bool], told_to_stop: signal.Signals
) -> None:
    worker = hire()

    worker.send_signal(told_to_stop)

    assert worker.wait(90) == 0
    assert not is_there()


def test_a_gateway_that_does_not_answer_keeps_nobody_from_a_ticket_paid_for(
    database: Database,
    midtrans: MidtransSimulator,
    hire: Hire,
    pay: Pay,
    order_positions: Callable[..., PlacedOrder],
    printed: Callable[[], int],
    until: Until,
) -> None:
    hire()
    midtrans.faults.set(
        answers=[MidtransResponseFault("slow", times=9, path="/status", seconds=300)]
    )
    pay(places=1)

    with database.transaction() as connection:
        connection.execute(text("UPDATE ticket_types SET price = 0"))
    order_positions(2)  # free, so paid already
    until(lambda: printed() == 2)

    assert printed() == 2


def test_hung_up_on_it_listens_again_and_serves_on(
    database: Database, hire: Hire, pay: Pay, printed: Callable[[], int], until: Until
) -> None:
    worker = hire()
    with database.transaction() as connection:
        connection.execute(text(END_ALL_OTHERS))

    pay(places=1)
    until(lambda: printed() == 1)

    assert printed() == 1
    assert worker.poll() is None


def test_two_workers_share_the_work(
    database: Database, hire: Hire, pay: Pay, printed: Callable[[], int], until: Until
) -> None:
    hire()
    hire()

    for _ in range(6):
        pay(places=2)
    until(lambda: printed() == 12)

    later = datetime.now(UTC) + timedelta(hours=1)
    assert printed() == 12
    assert sales_checks.check_orders_fulfilled(database, at=later).holds


@pytest.mark.slow
def test_a_worker_and_a_run_of_the_whole_event_do_not_disturb_each_other(
    database: Database,
    event: Event,
    hire: Hire,
    pay: Pay,
    printed: Callable[[], int],
    until: Until,
    location: dg.Definitions,
    dagster_beside: dg.DagsterInstance,
) -> None:
    hire()
    for _ in range(8):
        pay(places=2)

    run = location.resolve_job_def("issue_event_tickets").execute_in_process(
        instance=dagster_beside, partition_key=event.slug
    )
    until(lambda: printed() == 16)

    later = datetime.now(UTC) + timedelta(hours=1)
    assert run.success
    assert printed() == 16
    assert sales_checks.check_orders_fulfilled(database, at=later).holds


def test_what_a_killed_worker_left_is_served_by_dagster(
    *,
    database: Database,
    hire: Hire,
    is_there: Callable[[], bool],
    means: GenerationContext,
    gateway: Midtrans,
    pay: Pay,
    until: Until,
    printed: Callable[[], int],
    application: Application,
    location: dg.Definitions,
    dagster_beside: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sensors.overdue_payments.QUIET_SECONDS", 0)
    worker = hire()
    worker.kill()
    until(lambda: not is_there())
    pay(places=2)

    tick = overdue_payments.evaluate_tick(
        dg.build_sensor_context(instance=dagster_beside, resources={"application": application})
    )
    (request,) = tick.run_requests or []
    run = location.resolve_job_def("fulfil_paid_orders").execute_in_process(
        instance=dagster_beside, run_config=request.run_config
    )

    assert run.success
    assert printed() == 2
    later = datetime.now(UTC) + timedelta(hours=1)
    assert sales_checks.check_orders_fulfilled(database, at=later).holds
    assert not fulfil_paid_orders(means, gateway, at=later, by="worker").has_progress
