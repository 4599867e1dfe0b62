"""Tests of the sensor and the job for rosters in the drop folder."""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.dropped_rosters import (
    FILE_TAG,
    dropped_rosters,
    importable_files,
    parse_cursor,
    serialize_cursor,
)
from ticketing.events.model import Event
from ticketing.platform.application import Application
from ticketing.platform.db import incidents
from ticketing.platform.db.incidents import IncidentKind
from ticketing.roster.drop_folder.scan import FileSnapshot

LIST = "id,name,email\n1,Ayu Lestari,ayu@example.org\n2,Budi Santoso,budi@example.org\n"
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC).timestamp()

Tick = Callable[[], list[dg.RunRequest]]


@pytest.fixture
def folder(application: Application, roster: Event) -> Path:
    """Create the event's drop folder."""
    path = application.settings.inbox / roster.slug
    path.mkdir(parents=True)
    return path


@pytest.fixture
def dropped(folder: Path) -> Path:
    """Write a roster of two guests that has not changed for a while."""
    path = folder / "list.csv"
    path.write_text(LIST, encoding="utf-8")
    os.utime(path, (LONG_AGO, LONG_AGO))
    return path


@pytest.fixture
def tick(instance: dg.DagsterInstance, application: Application) -> Tick:
    """Return a function that evaluates the sensor with its last cursor."""
    context = dg.build_sensor_context(instance=instance, resources={"application": application})

    def fetch() -> list[dg.RunRequest]:
        return [answer for answer in dropped_rosters(context) if isinstance(answer, dg.RunRequest)]

    return fetch


@pytest.fixture
def run(
    instance: dg.DagsterInstance, location: dg.Definitions
) -> Callable[[dg.RunRequest], dg.ExecuteInProcessResult]:
    """Return a function that executes a run request."""

    def execute(request: dg.RunRequest) -> dg.ExecuteInProcessResult:
        return location.resolve_job_def("import_roster").execute_in_process(
            instance=instance,
            partition_key=request.partition_key,
            run_config=request.run_config,
            tags=dict(request.tags),
            raise_on_error=False,
        )

    return execute


def test_a_run_is_requested_for_a_file_seen_twice_unchanged(tick: Tick, dropped: Path) -> None:
    first, second = tick(), tick()

    assert first == []
    assert [request.partition_key for request in second] == ["wisuda-2026"]
    assert second[0].run_config["ops"]["entitlements"]["config"]["path"] == str(dropped)
    assert second[0].run_key is None


def test_a_file_that_still_grows_is_left_alone(tick: Tick, dropped: Path) -> None:
    tick()

    with dropped.open("a", encoding="utf-8") as file:
        file.write("3,Citra,citra@example.org\n")

    assert tick() == []


@pytest.mark.usefixtures("dropped")
def test_a_file_with_a_queued_run_is_not_requested_again(
    tick: Tick, instance: dg.DagsterInstance, location: dg.Definitions
) -> None:
    tick()
    (request,) = tick()
    instance.create_run_for_job(
        location.resolve_job_def("import_roster"),
        tags=dict(request.tags),
        status=dg.DagsterRunStatus.STARTED,
    )

    assert tick() == []


@pytest.mark.usefixtures("dropped")
def test_a_file_with_a_failed_run_is_requested_again(
    tick: Tick, instance: dg.DagsterInstance, location: dg.Definitions
) -> None:
    tick()
    (request,) = tick()
    instance.create_run_for_job(
        location.resolve_job_def("import_roster"),
        tags=dict(request.tags),
        status=dg.DagsterRunStatus.FAILURE,
    )

    assert len(tick()) == 1


def test_an_imported_file_adds_guests_and_is_filed_with_its_report(
    tick: Tick, run: Callable[[dg.RunRequest], dg.ExecuteInProcessResult], dropped: Path
) -> None:
    tick()
    (request,) = tick()

    said = run(request).asset_materializations_for_node("entitlements")[0].metadata

    assert said["inserted"].value == 2
    assert not dropped.exists()
    (report,) = (dropped.parent / "done").glob("*.report.json")
    assert json.loads(report.read_text(encoding="utf-8"))["succeeded"]
    assert tick() == []


def test_an_invalid_file_is_filed_as_failed_and_the_run_names_the_reason(
    tick: Tick, run: Callable[[dg.RunRequest], dg.ExecuteInProcessResult], dropped: Path
) -> None:
    dropped.write_bytes(b"\0\1\2\3" * 50)
    os.utime(dropped, (LONG_AGO, LONG_AGO))
    tick()
    (request,) = tick()

    result = run(request)

    assert not result.success
    assert len(list((dropped.parent / "failed").glob("*.csv"))) == 1
    assert tick() == []


def test_a_repeated_run_after_the_file_was_filed_succeeds(
    tick: Tick, run: Callable[[dg.RunRequest], dg.ExecuteInProcessResult], dropped: Path
) -> None:
    tick()
    (request,) = tick()
    run(request)

    again = run(request)

    assert again.success
    said = again.asset_materializations_for_node("entitlements")[0].metadata
    assert "an earlier run imported it" in said["outcome"].value
    assert not dropped.exists()


def test_only_files_of_known_events_without_a_run_are_requested() -> None:
    files = [Path("inbox/a/1.csv"), Path("inbox/a/2.csv"), Path("inbox/unknown/1.csv")]

    assert importable_files(files, {"a"}, {"a/2.csv"}) == [Path("inbox/a/1.csv")]


@given(
    st.lists(
        st.builds(
            FileSnapshot,
            st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1).map(Path),
            st.integers(0),
            st.datetimes(timezones=st.just(UTC)),
        )
    )
)
def test_the_cursor_round_trips_the_observed_files(seen: list[FileSnapshot]) -> None:
    assert parse_cursor(serialize_cursor(seen)) == seen


def test_the_tag_of_a_run_names_event_and_file(tick: Tick, dropped: Path) -> None:
    tick()
    (request,) = tick()

    assert request.tags[FILE_TAG] == f"wisuda-2026/{dropped.name}"


def test_a_file_that_cannot_be_imported_is_filed_with_report_and_incident(
    tick: Tick, application: Application, folder: Path
) -> None:
    wrong = folder / "list.csv.txt"
    wrong.write_text(LIST, encoding="utf-8")
    os.utime(wrong, (LONG_AGO, LONG_AGO))
    tick()

    assert tick() == []

    (report,) = (folder / "failed").glob("list.csv.*.report.txt")
    assert "does not end in .csv" in report.read_text(encoding="utf-8")
    (incident,) = application.database.run(incidents.list_open)
    assert (incident.kind, incident.event_slug) == (IncidentKind.ROSTER, folder.name)
    assert f"the file is now {folder.name}/failed/list.csv." in incident.message


def test_an_incident_about_a_file_ends_when_the_file_is_removed(
    tick: Tick, application: Application
) -> None:
    wrong = application.settings.inbox / "list.csv"
    wrong.parent.mkdir()
    wrong.write_text(LIST, encoding="utf-8")
    os.utime(wrong, (LONG_AGO, LONG_AGO))
    tick()
    tick()
    assert len(application.database.run(incidents.list_open)) == 1

    for filed in (application.settings.inbox / "failed").iterdir():
        filed.unlink()
    tick()

    assert application.database.run(incidents.list_open) == []
