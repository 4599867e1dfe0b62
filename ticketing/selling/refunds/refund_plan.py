"""Rules of refund plans: places to be returned, their value, the fee, the amounts and channels."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum

from ticketing.orders.order import Order, OrderLine, OrderState, ReviewFlag
from ticketing.orders.refund import (
    NO_FEE,
    PaymentBalance,
    RefundFee,
    RefundPart,
    pay_by_hand,
    split_refund,
)
from ticketing.platform.kernel.change_plan import digest
from ticketing.platform.kernel.errors import RefundRefused
from ticketing.platform.kernel.money import ZERO, Rupiah, total

MAX_REASON_LENGTH = 255


class RefundScope(StrEnum):
    """The payments of an order that a refund uses."""

    ORDER = "order"  # those that paid for its places
    SURPLUS = "surplus"  # late or double payments, and those for a cancelled order
    ALL = "all"


@dataclass(frozen=True, slots=True)
class RefundRequest:
    """A requested refund. `places` None means all places that the order still has.

    `amount` is refunded whatever the places cost; no fee is subtracted from it. `by_hand` pays it
    back outside of the gateway, also where the gateway could: in cash, or it has happened already.
    """

    places: tuple[int, ...] | None = None
    amount: Rupiah | None = None
    money: RefundScope = RefundScope.ORDER
    fee: RefundFee = NO_FEE
    reason: str = ""
    flag: ReviewFlag | None = None  # the flag that this resolves
    by_hand: bool = False

    def __post_init__(self) -> None:
        """Refuse contradictions, and a reason that the gateway would not accept."""
        if self.places and self.money is RefundScope.SURPLUS:
            raise RefundRefused("surplus payments pay for no places; refund places separately")
        if len(self.reason) > MAX_REASON_LENGTH or not self.reason.isprintable():
            raise RefundRefused(
                f"the reason must be one line of at most {MAX_REASON_LENGTH} characters"
            )


@dataclass(frozen=True, slots=True)
class RefundablePlace:
    """A place or voucher of a paid order. `worth` is its price after its share of the discount.

    A place has an entitlement; a voucher is on a router or being provisioned.
    """

    number: int
    entitlement_id: int | None
    ticket_type_id: int
    ticket_type: str
    worth: Rupiah
    ticket_code: str | None
    delivered: bool
    used: bool = False  # a voucher on its router, a ticket at an entrance
    voucher_id: int | None = None

    @property
    def is_voucher(self) -> bool:
        """Return whether this is a voucher."""
        return self.voucher_id is not None


@dataclass(frozen=True, slots=True)
class RefundPlan:
    """The exact effects of a refund, identified by `plan_hash`. The places' tickets are revoked."""

    order_code: str
    order_state: OrderState
    request: RefundRequest
    places: tuple[RefundablePlace, ...]
    places_left: int
    worth: Rupiah
    kept: Rupiah
    amount: Rupiah
    parts: tuple[RefundPart, ...]
    notes: tuple[str, ...]
    plan_hash: str

    @property
    def ends_order(self) -> bool:
        """Return whether the order has no places left afterwards."""
        return bool(self.places) and not self.places_left


@dataclass(frozen=True, slots=True)
class RefundSnapshot:
    """An order before a refund: its places, payments and previous refunds."""

    order: Order
    places: Sequence[RefundablePlace]
    payments: Sequence[PaymentBalance]
    refund_count: int
    instalment_attempt_ids: frozenset[int] = frozenset()  # empty without a payment plan

    def paying_attempt_ids(self, request: RefundRequest) -> frozenset[int | None]:
        """Return the attempts that pay for the order; none if an unfinished one is refunded."""
        if self.order.payment_plan_id is None:
            return frozenset({self.order.paid_attempt_id})
        unfinished = self.order.state is OrderState.PENDING and request.money is RefundScope.ALL
        return frozenset() if unfinished else self.instalment_attempt_ids


