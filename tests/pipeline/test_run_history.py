"""Tests of the deletion of old runs from Dagster's storage."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.storage.runs.schema import RunsTable
from dagster._core.storage.runs.sql_run_storage import SqlRunStorage
from sqlalchemy import update

from ticket_assets import run_history
from ticketing.events.model import Event

LATER = datetime.now(UTC) + timedelta(days=1)


@pytest.fixture
def runs(location: dg.Definitions, instance: dg.DagsterInstance, issued: Event) -> list[str]:
    """Check the event's tickets twice; return the ids of the runs, the older one first."""
    job = location.resolve_job_def("check_event")
    return [
        job.execute_in_process(
            instance=instance, partition_key=issued.slug, raise_on_error=False
        ).run_id
        for _ in range(2)
    ]


def test_a_run_is_deleted_when_later_ones_have_newer_results(
    location: dg.Definitions, instance: dg.DagsterInstance, runs: list[str]
) -> None:
    storage = instance.run_storage
    assert isinstance(storage, SqlRunStorage)
    with storage.connect() as connection:
        connection.execute(update(RunsTable).values(update_timestamp=datetime(2025, 1, 1)))  # noqa: DTZ001 - Dagster's have none
    older, newer = runs
    job = location.resolve_job_def("run_history")
    counted = job.execute_in_process(
        instance=instance,
        run_config={"ops": {"delete_old_runs": {"config": {"dry_run": True}}}},
    )
    assert instance.has_run(older)

    assert job.execute_in_process(instance=instance).success

    assert counted.success
    assert not instance.has_run(older)
    assert instance.has_run(newer)


def test_the_latest_results_stay(instance: dg.DagsterInstance, runs: list[str]) -> None:
    kept = set(instance.get_run_ids()) - set(run_history.list_superseded_runs(instance, LATER))
    asset = dg.AssetKey("missing_tickets")
    before = instance.get_latest_materialization_event(asset)

    run_history.delete_superseded_reports(instance, LATER)

    assert runs[1] in kept
    assert before is not None
    assert before.run_id in kept
    assert instance.get_latest_materialization_event(asset) == before


def test_superseded_reports_of_sensors_are_deleted(instance: dg.DagsterInstance) -> None:
    for _ in range(3):
        instance.report_runless_asset_event(dg.AssetMaterialization("vouchers"))

    assert run_history.delete_superseded_reports(instance, LATER) == 2
    assert run_history.delete_superseded_reports(instance, LATER) == 0
    assert instance.get_latest_materialization_event(dg.AssetKey("vouchers")) is not None
