"""Tests of the run queue: Dagster's own coordinator decides, with the limits that we deploy."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.instance_for_test import instance_for_test
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import (
    QueuedRunCoordinatorDaemon,
)

from schedules.maintenance import expire_orders_every_10_minutes
from ticketing.platform.paths import PROJECT_ROOT

OPERATIONAL_JOBS = [
    "order_expiry", "payment_reconciliation", "send_alert_digest", "voucher_maintenance",
    "webhooks", "mail_bounces", "apply_sending_rules", "backup",
]  # fmt: skip
BUYERS_WAIT_FOR = ["fulfil_paid_orders", "provision_vouchers", "deliver_messages"]
DEPLOYED = PROJECT_ROOT / "deploy" / "dagster_home" / "dagster.yaml"
REPOSITORY = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("ticket_assets"), "__repository__")
Queue = Callable[..., None]


@pytest.fixture
def queued_instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """Create an instance with the queue and the limits of the deployed one."""
    deployed = yaml.safe_load(DEPLOYED.read_text(encoding="utf-8"))
    parts = {name: deployed[name] for name in ("run_coordinator", "concurrency")}
    with instance_for_test(overrides=parts, temp_dir=str(tmp_path)) as instance:
        yield instance


@pytest.fixture
def enqueue(location: dg.Definitions, queued_instance: dg.DagsterInstance) -> Queue:
    """Return a function that queues runs of a job, one per partition."""

    def add(
        job_name: str, *partitions: str, status: dg.DagsterRunStatus = dg.DagsterRunStatus.QUEUED,
        **tags: str,
    ) -> None:  # fmt: skip
        urgency = location.resolve_job_def(job_name).run_tags
        given = {f"dagster/{name}": value for name, value in tags.items()}
        of_partitions = [{"dagster/partition": each} for each in partitions] or [{}]
        for of_partition in of_partitions:
            run = dg.DagsterRun(
                job_name,
                status=status,
                tags={**urgency, **given, **of_partition},
                remote_job_origin=RemoteJobOrigin(REPOSITORY, job_name),
            )
            queued_instance.add_run(run)

    return add


@pytest.fixture
def next_jobs(queued_instance: dg.DagsterInstance) -> Callable[[], list[str]]:
    """Return a function that lists the jobs whose runs the coordinator would start now."""
    # pages of ten, so that few runs fill several of them
    coordinator = QueuedRunCoordinatorDaemon(interval_seconds=1, page_size=10)

    def choose() -> list[str]:
        limits = queued_instance.get_concurrency_config()
        runs = coordinator._get_runs_to_dequeue(queued_instance, limits, None)  # noqa: SLF001
        return [run.job_name for run in runs]

    return choose


def test_a_backfill_of_many_events_takes_one_slot_and_urgent_jobs_overtake_it(
    enqueue: Queue, next_jobs: Callable[[], list[str]]
) -> None:
    enqueue("issue_event_tickets", *(f"event-{n}" for n in range(24)), backfill="all-events")
    alone = next_jobs()
    enqueue("order_expiry")
    enqueue("fulfil_paid_orders")

    assert alone == ["issue_event_tickets"]
    assert next_jobs() == ["fulfil_paid_orders", "order_expiry", "issue_event_tickets"]


def test_while_a_backfill_and_an_import_run_maintenance_starts_and_no_other_event(
    enqueue: Queue, next_jobs: Callable[[], list[str]]
) -> None:
    started = dg.DagsterRunStatus.STARTED
    enqueue("issue_event_tickets", "wisuda", status=started, backfill="all-events")
    enqueue("import_roster", "konser", status=started)
    enqueue("issue_event_tickets", "gala", backfill="all-events")
    enqueue("check_event", "pameran")
    of_events = next_jobs()
    enqueue("payment_reconciliation")

    assert of_events == []
    assert next_jobs() == ["payment_reconciliation"]


def test_jobs_that_buyers_or_staff_wait_for_have_a_priority(location: dg.Definitions) -> None:
    priorities = {
        job.name: job.tags["dagster/priority"]
        for job in location.get_repository_def().get_all_jobs()
        if "dagster/priority" in job.tags
    }

    assert priorities == dict.fromkeys(OPERATIONAL_JOBS, "10") | dict.fromkeys(
        BUYERS_WAIT_FOR, "20"
    )


def test_a_schedule_skips_while_a_run_of_its_job_is_queued(
    enqueue: Queue, queued_instance: dg.DagsterInstance
) -> None:
    context = dg.build_schedule_context(
        instance=queued_instance, scheduled_execution_time=datetime(2026, 11, 20, 8, tzinfo=UTC)
    )
    idle = expire_orders_every_10_minutes(context)
    enqueue("order_expiry")

    assert isinstance(idle, dg.RunRequest)
    assert expire_orders_every_10_minutes(context) == dg.SkipReason(
        "a run of order_expiry is already queued or running"
    )
