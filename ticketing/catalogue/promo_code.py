"""Promo codes: what they take off, where and when. That uses run out is counted under the lock."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ticketing.orders.order import OrderLine, subtotal
from ticketing.platform.kernel.errors import PromoRefused
from ticketing.platform.kernel.money import Rupiah


class PromoKind(StrEnum):
    """Whether a promo takes off so many hundredths or so many rupiah."""

    PERCENT = "percent"
    FIXED = "fixed"


@dataclass(frozen=True, slots=True)
class Promo:
    """One promo code, valid until just before `valid_until`, for one ticket type or for all."""

    id: int
    code: str
    kind: PromoKind
    value: int
    valid_from: datetime
    valid_until: datetime
    ticket_type_id: int | None


@dataclass(frozen=True, slots=True)
class NewPromo:
    """A code to be made. `max_uses` None: as often as anybody likes."""

    code: str
    kind: PromoKind
    value: int
    valid_from: datetime
    valid_until: datetime
    max_uses: int | None

    def __post_init__(self) -> None:
        """Refuse what no buyer could use."""
        if not self.code or self.code != normalise_promo_code(self.code):
            raise PromoRefused(f"{self.code!r} is no code: write capitals without blanks")
        if self.value < 1 or (self.kind is PromoKind.PERCENT and self.value > 100):  # noqa: PLR2004
            raise PromoRefused(
                f"promo code {self.code}: {self.value} {self.kind} takes nothing off"
            )
        if self.valid_until <= self.valid_from:
            raise PromoRefused(f"promo code {self.code} would end before it begins")


def normalise_promo_code(text: str) -> str:
    """The one spelling of a code: people type any case and add blanks."""
    return "".join(text.split()).upper()


def promo_discount(promo: Promo, lines: Sequence[OrderLine], *, at: datetime) -> Rupiah:
    """What the code takes off these lines, never more than they cost.

    Refuses a code outside its time, or when no line is of its ticket type.
    """
    if not promo.valid_from <= at < promo.valid_until:
        raise PromoRefused(f"promo code {promo.code} is not valid now")
    eligible = [line for line in lines if promo.ticket_type_id in {None, line.ticket_type_id}]
    if not eligible:
        raise PromoRefused(f"promo code {promo.code} is for another ticket type")
    costs = subtotal(eligible)
    if promo.kind is PromoKind.PERCENT:
        return costs.percent(promo.value)
    return min(Rupiah(promo.value), costs)
