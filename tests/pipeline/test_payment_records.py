"""Tests of the assets and checks of synced payment records."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import dagster as dg
import pytest

from tests.plugins.billing_source import FAST, School, spp
from ticketing.billing.sources.contract import Bill, FailureClass, PaymentState
from ticketing.billing.sync.control import cancel_run
from ticketing.billing.sync.drive import BillingConnector
from ticketing.platform.application import Application

Sync = Callable[[], dg.ExecuteInProcessResult]


@pytest.fixture
def sync(
    location: dg.Definitions, instance: dg.DagsterInstance, application: Application, school: School
) -> Sync:
    """Return a function that runs the job with three students of a source in memory."""
    school.enrol(3)
    connector = BillingConnector("school", lambda _gate: school, limit=FAST, concurrency=2)
    application.register_value(BillingConnector, connector)
    job = location.resolve_job_def("sync_payment_records")
    return lambda: job.execute_in_process(instance=instance, raise_on_error=False)


def metadata_of(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    """Return the values of the materialisation's metadata."""
    [event] = result.get_asset_materialization_events()
    return {name: value.value for name, value in event.materialization.metadata.items()}


def failed_checks(result: dg.ExecuteInProcessResult) -> set[str]:
    """Return the names of the checks that failed."""
    return {one.check_name for one in result.get_asset_check_evaluations() if not one.passed}


def test_a_sync_states_what_changed_and_the_arrears_that_are_left(
    sync: Sync, school: School
) -> None:
    school.bills["0000002"] += [spp(month=f"2026-{month:02}") for month in (8, 9)]
    first = metadata_of(sync())
    school.bills["0000000"] = [spp(paid=350_000), spp(month="2026-08")]
    del school.bills["0000002"][1]
    second = metadata_of(sync())

    assert (first["first records"], first["bills appeared"]) == (3, 0)
    assert (first["students in arrears"], first["arrears"]) == (2, 1_400_000)
    changes = [second[f"bills {kind}"] for kind in ("appeared", "changed", "vanished")]
    assert changes == [1, 1, 1]
    assert (second["newly paid"], second["unchanged"]) == (350_000, 1)
    assert (second["students in arrears"], second["arrears"]) == (2, 1_050_000)
    assert "| 0000000 |" in second["differences"]
    assert "| up to a day | 3 |" in second["age of records"]


def test_a_sync_that_is_cancelled_elsewhere_fails_the_run_and_the_next_goes_on(
    sync: Sync, school: School, application: Application
) -> None:
    def cancel_after_the_first_request() -> None:
        while not school.asked:
            time.sleep(0.01)
        cancel_run(application.database, "school", by="bursar", at=datetime.now(UTC))

    school.enrol(200)
    school.latency = 0.05
    canceller = threading.Thread(target=cancel_after_the_first_request)
    canceller.start()
    cancelled = sync()
    canceller.join()
    school.latency = 0.0

    [failure] = [event for event in cancelled.all_events if event.is_step_failure]
    assert "the sync was cancelled" in str(failure.step_failure_data.error)
    assert metadata_of(sync())["dagster/row_count"] == 200
    assert len({student for _, student in school.asked}) == len(school.asked)


def test_checks_find_failures_unknown_records_and_contradictions(
    sync: Sync, school: School
) -> None:
    bill = spp()
    stated = Bill(
        bill.source_ref, bill.bill_code, bill.period, Decimal(1000), Decimal(0),
        PaymentState.UNPAID, PaymentState.PAID, None,
    )  # fmt: skip
    school.bills["0000000"] = [stated]
    school.failures["0000002"].extend([FailureClass.NOT_FOUND] * 3)

    assert failed_checks(sync()) == {
        "payment_records_are_fresh", "sync_failures_below_threshold", "stated_states_match_amounts",
    }  # fmt: skip


def test_without_a_source_the_run_says_what_to_set_and_the_schedule_starts_none(
    location: dg.Definitions, instance: dg.DagsterInstance, application: Application,
    idle_instance: dg.DagsterInstance,
) -> None:  # fmt: skip
    application.register_value(BillingConnector, None)  # type: ignore[arg-type]
    job = location.resolve_job_def("sync_payment_records")
    result = job.execute_in_process(instance=instance, raise_on_error=False)
    schedule = location.resolve_schedule_def("sync_payments_nightly")
    with dg.build_schedule_context(
        idle_instance, scheduled_execution_time=datetime(2026, 12, 1, 18, 30, tzinfo=UTC),
        resources={"application": application},
    ) as context:  # fmt: skip
        tick = schedule.evaluate_tick(context)

    [failure] = [event for event in result.all_events if event.is_step_failure]
    assert "BILLING_MAPPING" in str(failure.step_failure_data.error)
    assert "BILLING_URL" in str(tick.skip_message)
