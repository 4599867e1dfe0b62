"""Amounts as sources write them, in one of three styles that a mapping file names.

A style is never guessed: `1.500` is 1500 in Indonesian texts and refused in plain ones.
"""

import re
from decimal import Decimal
from typing import Literal

from ticketing.billing.sources.mapping.errors import BadRecord
from ticketing.billing.sources.strict_json import shorten

MoneyStyle = Literal["plain", "id", "en"]
_LIMIT = Decimal(10) ** 13  # the columns of amounts hold 15 digits, 2 of them decimals
_CENT = Decimal("0.01")
_CURRENCY = re.compile(r"(?P<minus>-?)\s*(?:(?:Rp\.?|IDR)\s*)?(?P<number>.*)", re.IGNORECASE)
# [0-9], because \d matches the digits of every script
_PATTERNS: dict[MoneyStyle, re.Pattern[str]] = {
    "plain": re.compile(r"-?[0-9]+(\.[0-9]{1,2})?"),
    "id": re.compile(r"-?([1-9][0-9]{0,2}(\.[0-9]{3})+|[0-9]+)(,([0-9]{1,2}|-))?"),
    "en": re.compile(r"-?([1-9][0-9]{0,2}(,[0-9]{3})+|[0-9]+)(\.[0-9]{1,2})?"),
}
_EXAMPLES: dict[MoneyStyle, str] = {
    "plain": "1500000.00", "id": "Rp 1.500.000,00", "en": "1,500,000.00",
}  # fmt: skip


def parse_money(value: object, style: MoneyStyle) -> Decimal:
    """Return an amount in the currency's main unit; a JSON number has the same meaning in each.

    Raises BadRecord for anything that is not exactly one amount: a wrong separator, more than two
    decimals, true and false.
    """
    if isinstance(value, str):
        return _within_limit(_parse_text(value, style), value)
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        raise BadRecord(f"{shorten(value)} is no amount")
    amount = Decimal(value)
    _within_limit(amount, value)
    if amount != amount.quantize(_CENT):
        raise BadRecord(f"{shorten(value)} has more than two decimals")
    return amount


def _parse_text(text: str, style: MoneyStyle) -> Decimal:
    found = _CURRENCY.fullmatch(text.strip())
    number = found["minus"] + found["number"] if found else text
    if not _PATTERNS[style].fullmatch(number):
        raise BadRecord(
            f"{shorten(text)} is no amount of style {style}, which is written {_EXAMPLES[style]}"
        )
    if style == "id":
        number = number.removesuffix(",-").replace(".", "").replace(",", ".")
    return Decimal(number.replace(",", ""))


def _within_limit(amount: Decimal, given: object) -> Decimal:
    if abs(amount) >= _LIMIT:
        raise BadRecord(f"{shorten(given)} is too large for an amount")
    return amount
