"""`python -m ticket_assets EVENT`: issue all that an event is missing, as a Dagster run.

For `make demo` and cron; the run uses the same job, instance and checks as a run started in
Dagster's UI.
"""

import sys
from datetime import UTC, datetime

import dagster as dg

from ticket_assets.definitions import defs
from ticket_assets.jobs import issue_event_tickets
from ticket_assets.partitions import EVENT_PARTITIONS

# the main figures; the UI shows all
SHOWN_METADATA = (
    "entitled", "missing", "created", "skipped", "rendered", "unchanged", "failed", "generated",
)  # fmt: skip
QUIET_CONFIG = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def main(event: str) -> int:
    """Run the job for one event; return 0 if it and all checks succeeded."""
    job = defs().resolve_job_def(issue_event_tickets.name)
    with dg.DagsterInstance.get() as instance:
        instance.add_dynamic_partitions(str(EVENT_PARTITIONS.name), [event])
        started_at = datetime.now(UTC)
        result = job.execute_in_process(
            instance=instance, partition_key=event, run_config=QUIET_CONFIG, raise_on_error=False
        )
    seconds = (datetime.now(UTC) - started_at).total_seconds()
    print(f"Dagster run {result.run_id[:8]} of {job.name} for {event}, {seconds:.1f} s")  # noqa: T201
    for line in [*_materialization_lines(result), *_check_lines(result), *_failure_lines(result)]:
        print(f"  {line}")  # noqa: T201 - this module is a command
    checks = result.get_asset_check_evaluations()
    return 0 if result.success and all(check.passed for check in checks) else 1


def _materialization_lines(result: dg.ExecuteInProcessResult) -> list[str]:
    lines = []
    for event in result.get_asset_materialization_events():
        values = event.materialization.metadata
        figures = [f"{name} {values[name].value:,}" for name in SHOWN_METADATA if name in values]
        lines.append(f"{event.materialization.asset_key.to_user_string():<18} {', '.join(figures)}")
    return lines


def _check_lines(result: dg.ExecuteInProcessResult) -> list[str]:
    checks = result.get_asset_check_evaluations()
    failed = [
        f"check {check.check_name}: {check.description}" for check in checks if not check.passed
    ]
    return [f"{'checks':<18} {len(checks) - len(failed)} of {len(checks)} passed", *failed]


def _failure_lines(result: dg.ExecuteInProcessResult) -> list[str]:
    failures = [event for event in result.all_events if event.is_step_failure]
    return [f"{failure.step_key}: {failure.step_failure_data.error_display_string}"
            for failure in failures]  # fmt: skip


if __name__ == "__main__":
    if len(sys.argv) != 2:  # noqa: PLR2004 - program and event
        sys.exit("usage: python -m ticket_assets EVENT")
    sys.exit(main(sys.argv[1]))
