"""Tests of the payment sensor: fulfils orders, or reports what a running worker did."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import dagster as dg
import pytest
from dagster._core.definitions.sensor_definition import SensorExecutionData
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from sensors.overdue_payments import overdue_payments
from sensors.worker_activity import CURSOR_OVERLAP, SensorCursor
from ticket_assets.external_materializations import to_materializations
from ticketing.events.model import Event
from ticketing.platform.application import Application
from ticketing.platform.db import notify
from ticketing.platform.db.audit_log import (
    GENERATE_TICKETS_ACTION,
    SETTLE_PAYMENTS_ACTION,
    AuditEntry,
)
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.selling.payments.fulfil_paid import fulfil_paid_orders
from ticketing.selling.payments.midtrans.client import Midtrans
from ticketing.tickets.generate import GenerationContext, GenerationRequest, generate_tickets
from ticketing.tickets.revoke import revoke_tickets

Pay = Callable[..., PlacedOrder]
Tick = Callable[[], SensorExecutionData]


@pytest.fixture
def instance(event: Event) -> Iterator[dg.DagsterInstance]:
    """Create an in-memory Dagster instance with the event's partition."""
    with dg.DagsterInstance.ephemeral() as fresh:
        fresh.add_dynamic_partitions("event", [event.slug])
        yield fresh


@pytest.fixture
def tick(
    instance: dg.DagsterInstance, application: Application, monkeypatch: pytest.MonkeyPatch
) -> Tick:
    """Return a function that evaluates the sensor with its last cursor and a short time-out."""
    monkeypatch.setattr("sensors.overdue_payments.LISTEN_TIMEOUT_SECONDS", 0.1)
    cursor: list[str | None] = [None]

    def once() -> SensorExecutionData:
        answer = overdue_payments.evaluate_tick(
            dg.build_sensor_context(
                instance=instance, resources={"application": application}, cursor=cursor.pop()
            )
        )
        cursor.append(answer.cursor)
        return answer

    return once


def test_without_overdue_payments_no_run_is_requested(tick: Tick) -> None:
    answer = tick()

    assert not answer.run_requests
    assert answer.skip_message == "no overdue payments; reported 0 materialisations by the worker"


def test_a_notification_requests_a_run_at_once_without_a_worker(tick: Tick, pay: Pay) -> None:
    pay()

    assert len(tick().run_requests or []) == 1
    assert len(tick().run_requests or []) == 1


def test_a_running_worker_has_a_grace_time(tick: Tick, pay: Pay, application: Application) -> None:
    pay()

    with notify.listen(application.database):
        answer = tick()

    assert not answer.run_requests


def test_a_run_that_is_about_to_begin_is_waited_for(
    tick: Tick, pay: Pay, instance: dg.DagsterInstance, location: dg.Definitions
) -> None:
    instance.create_run_for_job(location.resolve_job_def("fulfil_paid_orders"))
    pay()

    answer = tick()

    assert not answer.run_requests
    assert (answer.skip_message or "").startswith("a run is already active")


def test_a_free_order_requests_a_run_without_a_notification(
    tick: Tick, database: Database, order_positions: Callable[..., PlacedOrder]
) -> None:
    with database.transaction() as connection:
        connection.execute(update(ticket_types).values(price=0))
    order_positions(1)

    assert len(tick().run_requests or []) == 1


def test_the_run_leaves_tickets_and_shows_them(
    location: dg.Definitions,
    instance: dg.DagsterInstance,
    pay: Pay,
    count_printed: Callable[[], int],
) -> None:
    pay(places=2)

    run = location.resolve_job_def("fulfil_paid_orders").execute_in_process(instance=instance)

    (settled,) = run.asset_materializations_for_node("payments")[-1:]
    assert settled.metadata["applied"].value == 1
    assert count_printed() == 2
    pdfs = instance.get_latest_materialization_event(dg.AssetKey("ticket_pdfs"))
    assert pdfs
    assert pdfs.asset_materialization
    assert pdfs.asset_materialization.partition == "wisuda-2026"
    assert pdfs.asset_materialization.metadata["rendered"].value == 2


