"""What a refund would do: which places end, what they were worth, what is kept, what goes back."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum

from ticketing.orders.fee import NO_FEE, Fee
from ticketing.orders.order import Flag, Line, Order, OrderState
from ticketing.orders.refund import Part, Payment, parts
from ticketing.platform.kernel.digest import digest
from ticketing.platform.kernel.errors import RefundRefused
from ticketing.platform.kernel.money import NOTHING, Rupiah, total

LONGEST_REASON = 255


class Money(StrEnum):
    """Which of an order's payments a refund is about."""

    ORDER = "order"  # the one that paid for its places
    SURPLUS = "surplus"  # what came late, twice, or for an order that was given up
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person wants refunded. No places named: all that the order still has.

    An `amount` is what goes back, whatever the places cost; no fee is taken from it.
    """

    places: tuple[int, ...] | None = None
    amount: Rupiah | None = None
    money: Money = Money.ORDER
    fee: Fee = NO_FEE
    reason: str = ""
    flag: Flag | None = None  # the question that this answers

    def __post_init__(self) -> None:
        """Refuse what contradicts itself, and a reason that the gateway would not take."""
        if self.places and self.money is Money.SURPLUS:
            raise RefundRefused("surplus money pays for no places; refund them by themselves")
        if len(self.reason) > LONGEST_REASON or not self.reason.isprintable():
            raise RefundRefused(f"a reason is one line of at most {LONGEST_REASON} characters")


@dataclass(frozen=True, slots=True)
class Place:
    """A place of a paid order, or a voucher. `worth` is what it cost after its share of a discount.

    Who has a place is on the list of attendees; a voucher is on a router, or on its way there.
    """

    number: int
    attendee_id: int | None
    ticket_type_id: int
    ticket_type: str
    worth: Rupiah
    ticket_code: str | None
    delivered: bool
    used: bool | None = None  # None: nobody knows, since no check-ins are kept yet
    voucher_id: int | None = None


@dataclass(frozen=True, slots=True)
class RefundPlan:
    """What would happen, exactly; `plan_hash` names it. The places' tickets die."""

    order_code: str
    order_state: OrderState
    asked: Asked
    places: tuple[Place, ...]
    places_left: int
    worth: Rupiah
    kept: Rupiah
    amount: Rupiah
    parts: tuple[Part, ...]
    notes: tuple[str, ...]
    plan_hash: str

    @property
    def ends_order(self) -> bool:
        """Whether the order has no places any more afterwards."""
        return bool(self.places) and not self.places_left


@dataclass(frozen=True, slots=True)
class Books:
    """An order as a refund finds it: its live places, its payments, the refunds before this."""

    order: Order
    places: Sequence[Place]
    payments: Sequence[Payment]
    refunds: int
    parts_paid_by: frozenset[int] = frozenset()  # attempts, of an order that is paid in parts

    def pay_for(self, asked: Asked) -> frozenset[int | None]:
        """The attempts whose money pays for the order; none when all of an unfinished one goes."""
        if self.order.payment_plan_id is None:
            return frozenset({self.order.paid_attempt_id})
        unfinished = self.order.state is OrderState.PENDING and asked.money is Money.ALL
        return frozenset() if unfinished else self.parts_paid_by


def worths(lines: Sequence[Line], discount: Rupiah, discounted: int | None) -> list[list[Rupiah]]:
    """What each place of each line cost, after its share of the discount: all together the total.

    `discounted` is the one ticket type that the discount was for; None for all of them.
    """
    eligible = [line for line in lines if discounted in {None, line.ticket_type_id}]
    base = total(line.amount for line in eligible).amount
    shares, passed = list[list[Rupiah]](), 0
    for line in lines:
        places = list[Rupiah]()
        for _ in range(line.quantity):
            before = discount.amount * passed // base if base else 0
            passed += line.price.amount if line in eligible else 0
            after = discount.amount * passed // base if base else 0
            places.append(line.price - Rupiah(after - before))
        shares.append(places)
    return shares


