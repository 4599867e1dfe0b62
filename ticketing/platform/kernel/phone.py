"""Phone numbers to E.164, validated by libphonenumber with a default region."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import phonenumbers
from phonenumbers import NumberParseException, PhoneMetadata, PhoneNumberFormat

_PHONE_PATTERN = re.compile(r"\+?[\d\s().\u2010-\u2015-]+")
_BLANKS_AND_DASHES = str.maketrans("", "", " -")


def phone_normaliser(region: str) -> Callable[[str], str]:
    """Return a function from a number as written to E.164; it raises ValueError when invalid.

    A leading zero removed by a spreadsheet is restored, since the region's numbers are known
    without it. A lost "+" of another country is not, because that could reach another person.
    """
    fast_path = _FastPathRegion.for_region(region)

    def phone(text: str) -> str:
        return (fast_path and fast_path.normalise(text)) or normalise_with_library(text, region)

    return phone


def normalise_with_library(text: str, region: str) -> str:
    """Return the E.164 form of a number, always through the library."""
    if not _PHONE_PATTERN.fullmatch(text):
        raise ValueError("not one phone number: only digits, blanks, dashes and a leading + belong")
    try:
        number = phonenumbers.parse(text, region)
    except NumberParseException as error:
        raise ValueError(_reason(region)) from error
    if not phonenumbers.is_valid_number(number):
        raise ValueError(_reason(region))
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def _reason(region: str) -> str:
    return f"not a valid number in region {region}, nor one with a country code (+…)"


@dataclass(frozen=True, slots=True)
class _FastPathRegion:
    """Parser for common spellings of a country's mobile numbers, 10 times faster than the library.

    It only accepts numbers for which the library gives the same result; a test compares the two.
    """

    code: str
    mobile: re.Pattern[str]
    national: re.Pattern[str]
    abroad: re.Pattern[str]

    @classmethod
    def for_region(cls, region: str) -> "_FastPathRegion | None":
        """Return the parser, or None for a country with special rules or a shared country code."""
        known = PhoneMetadata.metadata_for_region(region, None)
        if known is None or known.mobile is None or known.general_desc is None:
            return None
        code = phonenumbers.country_code_for_region(region)
        shared = phonenumbers.region_codes_for_country_code(code) != (region,)
        own_rules = known.national_prefix_for_parsing != "0" or known.national_prefix_transform_rule
        if shared or own_rules:
            return None
        return cls(
            str(code),
            re.compile(known.mobile.national_number_pattern or "(?!)"),
            re.compile(known.general_desc.national_number_pattern or ""),
            re.compile(known.international_prefix or "(?!)"),
        )

    def normalise(self, text: str) -> str | None:
        digits = text if text.isdecimal() else text.translate(_BLANKS_AND_DASHES)
        if not digits.isascii() or self.abroad.match(digits):
            return None
        national = self._to_national(digits)
        if national[:1] in {"", "0"} or not self.mobile.fullmatch(national):
            return None
        return f"+{self.code}{national}"

    def _to_national(self, digits: str) -> str:
        if digits.startswith("0"):
            return digits[1:]
        if digits.startswith(f"+{self.code}"):
            return digits[1 + len(self.code) :]
        if not digits.startswith(self.code):
            return digits
        # "62812…" is the country code without a plus, unless it is a valid national number
        return "" if self.national.fullmatch(digits) else digits[len(self.code) :]
