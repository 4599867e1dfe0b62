"""An entry of a waiting list. Its state follows from the order that holds its places.

An entry waits until places are offered to it: an order in its name, which expires like any other.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from ticketing.events.model import Event
from ticketing.orders.order import Buyer, OrderState


class EntryState(StrEnum):
    """States of an entry."""

    WAITING = "waiting"
    OFFERED = "offered"  # an order holds its places until the deadline
    BOUGHT = "bought"
    LAPSED = "lapsed"  # the order expired or was cancelled; joining again begins at the end
    LEFT = "left"  # by its link or by staff


@dataclass(frozen=True, slots=True)
class WaitingEntry:
    """A person who waits for places of a ticket type. `token` is the secret part of its link."""

    id: int
    event_id: int
    ticket_type_id: int
    ticket_type: str
    token: UUID = field(repr=False)
    quantity: int
    buyer: Buyer = field(repr=False)
    joined_at: datetime
    confirmed_at: datetime | None  # by the contact; nothing is offered before
    left_at: datetime | None
    environment: str  # of payments, in which it joined
    is_elsewhere: bool  # in another payment environment than this program's
    offer_count: int
    order_id: int | None
    order_code: str | None
    order_state: OrderState | None
    offered_until: datetime | None

    @property
    def state(self) -> EntryState:
        """Return the state."""
        if self.left_at is not None:
            return EntryState.LEFT
        match self.order_state:
            case None:
                return EntryState.WAITING
            case OrderState.PENDING:
                return EntryState.OFFERED
            case OrderState.PAID:
                return EntryState.BOUGHT
        return EntryState.LAPSED

    @property
    def can_be_offered(self) -> bool:
        """Return whether staff may offer places: it has no open offer and has not bought any."""
        return self.state in {EntryState.WAITING, EntryState.LAPSED}


def offer_deadline(event: Event, *, at: datetime) -> datetime:
    """Return until when an offer that is made now holds its places."""
    return min(at + event.waiting_list_period, event.ends_at)


@dataclass(frozen=True, slots=True)
class EntryDescription:
    """An entry as staff see it, without the secret of its link."""

    id: int
    ticket_type_id: int
    ticket_type: str
    name: str
    contact: str
    quantity: int
    joined_at: datetime
    confirmed_at: datetime | None
    state: EntryState
    offer_count: int
    order_code: str | None
    offered_until: datetime | None


def describe(entry: WaitingEntry) -> EntryDescription:
    """Return the entry as staff see it."""
    return EntryDescription(
        entry.id, entry.ticket_type_id, entry.ticket_type, entry.buyer.name, entry.buyer.contact,
        entry.quantity, entry.joined_at, entry.confirmed_at, entry.state, entry.offer_count,
        entry.order_code, entry.offered_until,
    )  # fmt: skip
