"""Tests of what is done with each file in the drop folder: nothing is ignored silently."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.roster.drop_folder.scan import (
    DropFolderFiles,
    FileSnapshot,
    list_snapshots,
    sort_files,
)

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
INBOX = Path("inbox")
OLD = FileSnapshot(INBOX / "wisuda/a.csv", 100, NOW - timedelta(minutes=1))


def sort(listing: list[FileSnapshot], previous: list[FileSnapshot]) -> DropFolderFiles:
    """Sort the files with one known event."""
    return sort_files(INBOX, listing, previous, events=["wisuda"], now=NOW)


def sort_unchanged(place: str) -> DropFolderFiles:
    """Sort one file that has not changed for a minute."""
    seen = [FileSnapshot(INBOX / place, 100, OLD.changed_at)]
    return sort(seen, seen)


def test_a_quiet_file_seen_twice_is_ready() -> None:
    assert sort([OLD], [OLD]) == DropFolderFiles(ready=[OLD.path])


@pytest.mark.parametrize(
    "previous",
    [
        [],
        [FileSnapshot(OLD.path, 99, OLD.changed_at)],
        [FileSnapshot(OLD.path, 100, OLD.changed_at - timedelta(seconds=1))],
        [FileSnapshot(INBOX / "other/a.csv", 100, OLD.changed_at)],
    ],
)
def test_a_file_not_seen_alike_before_waits(previous: list[FileSnapshot]) -> None:
    assert sort([OLD], previous) == DropFolderFiles(changing=[OLD.path])


@pytest.mark.parametrize("place", ["wisuda/a.csv", "wisuda/a.txt", "a.csv"])
def test_a_file_changed_a_moment_ago_waits_wherever_it_is(place: str) -> None:
    fresh = FileSnapshot(INBOX / place, 100, NOW - timedelta(seconds=2))

    assert sort([fresh], [fresh]) == DropFolderFiles(changing=[fresh.path])


@pytest.mark.parametrize(
    "name",
    ["a.csv", "a.CSV", "a.xlsx", "A.XLSX", "a.xls", "a.ods", "a.part.csv", "a.tmp.xlsx", "~a.csv"],
)
def test_only_the_end_of_a_name_decides_about_its_type(name: str) -> None:
    assert [path.name for path in sort_unchanged(f"wisuda/{name}").ready] == [name]


@pytest.mark.parametrize(
    "name", [".a.csv", "~$lock.xlsx", ".~lock.a.csv#", "a.csv.part", "a.tmp", "a.csv.crdownload"]
)
def test_temporary_files_are_left_alone_and_named(name: str) -> None:
    found = sort_unchanged(f"wisuda/{name}")

    assert found == DropFolderFiles(temporary=[INBOX / "wisuda" / name])
    assert found.describe().endswith(f"1 temporary and skipped: {name}")


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("a.csv", "a.csv is in no event's folder"),
        ("wisuda-2027/a.csv", "no event 'wisuda-2027'"),
        ("wisuda/gelombang 2/a.csv", "is in the folder wisuda/gelombang 2; move it into wisuda"),
        ("wisuda/list.csv.txt", "list.csv.txt does not end in .csv, .xlsx, .xlsm, .xls, .ods"),
        ("wisuda/foto.jpg", "foto.jpg does not end in"),
        ("wisuda/peserta", "peserta does not end in"),
    ],
)
def test_what_cannot_be_imported_is_refused_with_the_reason(place: str, reason: str) -> None:
    (refused,) = sort_unchanged(place).refused

    assert refused.path == INBOX / place
    assert reason in refused.reason


def test_the_oldest_comes_first() -> None:
    older = FileSnapshot(INBOX / "wisuda/z.CSV", 1, OLD.changed_at - timedelta(hours=1))

    assert sort([OLD, older], [older, OLD]).ready == [older.path, OLD.path]


def test_files_at_any_depth_are_listed_except_archived_ones(tmp_path: Path) -> None:
    for place in ("a.csv", "w/b.csv", "w/x/c.csv", "w/done/d.csv", "failed/e.csv", "w/failed/f"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).touch()

    listed = {str(one.path.relative_to(tmp_path)) for one in list_snapshots(tmp_path)}

    assert listed == {"a.csv", "w/b.csv", "w/x/c.csv"}


sightings = st.builds(
    FileSnapshot,
    st.sampled_from([INBOX / "wisuda/a.csv", INBOX / "b.csv", INBOX / "wisuda/c.part"]),
    st.integers(0, 2),
    st.sampled_from([NOW, NOW - timedelta(seconds=10)]),
)


@given(st.lists(sightings), st.lists(sightings))
def test_every_listed_file_is_in_exactly_one_group_and_ready_only_if_seen_twice(
    listing: list[FileSnapshot], previous: list[FileSnapshot]
) -> None:
    found = sort(listing, previous)

    refused = [one.path for one in found.refused]
    groups = [*found.ready, *refused, *found.temporary, *found.changing]
    assert sorted(groups) == sorted(one.path for one in listing)
    assert set(found.ready) <= {one.path for one in set(listing) & set(previous)}
