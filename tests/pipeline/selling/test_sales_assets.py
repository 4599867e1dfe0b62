"""Tests of sales in Dagster: assets, checks, schedules and the failure digest."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from sqlalchemy import text, update

from schedules.maintenance import daily_reconciliation_nightly
from sensors.check_failures import check_failures
from simulators.midtrans.faults import MidtransResponseFault
from simulators.midtrans.server import MidtransSimulator
from ticket_assets.sales_checks import SALES_CHECKS
from ticketing.events.model import Event
from ticketing.platform.application import Application
from ticketing.platform.db import incidents
from ticketing.platform.db.database import Database
from ticketing.platform.db.incidents import Incident
from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.orders import orders
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.selling.payments.attempt_queries import PaymentAttempt
from ticketing.selling.payments.midtrans.client import Midtrans
from ticketing.selling.refunds.refund_plan import RefundRequest
from ticketing.selling.refunds.service import apply_refund, plan_refund

JAKARTA = ZoneInfo("Asia/Jakarta")
Pay = Callable[..., PlacedOrder]
Run = Callable[..., dg.ExecuteInProcessResult]


@pytest.fixture
def instance(event: Event) -> Iterator[dg.DagsterInstance]:
    """Create an in-memory Dagster instance with the event's partition."""
    with dg.DagsterInstance.ephemeral() as fresh:
        fresh.add_dynamic_partitions("event", [event.slug])
        yield fresh


@pytest.fixture
def run(location: dg.Definitions, instance: dg.DagsterInstance) -> Run:
    """Return a function that runs a sales job, for today if it is partitioned by day."""

    def execute(job: str) -> dg.ExecuteInProcessResult:
        today = (
            f"{datetime.now(ZoneInfo('Asia/Jakarta')):%Y-%m-%d}"
            if job == "daily_reconciliation"
            else None
        )
        return location.resolve_job_def(job).execute_in_process(
            instance=instance, partition_key=today
        )

    return execute


@pytest.fixture
def failing(run: Run) -> Callable[[], list[str]]:
    """Return a function that lists the failing checks of sales."""

    def fetch() -> list[str]:
        verdicts = run("check_sales").get_asset_check_evaluations()
        assert len(verdicts) == len(SALES_CHECKS)
        return [check.check_name for check in verdicts if not check.passed]

    return fetch


@pytest.fixture
def digest(instance: dg.DagsterInstance, application: Application) -> Callable[[], list[Incident]]:
    """Return a function that evaluates the check sensor and lists open incidents."""

    def tick() -> list[Incident]:
        check_failures(
            dg.build_sensor_context(instance=instance, resources={"application": application})
        )
        with application.database.transaction() as connection:
            return incidents.list_open(connection)

    return tick


def test_a_days_sales_are_reported_with_a_chart(run: Run, pay: Pay) -> None:
    pay(places=2)
    run("fulfil_paid_orders")

    (sales,) = run("daily_reconciliation").asset_materializations_for_node("daily_sales")

    assert sales.metadata["orders paid"].value == 1
    assert sales.metadata["places"].value == 2
    assert sales.metadata["sold (Rp)"].value == 100_000
    assert "wisuda" in str(sales.metadata["events"].value)
    assert "data:image/svg+xml" in str(sales.metadata["cumulative sales"].value)


def test_a_day_without_sales_is_reported_too(run: Run) -> None:
    (sales,) = run("daily_reconciliation").asset_materializations_for_node("daily_sales")

    assert sales.metadata["orders placed"].value == 0
    assert sales.metadata["events"].value == "none"


def test_the_reconciliation_check_passes_or_names_the_payment(
    run: Run, pay: Pay, midtrans: MidtransSimulator, digest: Callable[[], list[Incident]]
) -> None:
    pay(places=1, notified=False)

    (differ,) = run("daily_reconciliation").get_asset_check_evaluations()
    (line,) = digest()
    run("payment_reconciliation")
    (agree,) = run("daily_reconciliation").get_asset_check_evaluations()

    assert not differ.passed
    assert "created here, settlement at the gateway" in (differ.description or "")
    assert (differ.description or "").endswith("ticketing payments reconcile")
    assert line.cause.startswith("check:payments_match_gateway:20")
    assert agree.passed
    assert digest() == []
    assert len(midtrans.bank.transactions()) == 1


