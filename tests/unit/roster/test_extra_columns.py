"""Tests of the names of kept columns, and of their values as JSON."""

import pytest

from ticketing.platform.kernel.errors import UnusableMapping
from ticketing.roster.cells.extra_columns import (
    encode_extra,
    extra_name,
    find_extra_columns,
    split_extra,
)


@pytest.mark.parametrize(
    ("header", "name"),
    [("Fakultas", "fakultas"), (" Program Studi* ", "program_studi"), ("L/P", "l_p"),
     ("2nd choice", "_2nd_choice"), ("学部", "学部")],
)  # fmt: skip
def test_a_kept_column_has_a_name_for_templates(header: str, name: str) -> None:
    assert extra_name(header) == name


@pytest.mark.parametrize(
    ("kept", "reason"),
    [(["jurusan"], "no column 'jurusan'"), (["L/P", "l_p"], "that of another kept column")],
)
def test_columns_that_cannot_be_kept_are_refused(kept: list[str], reason: str) -> None:
    with pytest.raises(UnusableMapping, match=reason):
        find_extra_columns(["nim", "L/P", "l_p"], kept)


def test_an_empty_value_is_not_stored() -> None:
    assert encode_extra({"a": "é", "b": ""}) == '{"a": "é"}'
    assert encode_extra({"b": ""}) == ""


def test_each_kept_value_is_a_field_of_its_own() -> None:
    stored = {"seat": "A-1", "extra": '{"kelas": "XII"}'}

    assert split_extra(stored) == {"seat": "A-1", "extra.kelas": "XII"}
