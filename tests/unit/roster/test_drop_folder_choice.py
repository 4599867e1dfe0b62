"""Tests of choosing files from the drop folder: those that stopped growing."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.roster.drop_folder import FileSnapshot, select_ready_files

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
OLD = FileSnapshot(Path("inbox/wisuda/a.csv"), 100, NOW - timedelta(minutes=1))


def test_a_quiet_file_seen_twice_is_ready() -> None:
    assert select_ready_files([OLD], [OLD], NOW) == [OLD.path]


@pytest.mark.parametrize(
    "previous",
    [
        [],
        [FileSnapshot(OLD.path, 99, OLD.changed_at)],
        [FileSnapshot(OLD.path, 100, OLD.changed_at - timedelta(seconds=1))],
        [FileSnapshot(Path("inbox/other/a.csv"), 100, OLD.changed_at)],
    ],
)
def test_a_file_not_seen_alike_before_waits(previous: list[FileSnapshot]) -> None:
    assert select_ready_files([OLD], previous, NOW) == []


def test_a_file_changed_a_moment_ago_waits() -> None:
    fresh = FileSnapshot(OLD.path, 100, NOW - timedelta(seconds=2))

    assert select_ready_files([fresh], [fresh], NOW) == []


@pytest.mark.parametrize(
    "name",
    [".a.csv", "~a.csv", "#a.csv", "a.csv.part", "a.part.csv", "a.tmp", "a.csv.crdownload",
     "a.xlsx", "a", ".~lock.a.csv#"],
)  # fmt: skip
def test_hidden_and_unfinished_files_are_left_alone(name: str) -> None:
    seen = FileSnapshot(Path("inbox/wisuda") / name, 100, OLD.changed_at)

    assert select_ready_files([seen], [seen], NOW) == []


def test_the_oldest_comes_first() -> None:
    older = FileSnapshot(Path("inbox/wisuda/z.CSV"), 1, OLD.changed_at - timedelta(hours=1))

    assert select_ready_files([OLD, older], [older, OLD], NOW) == [older.path, OLD.path]


sightings = st.builds(
    FileSnapshot,
    st.sampled_from([Path("a.csv"), Path("b.csv"), Path("c.part")]),
    st.integers(0, 2),
    st.sampled_from([NOW, NOW - timedelta(seconds=10)]),
)


@given(st.lists(sightings), st.lists(sightings))
def test_only_files_of_both_scans_are_ready(
    listing: list[FileSnapshot], previous: list[FileSnapshot]
) -> None:
    both = {seen.path for seen in set(listing) & set(previous)}

    assert set(select_ready_files(listing, previous, NOW)) <= both
