"""Stock of a ticket type: available, pending and sold places, and purchase limits."""

from dataclasses import dataclass

from ticketing.platform.kernel.errors import LimitExceeded


@dataclass(frozen=True, slots=True)
class Stock:
    """The places of one ticket type. `capacity` None means unlimited."""

    capacity: int | None
    pending: int
    sold: int

    @property
    def available(self) -> int | None:
        """Return the number of places that can still be ordered; None means unlimited."""
        return None if self.capacity is None else self.capacity - self.pending - self.sold


@dataclass(frozen=True, slots=True)
class PurchaseLimits:
    """Maximum number of places of a ticket type per order and per buyer. None means no limit."""

    per_order: int | None
    per_buyer: int | None

    def check_order(self, quantity: int) -> None:
        """Refuse an order of more places than allowed."""
        if self.per_order is not None and quantity > self.per_order:
            raise LimitExceeded(
                f"{quantity} places in one order; at most {self.per_order}", limit=self.per_order
            )

    def check_buyer(self, quantity: int) -> None:
        """Refuse more places than one buyer may have in all active orders together."""
        if self.per_buyer is not None and quantity > self.per_buyer:
            raise LimitExceeded(
                f"{quantity} places for one buyer; at most {self.per_buyer}", limit=self.per_buyer
            )
