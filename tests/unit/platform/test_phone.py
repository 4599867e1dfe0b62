"""Tests of normalising phone numbers: the fast path agrees with the library."""

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.platform.kernel import phone as kernel_phone
from ticketing.platform.kernel.phone import phone_normaliser

REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
KINDS = [phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE]


@st.composite
def written_numbers(draw: st.DrawFn) -> tuple[str, str]:
    """Build a region and a number of it: valid, too short, too long or of another region."""
    region = draw(st.sampled_from(REGIONS))
    known = phonenumbers.example_number_for_type(region, draw(st.sampled_from(KINDS)))
    national = str(known.national_number) if known else "812345678"
    kept = national[: draw(st.integers(1, len(national)))]
    digits = kept + draw(st.text("0123456789", max_size=8))
    code = str(phonenumbers.country_code_for_region(region))
    prefix = draw(st.sampled_from(["", "0", "00", "+", f"+{code}", code, f"+{code}0", f"{code}0"]))
    gap = draw(st.sampled_from(["", "-", " "]))
    cut = draw(st.integers(0, len(digits)))
    return region, prefix + digits[:cut] + gap + digits[cut:]


@given(written_numbers())
def test_the_fast_path_agrees_with_the_library(number: tuple[str, str]) -> None:
    region, text = number
    fast, library = [], []

    for said, ask in (
        (fast, phone_normaliser(region)),
        (library, lambda t: kernel_phone.normalise_with_library(t, region)),
    ):
        try:
            said.append(ask(text))
        except ValueError as error:
            said.append(str(error))

    assert fast == library


@pytest.mark.parametrize(
    "written",
    [
        "081234567890", "81234567890", "+6281234567890", "6281234567890", "0812-3456-7890",
        "0812 3456 7890", "+62 812 3456 7890", "(0812) 3456.7890", "٠٨١٢٣٤٥٦٧٨٩٠",
    ],
)  # fmt: skip
def test_every_usual_way_to_write_a_number_is_one_number(written: str) -> None:
    assert phone_normaliser("ID")(written) == "+6281234567890"


def test_another_countrys_number_needs_its_code() -> None:
    assert phone_normaliser("ID")("+60 12-345 6789") == "+60123456789"


@pytest.mark.parametrize(
    "written",
    [
        "12345", "0812345678901234", "60123456789", "0812345678/0813456789", "0812 CALL ME",
        "0812345678, 0813456789", "+", "++6281234567890", "081234567890 ext 5", "",
    ],
)  # fmt: skip
def test_an_invalid_number_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="number"):
        phone_normaliser("ID")(written)


def test_an_unknown_region_still_allows_international_numbers() -> None:
    assert phone_normaliser("XX")("+6281234567890") == "+6281234567890"
