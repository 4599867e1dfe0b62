from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.billing.sources.mapping.errors import BadRecord
from ticketing.billing.sources.mapping.money import MoneyStyle, parse_money

# text: the amount as plain, Indonesian and English; None where the style refuses it
TABLE: dict[str, tuple[str | None, str | None, str | None]] = {
    "0": ("0", "0", "0"),
    "900000": ("900000", "900000", "900000"),
    "0900000": ("900000", "900000", "900000"),
    "-900000": ("-900000", "-900000", "-900000"),
    "900000.00": ("900000", None, "900000"),
    "900000.5": ("900000.5", None, "900000.5"),
    "900000,00": (None, "900000", None),
    "900000,5": (None, "900000.5", None),
    "1.500": (None, "1500", None),
    "1,500": (None, None, "1500"),
    "1.50": ("1.50", None, "1.50"),
    "1,50": (None, "1.50", None),
    "1.5": ("1.5", None, "1.5"),
    "1.500.000": (None, "1500000", None),
    "1,500,000": (None, None, "1500000"),
    "1.500.000,00": (None, "1500000", None),
    "1,500,000.00": (None, None, "1500000"),
    "1.500.000.00": (None, None, None),
    "1,500,000,00": (None, None, None),
    "1.500,000": (None, None, None),
    "1,500.000": (None, None, None),
    "15.00.000": (None, None, None),
    "1500.000": (None, None, None),
    "Rp 350.000": (None, "350000", None),
    "Rp350.000": (None, "350000", None),
    "Rp. 350.000": (None, "350000", None),
    "Rp 1.500.000,-": (None, "1500000", None),
    "Rp 350000": ("350000", "350000", "350000"),
    "IDR 1,500,000.00": (None, None, "1500000"),
    "-Rp 500.000": (None, "-500000", None),
    "Rp -500.000": (None, "-500000", None),
    "--5": (None, None, None),
    "(500)": (None, None, None),
    "500-": (None, None, None),
    "+500": (None, None, None),
    "1 500": (None, None, None),
    "1e6": (None, None, None),
    "0.001": (None, None, None),
    "١٢٣": (None, None, None),
    "Lunas": (None, None, None),
    "10000000000000": (None, None, None),
}
STYLES: tuple[MoneyStyle, ...] = ("plain", "id", "en")


def parsed(text: object, style: MoneyStyle) -> Decimal | None:
    try:
        return parse_money(text, style)
    except BadRecord:
        return None


@pytest.mark.parametrize("text", TABLE)
def test_a_text_is_an_amount_only_in_the_styles_that_write_it(text: str) -> None:
    expected = [None if each is None else Decimal(each) for each in TABLE[text]]

    assert [parsed(text, style) for style in STYLES] == expected


@pytest.mark.parametrize("value", [True, False, None, [], {}, 1.5, Decimal("0.001"), 10**13])
def test_what_is_no_exact_number_is_no_amount(value: object) -> None:
    assert [parsed(value, style) for style in STYLES] == [None, None, None]


@given(st.integers(-(10**12), 10**12))
def test_grouped_digits_are_never_a_thousand_times_too_small(amount: int) -> None:
    english = f"{amount:,}"
    indonesian = english.replace(",", ".")

    assert parsed(english, "en") == amount
    assert parsed(indonesian, "id") == amount
    assert parsed(indonesian, "plain") in {None, amount}
