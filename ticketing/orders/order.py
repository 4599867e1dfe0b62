"""An order: places asked for, held until paid or given back. Payment attempts are in `payments`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ticketing.platform.kernel.base32 import CROCKFORD_ALPHABET
from ticketing.platform.kernel.errors import ImpossibleTransition, NotOnSale
from ticketing.platform.kernel.money import Rupiah, total

RESERVATION_PERIOD = timedelta(minutes=60)
ORDER_CODE_BYTES = 8

_CODE_CHARACTERS = 12


class OrderState(StrEnum):
    """Pending holds places, paid has them, the others have given them back."""

    PENDING = "pending"
    PAID = "paid"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


# expired -> paid: money that came late while places are left; paid -> cancelled: the bank took it
ALLOWED_TRANSITIONS = {
    OrderState.PENDING: {OrderState.PAID, OrderState.CANCELLED, OrderState.EXPIRED},
    OrderState.EXPIRED: {OrderState.PAID},
    OrderState.PAID: {OrderState.CANCELLED},
    OrderState.CANCELLED: set[OrderState](),
}


class ReviewFlag(StrEnum):
    """Why a person has to look at an order."""

    PAID_LATE = "paid_late"  # and no places are left
    PAID_AFTER_CANCELLING = "paid_after_cancelling"
    PAID_TWICE = "paid_twice"
    AMOUNT_DIFFERS = "amount_differs"
    MONEY_RETURNED = "money_returned"
    MONEY_REVERSED = "money_reversed"
    INSTALMENTS_UNFINISHED = (
        "parts_left"  # of an order that ended before all of its parts were paid
    )
    STUCK = "stuck"  # out of time, and the gateway gives no clear answer
    REFUND_FAILED = "refund_failed"  # promised, and the gateway would not


@dataclass(frozen=True, slots=True)
class Selection:
    """So many places of one ticket type."""

    ticket_type_id: int
    quantity: int


@dataclass(frozen=True, slots=True)
class OrderLine:
    """A selection at the price it had when it was ordered."""

    ticket_type_id: int
    quantity: int
    price: Rupiah

    @property
    def amount(self) -> Rupiah:
        """What the line costs before any discount."""
        return self.price * self.quantity


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who pays. `key` recognises the same buyer again: `email:…`, else `tel:…`."""

    key: str
    name: str
    email: str
    phone: str


@dataclass(frozen=True, slots=True)
class Order:
    """One order as it stands. `paid_attempt_id` is the payment attempt that completed it."""

    id: int
    event_id: int
    code: str
    state: OrderState
    total: Rupiah
    buyer: Buyer | None
    expires_at: datetime
    paid_attempt_id: int | None
    payment_plan_id: int | None = None


def validate_transition(order: Order, to: OrderState) -> OrderState:
    """The state to go to; refuses a move that is not in the table."""
    if to not in ALLOWED_TRANSITIONS[order.state]:
        raise ImpossibleTransition(f"order {order.code}: {order.state} -> {to}")
    return to


def normalise_selections(requested: Iterable[Selection]) -> tuple[Selection, ...]:
    """What is asked for, one selection a ticket type, in the one order in which stock is locked."""
    quantities: dict[int, int] = {}
    for selection in requested:
        if selection.quantity < 1:
            raise NotOnSale(f"{selection.quantity} places cannot be ordered; ask for 1 or more")
        known = quantities.get(selection.ticket_type_id, 0)
        quantities[selection.ticket_type_id] = known + selection.quantity
    if not quantities:
        raise NotOnSale("an order needs at least one ticket")
    return tuple(Selection(*item) for item in sorted(quantities.items()))


def subtotal(lines: Sequence[OrderLine]) -> Rupiah:
    """What all lines cost before any discount."""
    return total(line.amount for line in lines)


def attempt_key(order: Order, number: int) -> str:
    """The name of a payment attempt at the gateway: one of its own, never used again."""
    return f"{order.code}-{number:02}"


def make_order_code(randomness: bytes) -> str:
    """`ORD-` and 12 characters, of one length always: a gateway's signature has no separators."""
    number = int.from_bytes(randomness[:ORDER_CODE_BYTES], "big")
    drawn = (CROCKFORD_ALPHABET[number >> 5 * place & 31] for place in range(_CODE_CHARACTERS))
    return f"ORD-{''.join(drawn)}"
