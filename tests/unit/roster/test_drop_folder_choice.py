"""A dropped file is taken once it has stopped growing, and unfinished ones are left alone."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.roster.drop_folder import Sighting, files_ready

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
OLD = Sighting(Path("inbox/wisuda/a.csv"), 100, NOW - timedelta(minutes=1))


def test_a_quiet_file_seen_twice_is_ready() -> None:
    assert files_ready([OLD], [OLD], NOW) == [OLD.path]


@pytest.mark.parametrize(
    "previous",
    [
        [],
        [Sighting(OLD.path, 99, OLD.changed_at)],
        [Sighting(OLD.path, 100, OLD.changed_at - timedelta(seconds=1))],
        [Sighting(Path("inbox/other/a.csv"), 100, OLD.changed_at)],
    ],
)
def test_a_file_not_seen_alike_before_waits(previous: list[Sighting]) -> None:
    assert files_ready([OLD], previous, NOW) == []


def test_a_file_changed_a_moment_ago_waits() -> None:
    fresh = Sighting(OLD.path, 100, NOW - timedelta(seconds=2))

    assert files_ready([fresh], [fresh], NOW) == []


@pytest.mark.parametrize(
    "name",
    [".a.csv", "~a.csv", "#a.csv", "a.csv.part", "a.part.csv", "a.tmp", "a.csv.crdownload",
     "a.xlsx", "a", ".~lock.a.csv#"],
)  # fmt: skip
def test_hidden_and_unfinished_files_are_left_alone(name: str) -> None:
    seen = Sighting(Path("inbox/wisuda") / name, 100, OLD.changed_at)

    assert files_ready([seen], [seen], NOW) == []


def test_the_oldest_comes_first() -> None:
    older = Sighting(Path("inbox/wisuda/z.CSV"), 1, OLD.changed_at - timedelta(hours=1))

    assert files_ready([OLD, older], [older, OLD], NOW) == [older.path, OLD.path]


sightings = st.builds(
    Sighting,
    st.sampled_from([Path("a.csv"), Path("b.csv"), Path("c.part")]),
    st.integers(0, 2),
    st.sampled_from([NOW, NOW - timedelta(seconds=10)]),
)


@given(st.lists(sightings), st.lists(sightings))
def test_only_what_both_looks_saw_is_ready(
    listing: list[Sighting], previous: list[Sighting]
) -> None:
    both = {seen.path for seen in set(listing) & set(previous)}

    assert set(files_ready(listing, previous, NOW)) <= both