def test_results_of_the_worker_are_reported_once(
    tick: Tick, generation_context: GenerationContext, gateway: Midtrans, pay: Pay
) -> None:
    pay(places=2)
    fulfil_paid_orders(generation_context, gateway, at=datetime.now(UTC), by="worker")

    first, again = tick(), tick()

    told = {event.asset_key.to_user_string(): event for event in first.asset_events}
    assert set(told) == {"payments", "tickets", "ticket_pdfs"}
    assert told["payments"].metadata["applied"].value == 1
    assert told["ticket_pdfs"].metadata["rendered"].value == 2
    assert told["ticket_pdfs"].metadata["updated by"].value == "worker"
    assert again.asset_events == []


def test_payments_are_materialized_before_anything_was_sold(tick: Tick) -> None:
    first, again = tick(), tick()

    assert [event.asset_key.to_user_string() for event in first.asset_events] == ["payments"]
    assert again.asset_events == []


def test_what_the_command_line_does_is_reported_by_event_with_its_actor(
    tick: Tick, generation_context: GenerationContext, database: Database, roster: Event
) -> None:
    by, at = "cli:ayu", datetime.now(UTC)
    generate_tickets(generation_context, roster, GenerationRequest(by=by, at=at))
    with database.transaction() as connection:
        code = connection.execute(select(generated_tickets.c.ticket_code)).scalars().first()
    revoke_tickets(database, roster, codes=[code or ""], reason="lost", by=by, at=at)

    told = [one for one in tick().asset_events if one.partition == roster.slug]

    assert [one.asset_key.to_user_string() for one in told] == ["tickets", "ticket_pdfs", "tickets"]
    assert {one.metadata["updated by"].value for one in told} == {by}
    assert [told[0].metadata["created"].value, told[2].metadata["revoked"].value] == [5, 1]


def test_an_audit_entry_committed_late_is_reported_once() -> None:
    early, late = (
        AuditEntry(7, SETTLE_PAYMENTS_ACTION, "worker", None, {}),
        AuditEntry(5, SETTLE_PAYMENTS_ACTION, "worker", None, {}),
    )

    first = SensorCursor().advanced([early])
    then = SensorCursor.parse(first.advanced([late]).serialized)

    assert late.id > first.start_after
    assert late.id not in first.recent_ids
    assert then == SensorCursor(7, frozenset({5, 7}))


@given(st.lists(st.integers(1, 5000), max_size=300))
def test_the_sensor_cursor_stays_small(numbers: list[int]) -> None:
    told = SensorCursor()
    for number in numbers:
        told = told.advanced(
            [AuditEntry(number, GENERATE_TICKETS_ACTION, "worker", "wisuda-2026", {"created": 1})]
        )

    assert told.last_id == max(numbers, default=0)
    assert len(told.recent_ids) <= CURSOR_OVERLAP
    assert SensorCursor.parse(told.serialized) == told


def test_audit_entries_become_one_materialization_per_asset_and_event() -> None:
    audit_entries = [
        AuditEntry(1, SETTLE_PAYMENTS_ACTION, "worker", None, {"applied": 2}),
        AuditEntry(
            2,
            GENERATE_TICKETS_ACTION,
            "worker",
            "wisuda-2026",
            {"created": 2, "renewed": 0, "failed": 0},
        ),
        AuditEntry(3, SETTLE_PAYMENTS_ACTION, "cli:ayu", None, {"applied": 1, "postponed": 1}),
        AuditEntry(
            4,
            GENERATE_TICKETS_ACTION,
            "worker",
            "konser",
            {"created": 1, "renewed": 1, "failed": 1},
        ),
        AuditEntry(
            5,
            GENERATE_TICKETS_ACTION,
            "worker",
            "konser",
            {"created": 1, "renewed": 0, "failed": 0},
        ),
    ]

    told = list(to_materializations(audit_entries))

    assert [(one.asset_key.to_user_string(), one.partition) for one in told] == [
        ("payments", None),
        ("tickets", "wisuda-2026"),
        ("ticket_pdfs", "wisuda-2026"),
        ("tickets", "konser"),
        ("ticket_pdfs", "konser"),
    ]
    assert told[0].metadata["applied"].value == 3
    assert told[0].metadata["settled by"].value == "cli:ayu, worker"
    assert told[4].metadata["rendered"].value == 3
