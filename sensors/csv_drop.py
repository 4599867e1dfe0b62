"""Rosters dropped into `<inbox>/<event>/` are imported, one run a file.

No run key: one made of the content would swallow a file that is dropped again on purpose. The file
itself is the state. It leaves the folder when its import has ended, and until then the run that is
to take it carries its name.
"""

import json
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

from ticket_assets.jobs import import_roster
from ticket_assets.partitions import EVENT_PARTITIONS_NAME
from ticketing.platform.application import Application
from ticketing.roster.drop_folder import FileSnapshot, select_ready_files

FILE_TAG = "ticketing/file"
ACTIVE_STATUSES = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]


def importable_files(
    ready: Iterable[Path], events: Collection[str], active_tags: Collection[str]
) -> list[Path]:
    """The files of known events that no run is about to take; the folder's name is the event's."""
    return [
        path for path in ready if path.parent.name in events and _file_tag(path) not in active_tags
    ]


def _file_tag(path: Path) -> str:
    """A file as the tag of its run names it."""
    return f"{path.parent.name}/{path.name}"


@dg.sensor(
    job=import_roster,
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def csv_drop(
    context: dg.SensorEvaluationContext, application: dg.ResourceParam[Application]
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Asks for the import of every roster that was dropped and has stopped growing."""
    seen = list(list_snapshots(application.settings.inbox))
    ready = select_ready_files(seen, parse_cursor(context.cursor), datetime.now(UTC))
    partitions = context.instance.get_dynamic_partitions(EVENT_PARTITIONS_NAME)
    files = importable_files(ready, partitions, _active_file_tags(context.instance))
    for path in files:
        yield run_request(path)
    if not files:
        yield dg.SkipReason(f"{len(seen)} files in {application.settings.inbox}, none to take now")
    context.update_cursor(serialize_cursor(seen))


def run_request(path: Path) -> dg.RunRequest:
    """The run that imports one dropped file and files it away."""
    config = {"path": str(path), "dropped": True}
    return dg.RunRequest(
        partition_key=path.parent.name,
        run_config={"ops": {"attendees": {"config": config}}},
        tags={FILE_TAG: _file_tag(path)},
    )


def list_snapshots(inbox: Path) -> Iterator[FileSnapshot]:
    """The files of every event's folder as they are now."""
    for path in sorted(inbox.glob("*/*")):
        try:
            known = path.stat()
        except FileNotFoundError:
            continue  # taken between the listing and the look
        if path.is_file():
            yield FileSnapshot(path, known.st_size, datetime.fromtimestamp(known.st_mtime, tz=UTC))


def serialize_cursor(snapshots: Iterable[FileSnapshot]) -> str:
    """What the next tick compares with."""
    return json.dumps([[str(one.path), one.size, one.changed_at.isoformat()] for one in snapshots])


def parse_cursor(cursor: str | None) -> list[FileSnapshot]:
    """What the last tick saw."""
    return [
        FileSnapshot(Path(path), size, datetime.fromisoformat(changed_at))
        for path, size, changed_at in json.loads(cursor or "[]")
    ]


def _active_file_tags(instance: DagsterInstance) -> set[str]:
    runs = instance.get_runs(RunsFilter(job_name=import_roster.name, statuses=ACTIVE_STATUSES))
    return {run.tags[FILE_TAG] for run in runs if FILE_TAG in run.tags}
