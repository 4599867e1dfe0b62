"""Tests of change plans: the digest of a change, and the refusal of outdated plans."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.platform.kernel.change_plan import RowDigest, digest, require_unchanged
from ticketing.platform.kernel.errors import PlanOutdated

rows = st.lists(st.tuples(st.text(), st.integers(), st.booleans()))


@dataclass(frozen=True, slots=True)
class Plan:
    """Change plan of one fact."""

    plan_hash: str


def test_an_unchanged_plan_is_accepted_and_another_one_refused() -> None:
    require_unchanged(Plan("a"), "a", subject="order X", effect="nothing happens")

    with pytest.raises(PlanOutdated) as refusal:
        require_unchanged(Plan("a"), "b", subject="order X", effect="3 places would be returned")

    assert str(refusal.value) == (
        "order X changed since the plan: now 3 places would be returned; plan again"
    )


@given(rows, rows)
def test_the_digest_of_rows_is_equal_only_for_equal_rows(
    first: list[tuple[str, int, bool]], second: list[tuple[str, int, bool]]
) -> None:
    digests = []
    for each in (first, second):
        row_digest = RowDigest("heading")
        for row in each:
            row_digest.add(*row)
        digests.append(row_digest.hexdigest())

    assert (digests[0] == digests[1]) == (first == second)


def test_the_order_of_keys_does_not_change_a_digest() -> None:
    assert digest({"a": 1, "b": [2]}) == digest({"b": [2], "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})
