"""The fee an event keeps of a refund."""

from dataclasses import dataclass

from ticketing.platform.kernel.errors import RefundRefused
from ticketing.platform.kernel.money import ZERO, Rupiah


@dataclass(frozen=True, slots=True)
class RefundFee:
    """What is kept: hundredths of what a place cost, and so much for each place."""

    percent: int = 0
    each: Rupiah = ZERO

    def __post_init__(self) -> None:
        """Refuse to keep more than everything."""
        if not 0 <= self.percent <= 100:  # noqa: PLR2004 - per cent
            raise RefundRefused(f"a fee of {self.percent} % cannot be; write 0 to 100")

    def amount_kept(self, worth: Rupiah, places: int) -> Rupiah:
        """What is kept of so many places worth so much together; never more than that."""
        return min(worth, worth.percent(self.percent) + self.each * places)


NO_FEE = RefundFee()
