"""Tests of the nightly backup: it is verified, old files go, and without a passphrase it waits."""

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from pydantic import SecretStr

from ticketing.backup import queries
from ticketing.platform.application import Application
from ticketing.platform.settings import Settings

NIGHT = datetime(2026, 12, 1, 20, 15, tzinfo=UTC)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Return settings with a passphrase."""
    return settings.model_copy(
        update={"backup_passphrase": SecretStr("six random words of a test")}
    )


@pytest.mark.slow
def test_the_job_leaves_a_verified_backup(
    location: dg.Definitions, instance: dg.DagsterInstance, application: Application
) -> None:
    done = location.resolve_job_def("backup").execute_in_process(instance=instance)

    (made,) = application.database.run(queries.list_backups)
    assert done.success
    assert made.verified_at is not None
    assert Path(application.settings.backups, made.file_name).stat().st_size == made.size


@pytest.mark.parametrize("passphrase", [None, SecretStr("six random words of a test")])
def test_the_schedule_runs_only_with_a_passphrase(
    location: dg.Definitions,
    idle_instance: dg.DagsterInstance,
    application: Application,
    passphrase: SecretStr | None,
) -> None:
    application.settings.backup_passphrase = passphrase
    schedule = location.resolve_schedule_def("back_up_nightly")

    with dg.build_schedule_context(
        idle_instance, scheduled_execution_time=NIGHT, resources={"application": application}
    ) as context:
        tick = schedule.evaluate_tick(context)

    assert len(tick.run_requests or []) == (passphrase is not None)
    assert ("BACKUP_PASSPHRASE" in (tick.skip_message or "")) is (passphrase is None)
