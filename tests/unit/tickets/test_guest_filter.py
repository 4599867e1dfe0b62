"""Tests of filters as they are written."""

import pytest

from ticketing.tickets.guest_filter import SortColumn, UnusableFilter, parse_filter


def test_values_of_one_column_are_alternatives_and_a_value_may_contain_the_separator() -> None:
    wanted = parse_filter(
        ["seat=A1", "extra.a = b=c ", "seat=A2", "extra.none="], ["-seat", "ticket_type"]
    )

    assert wanted.where == {"seat": ("A1", "A2"), "extra.a": ("b=c",), "extra.none": ("",)}
    assert wanted.sort == (SortColumn("seat", True), SortColumn("ticket_type", False))


def test_a_value_is_compared_in_the_normal_form_of_imported_text() -> None:
    assert parse_filter(["full_name=Rene\u0301e  A\0"]).where == {"full_name": ("Ren\u00e9e A",)}


@pytest.mark.parametrize("condition", ["seat", "=A1", " = ", ""])
def test_a_condition_without_column_or_separator_is_refused(condition: str) -> None:
    with pytest.raises(UnusableFilter, match="write COLUMN=VALUE"):
        parse_filter([condition])


@pytest.mark.parametrize("column", ["", "-", " "])
def test_a_sort_order_without_a_column_is_refused(column: str) -> None:
    with pytest.raises(UnusableFilter, match="write COLUMN"):
        parse_filter([], [column])
