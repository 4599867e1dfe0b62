"""Promo codes: discount, period and ticket type. The usage limit is checked under the row lock."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ticketing.orders.order import OrderLine, subtotal
from ticketing.platform.kernel.errors import PromoRefused
from ticketing.platform.kernel.money import Rupiah


class PromoKind(StrEnum):
    """The unit of a promo code's value: per cent or rupiah."""

    PERCENT = "percent"
    FIXED = "fixed"


@dataclass(frozen=True, slots=True)
class Promo:
    """One promo code, valid before `valid_until`, for one ticket type or for all (None)."""

    id: int
    code: str
    kind: PromoKind
    value: int
    valid_from: datetime
    valid_until: datetime
    ticket_type_id: int | None


@dataclass(frozen=True, slots=True)
class NewPromo:
    """A promo code to be created. `max_uses` None means unlimited."""

    code: str
    kind: PromoKind
    value: int
    valid_from: datetime
    valid_until: datetime
    max_uses: int | None

    def __post_init__(self) -> None:
        """Refuse values that no buyer could use."""
        if not self.code or self.code != normalise_promo_code(self.code):
            raise PromoRefused(
                f"promo code {self.code!r} is invalid: write capitals without blanks"
            )
        if self.value < 1 or (self.kind is PromoKind.PERCENT and self.value > 100):  # noqa: PLR2004
            raise PromoRefused(
                f"promo code {self.code}: a {self.kind} discount of {self.value} is out of range"
            )
        if self.valid_until <= self.valid_from:
            raise PromoRefused(f"promo code {self.code}: its end is not after its start")


def normalise_promo_code(text: str) -> str:
    """Return the code in capitals without blanks, as it is stored."""
    return "".join(text.split()).upper()


def promo_discount(promo: Promo, lines: Sequence[OrderLine], *, at: datetime) -> Rupiah:
    """Return the discount on these lines, at most their price.

    Refuses a code outside its period, or without a line of its ticket type.
    """
    if not promo.valid_from <= at < promo.valid_until:
        raise PromoRefused(f"promo code {promo.code} is not valid now")
    eligible = [line for line in lines if promo.ticket_type_id in {None, line.ticket_type_id}]
    if not eligible:
        raise PromoRefused(f"promo code {promo.code} is for another ticket type")
    price = subtotal(eligible)
    if promo.kind is PromoKind.PERCENT:
        return price.percent(promo.value)
    return min(Rupiah(promo.value), price)