def net_prices(
    lines: Sequence[OrderLine], discount: Rupiah, discounted: int | None
) -> list[list[Rupiah]]:
    """Return the price of each place of each line after its share of the discount; sums are exact.

    `discounted` is the ticket type of the discount; None for all types.
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


def require_own_environment(order: Order) -> None:
    """Refuse a refund in another payment environment: it would wait for ever and never be sent."""
    if order.other_environment:
        raise RefundRefused(
            f"order {order.code} was placed in the payment environment {order.other_environment}:"
            " refund it there; `ticketing go-live` clears rehearsals"
        )


def compute_plan(snapshot: RefundSnapshot, request: RefundRequest, *, at: datetime) -> RefundPlan:
    """Return the refund plan; refuses a refund of nothing, and of more than was paid."""
    require_own_environment(snapshot.order)
    places = _select_places(snapshot, request)
    worth = total(place.worth for place in places)
    parts, kept, notes = _split_amount(snapshot, request, places, at=at)
    if request.by_hand:
        parts = tuple(pay_by_hand(part) for part in parts)
    amount = total(part.amount for part in parts)
    if not places and amount == ZERO:
        raise RefundRefused(
            _nothing_to_refund_message(snapshot),
            left=total(p.refundable for p in snapshot.payments).amount,
        )
    facts = {
        "order": snapshot.order.code,
        "state": snapshot.order.state,
        "request": asdict(request),
        "places": [asdict(place) for place in places],
        "kept": kept.amount,
        "parts": [asdict(part) for part in parts],
        "before": [snapshot.refund_count, len(snapshot.places)],
    }
    return RefundPlan(
        order_code=snapshot.order.code,
        order_state=snapshot.order.state,
        request=request,
        places=places,
        places_left=len(snapshot.places) - len(places),
        worth=worth,
        kept=kept,
        amount=amount,
        parts=parts,
        notes=(*notes, *_ticket_notes(places), *_voucher_notes(places)),
        plan_hash=digest(facts),
    )


def _select_places(snapshot: RefundSnapshot, request: RefundRequest) -> tuple[RefundablePlace, ...]:
    if request.places is None:
        return () if request.money is RefundScope.SURPLUS else tuple(snapshot.places)
    known = {place.number: place for place in snapshot.places}
    missing = sorted(set(request.places) - known.keys())
    if missing:
        raise RefundRefused(
            f"order {snapshot.order.code} has no place {', '.join(map(str, missing))} to refund;"
            f" it has {', '.join(map(str, sorted(known))) or 'none'}"
        )
    return tuple(known[number] for number in sorted(set(request.places)))


def _split_amount(
    snapshot: RefundSnapshot,
    request: RefundRequest,
    places: Sequence[RefundablePlace],
    *,
    at: datetime,
) -> tuple[tuple[RefundPart, ...], Rupiah, list[str]]:
    """Return the refunds per payment, the fee, and notes for staff."""
    payers = snapshot.paying_attempt_ids(request)
    paid = [one for one in snapshot.payments if one.attempt_id in payers]
    surplus = [one for one in snapshot.payments if one.attempt_id not in payers]
    if request.amount is not None:
        payments = {
            RefundScope.ORDER: paid,
            RefundScope.SURPLUS: surplus,
            RefundScope.ALL: [*paid, *surplus],
        }
        return split_refund(payments[request.money], request.amount, at=at), ZERO, []
    kept, parts, notes = ZERO, list[RefundPart](), list[str]()
    if request.money is not RefundScope.SURPLUS:
        worth = total(place.worth for place in places)
        kept = request.fee.amount_kept(worth, len(places))
        left = total(one.refundable for one in paid)
        due = worth - kept
        if due > left:
            notes.append(f"{due} would be due, only {left} is left of the payments")
        elif len(places) == len(snapshot.places):
            notes += _surplus_notes(paid, left, worth)
        parts += split_refund(paid, min(due, left), at=at)
    if request.money is not RefundScope.ORDER:
        parts += split_refund(surplus, total(one.refundable for one in surplus), at=at)
    return tuple(parts), kept, notes


def _surplus_notes(paid: Sequence[PaymentBalance], left: Rupiah, worth: Rupiah) -> list[str]:
    """Return a note about what an accepted payment had too much, when all places are returned."""
    if left <= worth or all(one.is_requested_amount for one in paid):
        return []
    return [f"{left - worth} of an accepted surplus stays; `--amount` refunds it"]


def _nothing_to_refund_message(snapshot: RefundSnapshot) -> str:
    left = total(payment.refundable for payment in snapshot.payments)
    message = f"order {snapshot.order.code} is {snapshot.order.state} and has no places to refund"
    return f"{message}; {left} of its payments is left: set an amount, or refund the surplus"


def _ticket_notes(places: Sequence[RefundablePlace]) -> list[str]:
    codes = [place for place in places if place.ticket_code]
    delivered = sum(place.delivered for place in codes)
    notes = [f"{delivered} of {len(codes)} tickets are delivered already"] if delivered else []
    return [*notes, *_used_notes([one for one in places if not one.is_voucher], "tickets")]


def _voucher_notes(places: Sequence[RefundablePlace]) -> list[str]:
    return _used_notes([one for one in places if one.is_voucher], "vouchers")


def _used_notes(places: Sequence[RefundablePlace], kind: str) -> list[str]:
    """Return a note about what was used, so that staff can decide."""
    used = [str(place.number) for place in places if place.used]
    if not used:
        return []
    return [f"{len(used)} of {len(places)} {kind} were used already: {', '.join(used)}"]
