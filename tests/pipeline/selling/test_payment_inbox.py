"""Without a worker, Dagster serves who has paid; with one, it shows what the worker did."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import dagster as dg
import pytest
from dagster._core.definitions.sensor_definition import SensorExecutionData
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from sensors.deeds import OVERLAP, Told
from sensors.payment_inbox import materializations, payment_inbox
from ticketing.actions.generate import Means
from ticketing.actions.place_order import PlacedOrder
from ticketing.actions.serve_paid import serve_paid
from ticketing.domain.events import Event
from ticketing.gateways.midtrans import Midtrans
from ticketing.office import Office
from ticketing.store import bell
from ticketing.store.database import Database
from ticketing.store.schema import ticket_types
from ticketing.store.service_record import SERVED, SETTLED, Deed

Pay = Callable[..., PlacedOrder]
Tick = Callable[[], SensorExecutionData]


@pytest.fixture
def instance(event: Event) -> Iterator[dg.DagsterInstance]:
    """A Dagster in memory that knows the event."""
    with dg.DagsterInstance.ephemeral() as fresh:
        fresh.add_dynamic_partitions("event", [event.slug])
        yield fresh


@pytest.fixture
def tick(instance: dg.DagsterInstance, office: Office, monkeypatch: pytest.MonkeyPatch) -> Tick:
    """Lets the sensor tick, each time with the cursor it left; it listens for a moment only."""
    monkeypatch.setattr("sensors.payment_inbox.LISTENS_SECONDS", 0.1)
    cursor: list[str | None] = [None]

    def once() -> SensorExecutionData:
        answer = payment_inbox.evaluate_tick(
            dg.build_sensor_context(
                instance=instance, resources={"office": office}, cursor=cursor.pop()
            )
        )
        cursor.append(answer.cursor)
        return answer

    return once


def test_nobody_waits_and_nothing_is_asked_for(tick: Tick) -> None:
    answer = tick()

    assert not answer.run_requests
    assert answer.skip_message == "nobody waits; 0 deeds of others told"


def test_a_notice_asks_for_a_run_at_once_when_nobody_listens(tick: Tick, pay: Pay) -> None:
    pay()

    assert len(tick().run_requests or []) == 1
    assert len(tick().run_requests or []) == 1


def test_a_worker_that_listens_gets_its_time(tick: Tick, pay: Pay, office: Office) -> None:
    pay()

    with bell.listening(office.database):
        answer = tick()

    assert not answer.run_requests


def test_a_run_that_is_about_to_begin_is_waited_for(
    tick: Tick, pay: Pay, instance: dg.DagsterInstance, location: dg.Definitions
) -> None:
    instance.create_run_for_job(location.resolve_job_def("serve_paid_orders"))
    pay()

    answer = tick()

    assert not answer.run_requests
    assert (answer.skip_message or "").startswith("a run is about to see to what waits")


def test_a_free_order_asks_for_a_run_without_any_notice(
    tick: Tick, database: Database, order_places: Callable[..., PlacedOrder]
) -> None:
    with database.transaction() as connection:
        connection.execute(update(ticket_types).values(price=0))
    order_places(1)

    assert len(tick().run_requests or []) == 1


def test_the_run_leaves_tickets_and_shows_them(
    location: dg.Definitions,
    instance: dg.DagsterInstance,
    pay: Pay,
    printed: Callable[[], int],
) -> None:
    pay(places=2)

    run = location.resolve_job_def("serve_paid_orders").execute_in_process(instance=instance)

    (settled,) = run.asset_materializations_for_node("payments")[-1:]
    assert settled.metadata["applied"].value == 1
    assert printed() == 2
    pdfs = instance.get_latest_materialization_event(dg.AssetKey("ticket_pdfs"))
    assert pdfs
    assert pdfs.asset_materialization
    assert pdfs.asset_materialization.partition == "wisuda-2026"
    assert pdfs.asset_materialization.metadata["printed"].value == 2


def test_what_the_worker_did_is_shown_once(
    tick: Tick, means: Means, gateway: Midtrans, pay: Pay
) -> None:
    pay(places=2)
    serve_paid(means, gateway, at=datetime.now(UTC), by="worker")

    first, again = tick(), tick()

    told = {event.asset_key.to_user_string(): event for event in first.asset_events}
    assert set(told) == {"payments", "tickets", "ticket_pdfs"}
    assert told["payments"].metadata["applied"].value == 1
    assert told["ticket_pdfs"].metadata["printed"].value == 2
    assert told["ticket_pdfs"].metadata["made by"].value == "worker"
    assert again.asset_events == []


def test_a_deed_that_is_committed_late_is_told_once() -> None:
    early, late = Deed(7, SETTLED, "worker", None, {}), Deed(5, SETTLED, "worker", None, {})

    first = Told().and_now([early])
    then = Told.remembered(first.and_now([late]).cursor)

    assert late.id > first.after
    assert late.id not in first.latest
    assert then == Told(7, frozenset({5, 7}))


@given(st.lists(st.integers(1, 5000), max_size=300))
def test_what_is_remembered_of_deeds_stays_small(numbers: list[int]) -> None:
    told = Told()
    for number in numbers:
        told = told.and_now([Deed(number, SERVED, "worker", "wisuda-2026", {"created": 1})])

    assert told.last == max(numbers, default=0)
    assert len(told.latest) <= OVERLAP
    assert Told.remembered(told.cursor) == told


def test_deeds_add_up_to_one_materialization_an_asset_and_event() -> None:
    deeds = [
        Deed(1, SETTLED, "worker", None, {"applied": 2}),
        Deed(2, SERVED, "worker", "wisuda-2026", {"created": 2, "renewed": 0, "failed": 0}),
        Deed(3, SETTLED, "cli:ayu", None, {"applied": 1, "postponed": 1}),
        Deed(4, SERVED, "worker", "konser", {"created": 1, "renewed": 1, "failed": 1}),
        Deed(5, SERVED, "worker", "konser", {"created": 1, "renewed": 0, "failed": 0}),
    ]

    told = list(materializations(deeds))

    assert [(one.asset_key.to_user_string(), one.partition) for one in told] == [
        ("payments", None),
        ("tickets", "wisuda-2026"),
        ("ticket_pdfs", "wisuda-2026"),
        ("tickets", "konser"),
        ("ticket_pdfs", "konser"),
    ]
    assert told[0].metadata["applied"].value == 3
    assert told[0].metadata["settled by"].value == "cli:ayu, worker"
    assert told[4].metadata["printed"].value == 3
