"""Tests of scheduled voucher maintenance, and of checks that name the cause and the repair."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.op_concurrency_limits_counter import GlobalOpConcurrencyLimitsCounter
from sqlalchemy import text, update

from schedules.outlets import check_vouchers_hourly
from sensors.check_failures import check_failures
from simulators.routeros.server import RouterOsSimulator
from ticket_assets.voucher_checks import OUTLET_CHECKS, ROUTER_CHECKS
from ticket_assets.vouchers import ROUTER_POOL
from ticketing.events.model import Event
from ticketing.notifications.deliver import MessagingConnector, deliver_all
from ticketing.orders.order import Order
from ticketing.platform.application import Application
from ticketing.platform.db import incidents
from ticketing.platform.db.tables.orders import orders
from ticketing.platform.db.tables.vouchers import voucher_history

HOUR = timedelta(hours=1)
Buy = Callable[..., Order]
Provision = Callable[..., None]
Run = Callable[..., dg.ExecuteInProcessResult]
Failing = Callable[[], dict[str, str]]
ExecuteSql = Callable[[str], None]


@pytest.fixture
def failing(run: Run, outlet: Event) -> Failing:
    """Return a function that reads the failing voucher checks and their descriptions."""

    def fetch() -> dict[str, str]:
        verdicts = [
            *run("check_vouchers", outlet.slug).get_asset_check_evaluations(),
            *run("check_routers").get_asset_check_evaluations(),
        ]
        assert len(verdicts) == len(OUTLET_CHECKS) + len(ROUTER_CHECKS)
        return {one.check_name: one.description or "" for one in verdicts if not one.passed}

    return fetch


@pytest.fixture
def execute_sql(application: Application) -> ExecuteSql:
    """Return a function that executes a statement to damage rows."""

    def execute(statement: str) -> None:
        with application.database.transaction() as connection:
            connection.execute(text(statement))

    return execute


@pytest.fixture
def instance_on_disk(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """Create a Dagster instance on disk with the outlet's partition; schedules reopen it."""
    with dg.DagsterInstance.local_temp(str(tmp_path)) as kept:
        kept.add_dynamic_partitions("event", ["demo-hotspot", "konser-amal"])
        yield kept


@pytest.fixture
def requested_runs(
    location: dg.Definitions, application: Application, idle_instance: dg.DagsterInstance
) -> Callable[[str], int]:
    """Return a function that counts the runs that a schedule requests."""

    def tick(name: str) -> int:
        context = dg.build_schedule_context(
            idle_instance,
            scheduled_execution_time=datetime.now(UTC),
            resources={"application": application},
        )
        return len(location.resolve_schedule_def(name).evaluate_tick(context).run_requests or [])

    return tick


def test_valid_vouchers_pass_every_check_and_an_unpaid_one_is_named(
    buy: Buy, provision: Provision, failing: Failing, execute_sql: ExecuteSql
) -> None:
    order = buy(2)
    provision()
    sound = failing()

    execute_sql("UPDATE orders SET state = 'cancelled'")
    unpaid = failing()

    assert sound == {}
    assert set(unpaid) == {"no_unpaid_vouchers"}
    said = unpaid["no_unpaid_vouchers"]
    assert f"active, but its order {order.code} is cancelled. Repair: ticketing vouchers" in said


def test_a_paid_unprovisioned_voucher_fails_both_checks_until_it_is_provisioned(
    buy: Buy,
    provision: Provision,
    failing: Failing,
    instance: dg.DagsterInstance,
    application: Application,
) -> None:
    order = buy(2, ago=HOUR)
    found = failing()
    check_failures(
        dg.build_sensor_context(instance=instance, resources={"application": application})
    )
    with application.database.transaction() as connection:
        told = {line.cause for line in incidents.list_open(connection)}

    provision()

    assert set(found) == {"paid_vouchers_provisioned", "no_stuck_vouchers"}
    assert found["paid_vouchers_provisioned"] == (
        f"1 of 1 paid purchases, such as {order.code}: 0 of 2 vouchers: router demo: not"
        " called yet. Repair: ticketing vouchers regenerate ORDER"
    )
    assert found["no_stuck_vouchers"].startswith("2 of 2 queued vouchers, such as V")
    assert found["no_stuck_vouchers"].endswith("Repair: ticketing vouchers provision")
    assert told == {f"check:{name}:demo-hotspot" for name in found}
    assert failing() == {}


def test_vouchers_lost_by_a_router_and_undelivered_messages_are_named(
    buy: Buy,
    provision: Provision,
    failing: Failing,
    execute_sql: ExecuteSql,
    router: RouterOsSimulator,
) -> None:
    order = buy(1)
    provision()
    router.reset()
    execute_sql("UPDATE outbox SET created_at = created_at - interval '1 hour'")

    found = failing()

    assert set(found) == {"routers_match_database", "voucher_codes_delivered"}
    assert (
        "not on router demo. Repair: ticketing vouchers compare" in found["routers_match_database"]
    )
    assert f"such as {order.code}: not sent yet" in found["voucher_codes_delivered"]