def test_the_hourly_reconciliation_finds_payments_without_a_notification(
    run: Run, pay: Pay, count_printed: Callable[[], int]
) -> None:
    pay(places=2, notified=False)

    run("payment_reconciliation")
    run("fulfil_paid_orders")

    assert count_printed() == 2


def test_sound_sales_pass_every_check(run: Run, pay: Pay, failing: Callable[[], list[str]]) -> None:
    pay(places=2)
    run("fulfil_paid_orders")

    assert failing() == []


def test_a_broken_invariant_is_one_line_in_the_digest_until_it_is_repaired(
    database: Database,
    run: Run,
    pay: Pay,
    failing: Callable[[], list[str]],
    digest: Callable[[], list[Incident]],
) -> None:
    pay(places=2)
    run("fulfil_paid_orders")
    with database.transaction() as connection:
        connection.execute(update(ticket_types).values(sold=5))
    found = failing()
    (line,) = digest()

    with database.transaction() as connection:
        connection.execute(update(ticket_types).values(sold=2))
    failing()

    assert found == ["stock_counts_match"]
    assert line.cause == "check:stock_counts_match:all events"
    assert line.message.endswith("ticketing orders recount --event EVENT")
    assert digest() == []


def test_an_unpaid_order_releases_its_places_after_an_hour(
    database: Database,
    run: Run,
    order_positions: Callable[..., PlacedOrder],
    begin_payment: Callable[[PlacedOrder], PaymentAttempt],
) -> None:
    begin_payment(order_positions(3))
    with database.transaction() as connection:
        hour_ago = datetime.now(UTC) - timedelta(minutes=61)
        connection.execute(update(orders).values(expires_at=hour_ago))

    run("order_expiry")

    with database.transaction() as connection:
        assert connection.execute(text("SELECT pending FROM ticket_types")).scalar_one() == 0
        assert connection.execute(text("SELECT state FROM orders")).scalar_one() == "expired"


@pytest.mark.parametrize("places", [(1,), None])
@pytest.mark.usefixtures("impatient_gateway")
def test_a_postponed_refund_is_sent_later_and_violates_no_invariant(
    *,
    database: Database,
    gateway: Midtrans,
    midtrans: MidtransSimulator,
    run: Run,
    pay: Pay,
    failing: Callable[[], list[str]],
    places: tuple[int, ...] | None,
) -> None:
    placed = pay(places=2, by="gopay")
    run("fulfil_paid_orders")
    midtrans.faults.set(answers=[MidtransResponseFault("error", times=3, path="/refund")])
    at = datetime.now(UTC)
    planned = plan_refund(
        database,
        placed.order.code,
        RefundRequest(places=places, reason="ill"),
        at=at,
        by="operator",
    )
    apply_refund(
        database, gateway, placed.order.code, plan_hash=planned.plan_hash, at=at, by="operator"
    )
    with database.transaction() as connection:
        connection.execute(text("UPDATE refunds SET claimed_until = NULL"))

    run("payment_reconciliation")

    with database.transaction() as connection:
        states = connection.execute(text("SELECT state FROM refunds")).scalars().all()
    assert states == ["done"]
    assert failing() == []


def test_the_nightly_schedule_requests_the_reconciliation_of_yesterday(
    instance: dg.DagsterInstance,
) -> None:
    night = datetime(2026, 11, 20, 1, 15, tzinfo=JAKARTA).astimezone(UTC)

    request = daily_reconciliation_nightly(
        dg.build_schedule_context(instance=instance, scheduled_execution_time=night)
    )

    assert isinstance(request, dg.RunRequest)
    assert request.partition_key == "2026-11-19"
