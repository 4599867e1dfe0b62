"""Tests of ticket identities generated ahead in a thread."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.crypto.ticket_token import TicketIdentity
from ticketing.tickets.issuing.identity import PrefetchingIdentityGenerator


class NumberedSource:
    """Source that numbers its identities and counts them."""

    def __init__(self) -> None:
        self.given = 0

    def generate(self, count: int) -> list[TicketIdentity]:
        first, self.given = self.given, self.given + count
        return [TicketIdentity(str(number), bytes(10), "") for number in range(first, self.given)]


class BrokenSource:
    """Source that fails after the first call."""

    def __init__(self) -> None:
        self.called = False

    def generate(self, count: int) -> list[TicketIdentity]:
        if self.called:
            raise OSError("no randomness")
        self.called = True
        return [TicketIdentity(str(number), bytes(10), "") for number in range(count)]


@given(counts=st.lists(st.integers(0, 20), max_size=20), expected=st.integers(0, 200))
def test_each_request_gets_its_number_of_identities_and_none_twice(
    counts: list[int], expected: int
) -> None:
    with PrefetchingIdentityGenerator(NumberedSource(), expected=expected) as ahead:
        drawn = [ahead.generate(count) for count in counts]

    assert [len(identities) for identities in drawn] == counts
    codes = [identity.ticket_code for identities in drawn for identity in identities]
    assert len(set(codes)) == len(codes)


@given(chunks=st.integers(1, 5), chunk=st.integers(1, 10))
def test_no_more_are_drawn_than_expected(chunks: int, chunk: int) -> None:
    source = NumberedSource()

    with PrefetchingIdentityGenerator(source, expected=chunks * chunk) as ahead:
        for _ in range(chunks):
            ahead.generate(chunk)

    assert source.given == chunks * chunk


def test_an_error_in_the_thread_is_raised_by_the_next_request() -> None:
    with PrefetchingIdentityGenerator(BrokenSource(), expected=4) as ahead:
        ahead.generate(2)

        with pytest.raises(OSError, match="no randomness"):
            ahead.generate(2)


def test_the_thread_ends_with_the_work() -> None:
    with PrefetchingIdentityGenerator(NumberedSource(), expected=4) as ahead:
        ahead.generate(2)

    assert not [thread for thread in threading.enumerate() if thread.name.startswith("mint")]
