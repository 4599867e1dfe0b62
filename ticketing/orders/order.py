"""Orders: their states, lines and review flags, and the rules for placing one."""

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
    """Pending orders hold their places, paid orders own them, the others have released them."""

    PENDING = "pending"
    PAID = "paid"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


ENDED_STATES = (OrderState.CANCELLED, OrderState.EXPIRED)
# expired -> paid: a late payment while places are left; paid -> cancelled: the bank reversed it
ALLOWED_TRANSITIONS = {
    OrderState.PENDING: {OrderState.PAID, OrderState.CANCELLED, OrderState.EXPIRED},
    OrderState.EXPIRED: {OrderState.PAID},
    OrderState.PAID: {OrderState.CANCELLED},
    OrderState.CANCELLED: set[OrderState](),
}


class ReviewFlag(StrEnum):
    """The reason why staff have to look at an order."""

    PAID_LATE = "paid_late"  # and no places are left
    PAID_AFTER_CANCELLING = "paid_after_cancelling"
    PAID_TWICE = "paid_twice"
    AMOUNT_DIFFERS = "amount_differs"
    TRANSACTION_REUSED = "transaction_reused"  # it already belongs to another payment attempt
    MONEY_RETURNED = "money_returned"
    MONEY_REVERSED = "money_reversed"
    INSTALMENTS_UNFINISHED = "instalments_unfinished"  # the order ended before all were paid
    STUCK = "stuck"  # overdue, and the gateway gives no clear answer, or money is unsettled
    REFUND_FAILED = "refund_failed"  # promised, and the gateway refused


@dataclass(frozen=True, slots=True)
class Selection:
    """A quantity of places of one ticket type."""

    ticket_type_id: int
    quantity: int


@dataclass(frozen=True, slots=True)
class OrderLine:
    """A selection at the price of the time of ordering."""

    ticket_type_id: int
    quantity: int
    price: Rupiah

    @property
    def amount(self) -> Rupiah:
        """Return the price of the line before any discount."""
        return self.price * self.quantity


@dataclass(frozen=True, slots=True)
class Buyer:
    """The buyer of an order. `key` identifies the same buyer again: `email:…`, else `tel:…`."""

    key: str
    name: str
    email: str
    phone: str

    @property
    def contact(self) -> str:
        """Return the address of messages: the e-mail address, else the phone number."""
        return self.email or self.phone


@dataclass(frozen=True, slots=True)
class Order:
    """One order. `paid_attempt_id` is the payment attempt that completed it."""

    id: int
    event_id: int
    code: str
    state: OrderState
    total: Rupiah
    buyer: Buyer | None
    expires_at: datetime
    paid_attempt_id: int | None
    payment_plan_id: int | None = None
    at_box_office: bool = False  # sold by an operator; nobody is asked to pay it
    locale: str = ""  # the language it was placed in; empty: that of the event
    other_environment: str = ""  # the payment environment it was placed in, if not the present one

    @property
    def buyer_contacts(self) -> str:
        """Return both contacts of the buyer as one text; links in messages are bound to it."""
        return f"{self.buyer.email} {self.buyer.phone}" if self.buyer else ""


def require_present_environment(order: Order) -> None:
    """Refuse an order of another payment environment: here it can neither be paid nor completed."""
    if order.other_environment:
        raise ImpossibleTransition(
            f"order {order.code} was placed in the payment environment {order.other_environment};"
            " order again"
        )


def validate_transition(order: Order, to: OrderState) -> OrderState:
    """Return the new state; refuses a transition that is not in ALLOWED_TRANSITIONS."""
    if to not in ALLOWED_TRANSITIONS[order.state]:
        raise ImpossibleTransition(f"order {order.code}: {order.state} -> {to}")
    return to


def normalise_selections(requested: Iterable[Selection]) -> tuple[Selection, ...]:
    """Return one selection per ticket type, in the order in which stock is locked."""
    quantities: dict[int, int] = {}
    for selection in requested:
        if selection.quantity < 1:
            raise NotOnSale(f"{selection.quantity} places cannot be ordered; ask for 1 or more")
        quantity = quantities.get(selection.ticket_type_id, 0)
        quantities[selection.ticket_type_id] = quantity + selection.quantity
    if not quantities:
        raise NotOnSale("an order needs at least one ticket")
    return tuple(Selection(*item) for item in sorted(quantities.items()))


def subtotal(lines: Sequence[OrderLine]) -> Rupiah:
    """Return the price of all lines before any discount."""
    return total(line.amount for line in lines)


def attempt_key(code: str, number: int) -> str:
    """Return the order id of an order's payment attempt at the gateway; it is never reused."""
    return f"{code}-{number:02}"


def make_order_code(randomness: bytes) -> str:
    """Return `ORD-` and 12 characters.

    The length is fixed because the gateway's signature joins fields without separators.
    """
    number = int.from_bytes(randomness[:ORDER_CODE_BYTES], "big")
    characters = (CROCKFORD_ALPHABET[number >> 5 * i & 31] for i in range(_CODE_CHARACTERS))
    return f"ORD-{''.join(characters)}"
