"""How many places of a ticket type are free, held and sold, and how many one buyer may have."""

from dataclasses import dataclass

from ticketing.platform.kernel.errors import LimitExceeded


@dataclass(frozen=True, slots=True)
class Stock:
    """One ticket type's places. No capacity means that they never run out."""

    capacity: int | None
    pending: int
    sold: int

    @property
    def available(self) -> int | None:
        """What can still be ordered; None when there is no end of it."""
        return None if self.capacity is None else self.capacity - self.pending - self.sold


@dataclass(frozen=True, slots=True)
class PurchaseLimits:
    """The most places of one ticket type in one order, and of one buyer in all. None: no limit."""

    per_order: int | None
    per_buyer: int | None

    def check_order(self, quantity: int) -> None:
        """Refuse an order of more than it may be."""
        if self.per_order is not None and quantity > self.per_order:
            raise LimitExceeded(
                f"{quantity} places in one order; at most {self.per_order}", limit=self.per_order
            )

    def check_buyer(self, quantity: int) -> None:
        """Refuse a buyer who would have more than they may, in all their live orders together."""
        if self.per_buyer is not None and quantity > self.per_buyer:
            raise LimitExceeded(
                f"{quantity} places for one buyer; at most {self.per_buyer}", limit=self.per_buyer
            )
