"""The fee that an event keeps from a refund."""

from dataclasses import dataclass

from ticketing.platform.kernel.errors import RefundRefused
from ticketing.platform.kernel.money import ZERO, Rupiah


@dataclass(frozen=True, slots=True)
class RefundFee:
    """A percentage of the price of each place plus a fixed amount per place."""

    percent: int = 0
    each: Rupiah = ZERO

    def __post_init__(self) -> None:
        """Refuse a percentage outside 0 to 100."""
        if not 0 <= self.percent <= 100:  # noqa: PLR2004 - per cent
            raise RefundRefused(f"a fee of {self.percent} % is out of range; write 0 to 100")

    def changed(self, percent: int | None, each: int | None) -> "RefundFee":
        """Return the fee with another percentage or rupiah per place; None keeps a value."""
        return RefundFee(
            self.percent if percent is None else percent,
            self.each if each is None else Rupiah(each),
        )

    def amount_kept(self, worth: Rupiah, places: int) -> Rupiah:
        """Return the amount kept for `places` places worth `worth` together, at most `worth`."""
        return min(worth, worth.percent(self.percent) + self.each * places)


NO_FEE = RefundFee()