def plan(books: Books, asked: Asked, *, at: datetime) -> RefundPlan:
    """What the refund would do; refuses one that does nothing, or gives more than was paid."""
    places = _chosen(books, asked)
    worth = total(place.worth for place in places)
    ways, kept, notes = _money(books, asked, places, at=at)
    amount = total(way.amount for way in ways)
    if not places and amount == NOTHING:
        raise RefundRefused(_nothing(books), left=total(p.left for p in books.payments).amount)
    facts = {
        "order": books.order.code,
        "state": books.order.state,
        "asked": asdict(asked),
        "places": [asdict(place) for place in places],
        "kept": kept.amount,
        "parts": [asdict(way) for way in ways],
        "before": [books.refunds, len(books.places)],
    }
    return RefundPlan(
        order_code=books.order.code,
        order_state=books.order.state,
        asked=asked,
        places=places,
        places_left=len(books.places) - len(places),
        worth=worth,
        kept=kept,
        amount=amount,
        parts=ways,
        notes=(*notes, *_of_tickets(places), *_of_vouchers(places)),
        plan_hash=digest(facts),
    )


def _chosen(books: Books, asked: Asked) -> tuple[Place, ...]:
    if asked.places is None:
        return () if asked.money is Money.SURPLUS else tuple(books.places)
    known = {place.number: place for place in books.places}
    missing = sorted(set(asked.places) - known.keys())
    if missing:
        raise RefundRefused(
            f"order {books.order.code} has no place {', '.join(map(str, missing))} to give back;"
            f" it has {', '.join(map(str, sorted(known))) or 'none'}"
        )
    return tuple(known[number] for number in sorted(set(asked.places)))


def _money(
    books: Books, asked: Asked, places: Sequence[Place], *, at: datetime
) -> tuple[tuple[Part, ...], Rupiah, list[str]]:
    """The sums on their ways, what is kept, and what a person should know of it."""
    payers = books.pay_for(asked)
    paid = [one for one in books.payments if one.attempt_id in payers]
    surplus = [one for one in books.payments if one.attempt_id not in payers]
    if asked.amount is not None:
        payments = {Money.ORDER: paid, Money.SURPLUS: surplus, Money.ALL: [*paid, *surplus]}
        return parts(payments[asked.money], asked.amount, at=at), NOTHING, []
    kept, ways, notes = NOTHING, list[Part](), list[str]()
    if asked.money is not Money.SURPLUS:
        worth = total(place.worth for place in places)
        kept = asked.fee.kept(worth, len(places))
        left = total(one.left for one in paid)
        due = worth - kept
        if due > left:
            notes.append(f"{due} would be due, {left} is left of what was paid")
        ways += parts(paid, min(due, left), at=at)
    if asked.money is not Money.ORDER:
        ways += parts(surplus, total(one.left for one in surplus), at=at)
    return tuple(ways), kept, notes


def _nothing(books: Books) -> str:
    left = total(payment.left for payment in books.payments)
    said = f"order {books.order.code} is {books.order.state} and has no places to give back"
    return f"{said}; {left} of its money is left: name an amount, or say that it is surplus"


def _of_tickets(places: Sequence[Place]) -> list[str]:
    codes = [place for place in places if place.ticket_code]
    delivered = sum(place.delivered for place in codes)
    notes = [f"{delivered} of {len(codes)} tickets are delivered already"] if delivered else []
    if codes and any(place.used is None for place in codes):
        notes.append("whether a ticket was used is not known: no check-ins are kept yet")
    return notes


def _of_vouchers(places: Sequence[Place]) -> list[str]:
    """Who used one had what was paid for: a person decides, but knows of it."""
    sold = [place for place in places if place.voucher_id is not None]
    used = [str(place.number) for place in sold if place.used]
    if not used:
        return []
    return [f"{len(used)} of {len(sold)} vouchers were used already: {', '.join(used)}"]
