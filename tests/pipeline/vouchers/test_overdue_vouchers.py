"""Tests of the voucher sensor: provisions without a worker, else reports the worker's results."""

from collections.abc import Callable
from datetime import timedelta

import dagster as dg
import pytest
from dagster._core.definitions.sensor_definition import SensorExecutionData

from sensors.overdue_vouchers import reason_to_skip
from simulators.routeros.server import RouterOsSimulator
from ticketing.events.model import Event
from ticketing.orders.order import Order
from ticketing.platform.application import Application
from ticketing.platform.db import notify

Buy = Callable[..., Order]
Provision = Callable[..., None]
Run = Callable[..., dg.ExecuteInProcessResult]
Tick = Callable[[str], SensorExecutionData]


@pytest.fixture
def tick(location: dg.Definitions, instance: dg.DagsterInstance, application: Application) -> Tick:
    """Return a function that evaluates a sensor with its last cursor."""
    cursors: dict[str, str | None] = {}

    def once(name: str) -> SensorExecutionData:
        sensor = location.resolve_sensor_def(name)
        answer = sensor.evaluate_tick(
            dg.build_sensor_context(
                instance=instance, resources={"application": application}, cursor=cursors.get(name)
            )
        )
        cursors[name] = answer.cursor
        return answer

    return once


@pytest.mark.usefixtures("outlet")
def test_without_paid_vouchers_no_run_is_requested(tick: Tick) -> None:
    owed, returned = tick("overdue_vouchers"), tick("recovered_routers")

    assert (owed.run_requests, returned.run_requests) == ([], [])
    assert (
        owed.skip_message
        == "no overdue vouchers on reachable routers; reported 1 materialisations of outlets"
    )
    assert returned.skip_message == "no router has exhausted its retries"


def test_without_a_worker_a_run_provisions_paid_vouchers(
    tick: Tick, run: Run, buy: Buy, router: RouterOsSimulator
) -> None:
    buy(3)
    asked = tick("overdue_vouchers")

    ended = run("provision_vouchers")

    then = tick("overdue_vouchers")
    (told,) = then.asset_events
    assert ended.success
    assert len(asked.run_requests or []) == 1
    assert len(router.users()) == 3
    assert (told.partition, told.metadata["placed"].value) == ("demo-hotspot", 3)
    assert told.metadata["provisioned by"].value == "dagster job"
    assert then.run_requests == []


def test_an_outlet_is_provisioned_and_counted_and_another_event_calls_no_router(
    run: Run, buy: Buy, router: RouterOsSimulator, outlet: Event, event: Event
) -> None:
    buy(3)

    (none,) = run("__ASSET_JOB", event.slug, "vouchers").asset_materializations_for_node("vouchers")
    untouched = router.users()
    (made,) = run("__ASSET_JOB", outlet.slug, "vouchers").asset_materializations_for_node(
        "vouchers"
    )

    facts = {name: made.metadata[name].value for name in ("vouchers active", "failures")}
    assert none.metadata["dagster/row_count"].value == 0
    assert (untouched, len(router.users())) == ([], 3)
    assert facts == {"vouchers active": 3, "failures": "none"}
    assert made.metadata["purchases completed"].value == 1
    assert "| demo | yes | 0 | 0 | 3 | 0 | 0 |" in str(made.metadata["routers"].value)


def test_an_outlets_ticket_assets_end_at_once(run: Run, outlet: Event) -> None:
    result = run("issue_event_tickets", outlet.slug)

    ended = {
        name: result.asset_materializations_for_node(name)[0].metadata
        for name in ("missing_tickets", "tickets", "ticket_pdfs", "generation_report")
    }
    assert {each["tickets"].value for each in ended.values()} == {
        "none: the event sells vouchers only"
    }
    assert [check for check in result.get_asset_check_evaluations() if not check.passed] == []


def test_a_running_worker_has_a_grace_time(tick: Tick, buy: Buy, application: Application) -> None:
    buy(1)

    with notify.listen(application.database):
        fresh = tick("overdue_vouchers")
        buy(1, ago=timedelta(minutes=1))
        overdue = tick("overdue_vouchers")

    assert (len(fresh.run_requests or []), len(overdue.run_requests or [])) == (0, 1)


def test_a_run_that_is_about_to_begin_is_waited_for(
    tick: Tick, buy: Buy, instance: dg.DagsterInstance, location: dg.Definitions
) -> None:
    instance.create_run_for_job(location.resolve_job_def("provision_vouchers"))
    buy(1)

    answer = tick("overdue_vouchers")

    assert answer.run_requests == []
    assert (answer.skip_message or "").startswith("a run is already active for demo")


def test_results_of_the_worker_are_reported_once(
    tick: Tick, buy: Buy, provision: Provision
) -> None:
    buy(2)
    buy(1)
    provision()

    first, again = tick("overdue_vouchers"), tick("overdue_vouchers")

    (told,) = first.asset_events
    assert told.asset_key == dg.AssetKey("vouchers")
    assert told.partition == "demo-hotspot"
    assert {name: value.value for name, value in told.metadata.items()} == {
        "placed": 3,
        "removed": 0,
        "refused": 0,
        "orders completed": 2,
        "provisioned by": "worker",
    }
    assert again.asset_events == []


def test_a_failed_router_is_provisioned_when_it_is_reachable_again(
    tick: Tick, run: Run, buy: Buy, provision: Provision, router: RouterOsSimulator
) -> None:
    buy(2, ago=timedelta(hours=1))
    router.power_off()
    for minutes in (50, 40, 30, 20):
        provision(ago=timedelta(minutes=minutes))
    no_run, away = tick("overdue_vouchers"), tick("recovered_routers")
    router.power_on()

    back = tick("recovered_routers")
    ended = run("provision_vouchers")

    assert (no_run.run_requests, away.run_requests) == ([], [])
    assert away.skip_message == "still unreachable: demo"
    assert len(back.run_requests or []) == 1
    assert ended.success
    assert len(router.users()) == 2


def test_a_refusal_of_a_router_is_reported_with_its_repair(
    tick: Tick, run: Run, buy: Buy, router: RouterOsSimulator, outlet: Event
) -> None:
    order = buy(1)
    router.reset()

    ended = run("__ASSET_JOB", outlet.slug, "vouchers")

    (made,) = ended.asset_materializations_for_node("vouchers")
    failures = str(made.metadata["failures"].value).replace("\\", "")
    (told,) = tick("overdue_vouchers").asset_events
    assert told.metadata["refused"].value == 1
    assert f"| {order.code} | 0 of 1 vouchers: " in failures
    assert f"ticketing vouchers regenerate {order.code} |" in failures


@pytest.mark.parametrize(
    ("routers", "under_way", "wanted"),
    [([], False, False), ([], True, False), (["lobby"], True, False), (["lobby"], False, True)],
)
def test_a_run_is_requested_for_overdue_vouchers_without_a_run_in_progress(
    *, routers: list[str], under_way: bool, wanted: bool
) -> None:
    skip = reason_to_skip(routers, has_active_run=under_way, idle_message="nobody waits")

    assert (skip is None) is wanted
