"""Amounts in whole rupiah, never negative and never a float; rupiah have no smaller unit."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ticketing.platform.kernel.errors import NotMoney

_AMOUNT_PATTERN = re.compile(r"(0|[1-9][0-9]{0,14})(\.00?)?")


@dataclass(frozen=True, slots=True, order=True)
class Rupiah:
    """An amount of money."""

    amount: int

    def __post_init__(self) -> None:
        """Refuse other types: a float would compare equal and round later."""
        if type(self.amount) is not int or self.amount < 0:
            raise NotMoney(f"{self.amount!r} is not a whole number of rupiah, zero or more")

    @classmethod
    def parse(cls, text: str) -> "Rupiah":
        """Parse an amount as payment gateways write it: `150000.00` or `150000`."""
        written = _AMOUNT_PATTERN.fullmatch(text) if text.isascii() else None
        if written is None:
            raise NotMoney(f"{text!r} is not whole rupiah; write it like 150000 or 150000.00")
        return cls(int(written[1]))

    def __add__(self, other: "Rupiah") -> "Rupiah":
        """Return the sum."""
        return Rupiah(self.amount + other.amount)

    def __sub__(self, other: "Rupiah") -> "Rupiah":
        """Return the difference. Raises NotMoney below zero."""
        return Rupiah(self.amount - other.amount)

    def __mul__(self, times: int) -> "Rupiah":
        """Return the amount multiplied by a whole number."""
        return Rupiah(self.amount * times)

    def percent(self, percentage: int) -> "Rupiah":
        """Return a percentage, rounded down to whole rupiah."""
        return Rupiah(self.amount * percentage // 100)

    def __str__(self) -> str:
        """Return the amount as written in Indonesia: Rp150.000."""
        return f"Rp{self.amount:,}".replace(",", ".")


ZERO = Rupiah(0)


def total(amounts: Iterable[Rupiah]) -> Rupiah:
    """Return the sum of amounts."""
    return sum(amounts, start=ZERO)
