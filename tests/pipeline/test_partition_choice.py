"""Tests of choosing partitions and runs for events, without a database."""

from hypothesis import given
from hypothesis import strategies as st

from schedules.missing_tickets import runnable_events
from ticket_assets.partitions import events_without_partition

slugs = st.from_regex(r"[a-z0-9]{1,6}", fullmatch=True)


@given(stored=st.lists(slugs), known=st.sets(slugs))
def test_after_one_tick_every_event_has_its_partition(stored: list[str], known: set[str]) -> None:
    added = events_without_partition(stored, known)

    assert set(stored) <= known | set(added)
    assert not known & set(added)
    assert len(added) == len(set(added))


def test_a_run_is_requested_only_for_events_with_missing_tickets() -> None:
    missing = {"wisuda-2026": 2, "konser": 0, "not-yet-a-partition": 9}

    assert runnable_events(missing, {"wisuda-2026", "konser"}) == ["wisuda-2026"]
