"""Tests of money as whole rupiah, parsing and formatting included."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.platform.kernel.errors import NotMoney
from ticketing.platform.kernel.money import Rupiah, total

amounts = st.integers(min_value=0, max_value=10**12)


@given(amounts)
def test_an_amount_survives_being_written_by_a_gateway(amount: int) -> None:
    assert Rupiah.parse(f"{amount}.00") == Rupiah.parse(str(amount)) == Rupiah(amount)


@pytest.mark.parametrize(
    "text",
    ["150000.50", "150000.001", "-1", "1e5", "150.000,00", "150,000.00", "", " 1", "1 ", "007",
     "NaN", "Infinity", "١٢٣", "1.", "150000.00\n", "9" * 40],
)  # fmt: skip
def test_an_amount_that_is_not_whole_rupiah_is_refused(text: str) -> None:
    with pytest.raises(NotMoney):
        Rupiah.parse(text)


@pytest.mark.parametrize("amount", [1.0, 0.1, True, "5", -1, None])
def test_nothing_but_a_whole_number_becomes_money(amount: object) -> None:
    with pytest.raises(NotMoney, match="whole number"):
        Rupiah(amount)  # type: ignore[arg-type]


@given(st.lists(amounts), amounts)
def test_a_total_is_the_sum_of_its_parts(parts: list[int], times: int) -> None:
    assert total(map(Rupiah, parts)).amount == sum(parts)
    assert (Rupiah(times) * 3).amount == times * 3


def test_taking_more_than_there_is_refuses() -> None:
    with pytest.raises(NotMoney):
        Rupiah(1) - Rupiah(2)


@given(amounts, st.integers(min_value=0, max_value=100))
def test_a_part_and_the_rest_are_the_whole(amount: int, percent: int) -> None:
    whole = Rupiah(amount)

    part = whole.percent(percent)

    assert part + (whole - part) == whole
    assert 0 <= amount * percent - part.amount * 100 < 100


def test_money_is_written_as_in_indonesia() -> None:
    assert str(Rupiah(1_250_000)) == "Rp1.250.000"
