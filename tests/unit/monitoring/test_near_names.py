"""Tests of names that are probably two spellings of one."""

import pytest

from ticketing.monitoring.preflight.near_names import MAX_COMPARED_NAMES, describe_spellings

# no two nearly the same: each is a letter, repeated
MANY = [letter * 9 for letter in map(chr, range(0x4E00, 0x4E00 + 5000))]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["Ani Lestari", "Budi Lestari"], ""),
        (["Siti Nurhaliza", "nurhalizah, siti"], "Siti Nurhaliza / nurhalizah, siti"),
        (
            ["Ani Lestari", "Lestari, Ani", *MANY],
            "Ani Lestari / Lestari, Ani (of 5,002 names of 0811 the first 50 were compared)",
        ),
        (MANY, "no two nearly the same (of 5,000 names of 0811 the first 50 were compared)"),
        (MANY[:MAX_COMPARED_NAMES], ""),
    ],
)
def test_the_first_names_of_a_contact_are_compared_and_it_is_said_when_there_are_more(
    names: list[str], said: str
) -> None:
    assert describe_spellings("0811", names) == said