def test_delivery_attempts_of_codes_are_counted_and_failed_ones_shown(
    buy: Buy, provision: Provision, run: Run, application: Application, outlet: Event
) -> None:
    order = buy(1)
    provision()
    with application.get(MessagingConnector).connect() as mailroom:
        deliver_all(application.database, mailroom, clock=lambda: datetime.now(UTC))

    checked = run("check_vouchers", outlet.slug)
    (made,) = checked.asset_materializations_for_node("voucher_delivery_logs")

    facts = {name: str(value.value).replace("\\", "") for name, value in made.metadata.items()}
    assert (facts["attempts"], facts["failed"], facts["delivery rate"]) == ("1", "1", "0.0")
    assert "| whatsapp | error | 1 |" in facts["by channel"]
    assert f"| {order.code} | whatsapp | error | " in facts["failures"]
    assert order.buyer
    assert order.buyer.phone not in "".join(facts.values())


def test_the_schedule_removes_expired_vouchers(
    buy: Buy, provision: Provision, run: Run, execute_sql: ExecuteSql, router: RouterOsSimulator
) -> None:
    buy(2)
    provision()
    execute_sql(
        "UPDATE vouchers SET first_used_at = sold_at, expires_at = now() - interval '1 minute'"
        " WHERE number = 1"
    )

    ended = run("voucher_maintenance")

    assert ended.success
    assert len(router.users()) == 1


def test_the_schedules_request_runs_only_with_a_router(
    requested_runs: Callable[[str], int], request: pytest.FixtureRequest
) -> None:
    names = ("maintain_vouchers_every_5_minutes", "check_routers_hourly")
    without = [requested_runs(name) for name in names]

    request.getfixturevalue("outlet")

    assert (without, [requested_runs(name) for name in names]) == ([0, 0], [1, 1])


def test_the_checks_of_a_quiet_outlet_do_not_close_the_incident_of_another(
    buy: Buy, run: Run, outlet: Event, event: Event, instance: dg.DagsterInstance,
    application: Application,
) -> None:  # fmt: skip
    buy(1, ago=HOUR)
    for each in (outlet, event):
        run("check_vouchers", each.slug)

    check_failures(
        dg.build_sensor_context(instance=instance, resources={"application": application})
    )

    told = {line.cause for line in application.database.run(incidents.list_open)}
    assert told == {
        "check:paid_vouchers_provisioned:demo-hotspot", "check:no_stuck_vouchers:demo-hotspot"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("hour", "ago", "checked"),
    [(8, timedelta(minutes=1), True), (8, timedelta(days=3), False), (21, timedelta(days=3), True)],
)  # UTC; 21:35 is 04:35 in Jakarta
def test_each_hour_busy_outlets_are_checked_and_each_night_all(
    buy: Buy, provision: Provision, application: Application,
    instance_on_disk: dg.DagsterInstance,
    *, hour: int, ago: timedelta, checked: bool,
) -> None:  # fmt: skip
    at = datetime(2026, 11, 20, hour, 35, tzinfo=UTC)
    buy(1)
    provision()
    for table, column in ((orders, "paid_at"), (voucher_history, "at")):
        with application.database.transaction() as connection:
            connection.execute(update(table).values({column: at - ago}))
    context = dg.build_schedule_context(
        instance_on_disk, scheduled_execution_time=at, resources={"application": application}
    )

    (answer,) = check_vouchers_hourly(context)

    assert getattr(answer, "partition_key", None) == ("demo-hotspot" if checked else None)


def test_runs_that_call_routers_share_a_pool_and_others_do_not(
    location: dg.Definitions, persistent_instance: dg.DagsterInstance
) -> None:
    def asked_for(name: str, status: dg.DagsterRunStatus) -> dg.DagsterRun:
        return persistent_instance.create_run_for_job(location.resolve_job_def(name), status=status)

    begun = asked_for("provision_vouchers", dg.DagsterRunStatus.STARTED)
    others = ("voucher_maintenance", "check_routers", "provision_vouchers", "order_expiry")
    queue = [asked_for(name, dg.DagsterRunStatus.NOT_STARTED) for name in others]
    storage = persistent_instance.event_log_storage
    storage.initialize_concurrency_limit_to_default(ROUTER_POOL)

    # what Dagster's daemon asks before it lets a run out of the queue
    counter = GlobalOpConcurrencyLimitsCounter(
        persistent_instance,
        queue,
        persistent_instance.get_run_records(dg.RunsFilter(run_ids=[begun.run_id])),
        concurrency_keys=storage.get_concurrency_keys(),
        pool_limits=storage.get_pool_limits(),
        pool_granularity=persistent_instance.get_concurrency_config().pool_config.pool_granularity,
    )

    assert [run.job_name for run in queue if not counter.is_blocked(run)] == ["order_expiry"]
