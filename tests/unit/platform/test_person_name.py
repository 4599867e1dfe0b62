"""Tests of first and last names that come from one column."""

import pytest

from ticketing.platform.kernel.person_name import first_and_last_name, split_full_name


@pytest.mark.parametrize(
    ("full_name", "first", "last"),
    [
        ("Ayu Kusumaningtyas", "Ayu", "Kusumaningtyas"),
        ("Dr. Budi Putra Santoso, M.Sc.", "Dr. Budi Putra", "Santoso"),
        ("Sukarno", "Sukarno", ""),
        ("山田太郎", "山田太郎", ""),
        ("", "", ""),
    ],
)
def test_the_last_word_before_a_comma_is_the_last_name(
    full_name: str, first: str, last: str
) -> None:
    assert split_full_name(full_name) == (first, last)


def test_stored_names_are_never_guessed() -> None:
    assert first_and_last_name("Siti", "", "Siti Aminah") == ("Siti", "")
    assert first_and_last_name("", "", "Siti Aminah") == ("Siti", "Aminah")
