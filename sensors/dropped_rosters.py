"""Import of rosters dropped into `<inbox>/<event>/`, one run per file.

There is no run key: a key made from the content would ignore a file that is dropped again on
purpose. The file leaves the folder when its import ends; until then a tag of the run names it.
"""

import json
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
from dagster import DagsterInstance, RunsFilter

from sensors.running_sensor import running_sensor
from ticket_assets.jobs import import_roster
from ticket_assets.partitions import EVENT_PARTITIONS_NAME
from ticket_assets.run_queue import ACTIVE_STATUSES
from ticketing.events import queries as event_queries
from ticketing.platform.application import Application
from ticketing.roster.drop_folder.refused_files import file_refused, resolve_removed
from ticketing.roster.drop_folder.scan import FileSnapshot, list_snapshots, sort_files

FILE_TAG = "ticketing/file"


def importable_files(
    ready: Iterable[Path], events: Collection[str], active_tags: Collection[str]
) -> list[Path]:
    """Return the files of known events that no active run imports.

    A file's folder is named like its event.
    """
    return [
        path for path in ready if path.parent.name in events and _file_tag(path) not in active_tags
    ]


def _file_tag(path: Path) -> str:
    """Return a file's name for the run's tag."""
    return f"{path.parent.name}/{path.name}"


@running_sensor(
    area="roster",
    job=import_roster,
    minimum_interval_seconds=15,
)
def dropped_rosters(
    context: dg.SensorEvaluationContext, application: dg.ResourceParam[Application]
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Starts an import of every complete roster; moves files that cannot be imported to failed/."""
    database, inbox, now = application.database, application.settings.inbox, datetime.now(UTC)
    snapshots = list(list_snapshots(inbox))
    events = database.run(event_queries.list_slugs)
    found = sort_files(inbox, snapshots, parse_cursor(context.cursor), events=events, now=now)
    for line in file_refused(database, inbox, found.refused, at=now):
        context.log.warning("not imported: %s", line)
    resolve_removed(database, inbox, at=now)
    # a new event has no partition yet: its files wait for `new_events`
    partitions = context.instance.get_dynamic_partitions(EVENT_PARTITIONS_NAME)
    files = importable_files(found.ready, partitions, _active_file_tags(context.instance))
    for path in files:
        yield run_request(path)
    if not files:
        yield dg.SkipReason(f"{inbox}: {found.describe()}; nothing to start")
    context.update_cursor(serialize_cursor(snapshots))


def run_request(path: Path) -> dg.RunRequest:
    """Return the run request that imports a dropped file."""
    config = {"path": str(path), "dropped": True}
    return dg.RunRequest(
        partition_key=path.parent.name,
        run_config={"ops": {"entitlements": {"config": config}}},
        tags={FILE_TAG: _file_tag(path)},
    )


def serialize_cursor(snapshots: Iterable[FileSnapshot]) -> str:
    """Serialise the snapshots as a cursor."""
    return json.dumps([[str(one.path), one.size, one.changed_at.isoformat()] for one in snapshots])


def parse_cursor(cursor: str | None) -> list[FileSnapshot]:
    """Parse the previous tick's snapshots."""
    return [
        FileSnapshot(Path(path), size, datetime.fromisoformat(changed_at))
        for path, size, changed_at in json.loads(cursor or "[]")
    ]


def _active_file_tags(instance: DagsterInstance) -> set[str]:
    runs = instance.get_runs(RunsFilter(job_name=import_roster.name, statuses=ACTIVE_STATUSES))
    return {run.tags[FILE_TAG] for run in runs if FILE_TAG in run.tags}
