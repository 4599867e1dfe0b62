"""Limits of places that unpaid orders hold, so that nobody can hold them all without paying."""

from dataclasses import dataclass
from datetime import timedelta

from ticketing.orders.order import RESERVATION_PERIOD
from ticketing.platform.kernel.errors import LimitExceeded

ANONYMOUS_HOLD_PERIOD = timedelta(minutes=10)  # until the order has a buyer


@dataclass(frozen=True, slots=True)
class HoldLimits:
    """Limits of the orders that the public places. None means no limit, as for staff."""

    per_order: int | None = None  # of places whose ticket types have no limit of their own

    def check_order(self, places: int) -> None:
        """Refuse an order of more places of types without a limit of their own than allowed."""
        if self.per_order is not None and places > self.per_order:
            raise LimitExceeded(
                f"{places} places in one order; at most {self.per_order}", limit=self.per_order
            )


NO_HOLD_LIMITS = HoldLimits()


def hold_period(*, has_buyer: bool) -> timedelta:
    """Return how long a new order holds its places."""
    return RESERVATION_PERIOD if has_buyer else ANONYMOUS_HOLD_PERIOD


NAMED_HOLD_EXTENSION = RESERVATION_PERIOD - ANONYMOUS_HOLD_PERIOD  # when the buyer becomes known
