"""Tests of the gauges of the sync of payment records."""

from collections.abc import Callable

from tests.plugins.billing_source import School
from ticketing.billing.sources.contract import FailureClass
from ticketing.billing.sync.run import SyncRun
from ticketing.monitoring.billing_metrics import BillingCollector
from ticketing.platform.db.database import Database


def test_gauges_show_states_failures_and_that_a_record_was_never_fetched(
    school: School, sync: Callable[[], SyncRun], database: Database
) -> None:
    school.enrol(5)
    school.failures["0000002"].extend([FailureClass.NOT_FOUND] * 3)
    run = sync()

    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for metric in BillingCollector(database).collect()
        for sample in metric.samples
    }

    assert run.finished_at is not None
    assert samples["payment_sync_students", "school", "succeeded"] == 4
    assert samples["payment_sync_students", "school", "failed"] == 1
    assert samples["payment_sync_failures", "school", "not_found"] == 1
    assert samples["payment_sync_last_completed_timestamp_seconds", "school"] == (
        run.finished_at.timestamp()
    )
    assert samples["payment_records_oldest_timestamp_seconds", "school"] == 0
