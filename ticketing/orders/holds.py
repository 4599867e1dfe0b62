"""Limits of places held by unpaid orders or waited for: nobody can have all without paying."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from ticketing.platform.kernel.errors import LimitExceeded

ANONYMOUS_HOLD_PERIOD = timedelta(minutes=10)  # until the order has a buyer


@dataclass(frozen=True, slots=True)
class HeldPlaces:
    """The unpaid places of one address or contact; the first of them are free `until` then."""

    places: int
    until: datetime | None


@dataclass(frozen=True, slots=True)
class HoldLimits:
    """Limits of the orders that the public places. None means no limit, as for staff.

    `per_address` and `per_contact` count the unpaid places of one event. They refuse further
    orders, never a first one: a ticket type may allow more places in one order.
    """

    per_order: int | None = None  # of places whose ticket types have no limit of their own
    per_address: int | None = None
    per_contact: int | None = None
    entries_per_address: int | None = None  # of the waiting lists of one event

    def max_per_order(self, own_limit: int | None) -> int | None:
        """Return the limit per order of a ticket type that has this limit of its own."""
        return self.per_order if own_limit is None else own_limit

    def check_order(self, places: int) -> None:
        """Refuse an order of more places of types without a limit of their own than allowed."""
        if self.per_order is not None and places > self.per_order:
            raise LimitExceeded(
                f"{places} places in one order; at most {self.per_order}", limit=self.per_order
            )

    def check_address(self, held: HeldPlaces, places: int) -> None:
        """Refuse an order of an address that holds too many unpaid places."""
        _check_held("address", held, places, limit=self.per_address)

    def check_entries(self, waiting: int) -> None:
        """Refuse to add another waiting entry of an address that has too many."""
        if self.entries_per_address is not None and waiting >= self.entries_per_address:
            raise LimitExceeded(
                f"{waiting} entries of this address wait for places of this event; at most"
                f" {self.entries_per_address}",
                limit=self.entries_per_address,
            )

    def check_contact(self, held: HeldPlaces, places: int) -> None:
        """Refuse an order of a contact that holds too many unpaid places."""
        _check_held("contact", held, places, limit=self.per_contact)


NO_HOLD_LIMITS = HoldLimits()


def _check_held(whose: str, held: HeldPlaces, places: int, *, limit: int | None) -> None:
    if limit is None or held.until is None or held.places + places <= limit:
        return
    raise LimitExceeded(
        f"{places} more places; this {whose} holds {held.places} unpaid places of this event,"
        f" the first until {held.until:%Y-%m-%d %H:%M} UTC; at most {limit}: pay or cancel an"
        " order, or wait",
        limit=limit,
        held=held.places,
        until=held.until.isoformat(),
    )


def hold_period(full: timedelta, *, has_buyer: bool) -> timedelta:
    """Return how long a new order holds its places; `full` is the event's period."""
    return full if has_buyer else min(full, ANONYMOUS_HOLD_PERIOD)
