"""Rupiah: whole, never negative, never a float. There is nothing smaller to count."""

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
        """Refuse what only looks like an amount: a float compares equal and rounds later."""
        if type(self.amount) is not int or self.amount < 0:
            raise NotMoney(f"{self.amount!r} is not a whole number of rupiah, zero or more")

    @classmethod
    def parse(cls, text: str) -> "Rupiah":
        """The amount as payment gateways write it: `150000.00` or `150000`."""
        written = _AMOUNT_PATTERN.fullmatch(text) if text.isascii() else None
        if written is None:
            raise NotMoney(f"{text!r} is not whole rupiah; write it like 150000 or 150000.00")
        return cls(int(written[1]))

    def __add__(self, other: "Rupiah") -> "Rupiah":
        """Both together."""
        return Rupiah(self.amount + other.amount)

    def __sub__(self, other: "Rupiah") -> "Rupiah":
        """What is left; refuses to go below nothing."""
        return Rupiah(self.amount - other.amount)

    def __mul__(self, times: int) -> "Rupiah":
        """So many of the same."""
        return Rupiah(self.amount * times)

    def percent(self, percentage: int) -> "Rupiah":
        """So many hundredths, the broken rupiah dropped."""
        return Rupiah(self.amount * percentage // 100)

    def __str__(self) -> str:
        """As it is written in Indonesia: Rp150.000."""
        return f"Rp{self.amount:,}".replace(",", ".")


ZERO = Rupiah(0)


def total(amounts: Iterable[Rupiah]) -> Rupiah:
    """All of them together."""
    return sum(amounts, start=ZERO)
