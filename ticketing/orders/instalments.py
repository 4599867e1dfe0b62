"""Instalments: what each part of an order amounts to, when it is due, and what a part's money does.

Only amounts and times are decided here; how a part is paid is an attempt like any other: payments.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import accumulate, pairwise

from ticketing.orders.order import RESERVATION_PERIOD, OrderState
from ticketing.orders.payment_attempt import AttemptState
from ticketing.orders.refund import PaymentBalance
from ticketing.platform.kernel.errors import PartsRefused
from ticketing.platform.kernel.money import ZERO, Rupiah

MIN_INSTALMENTS, MAX_INSTALMENTS = 2, 12
# whatever is left of it after these, the part has to be paid again
MONEY_RETURNED_STATES = frozenset(
    {AttemptState.REFUNDED, AttemptState.CHARGED_BACK, AttemptState.REVERSED}
)


class OverduePolicy(StrEnum):
    """What becomes of parts that were paid when the order ends before the last one is."""

    KEEP = "keep"
    REFUND = "refund"
    ASK = "ask"  # a person decides


class TicketReleasePolicy(StrEnum):
    """With which part the buyer is entitled to the places."""

    FULL_PAYMENT = "all"
    FIRST_INSTALMENT = "first"


@dataclass(frozen=True, slots=True)
class PaymentPlan:
    """How an event lets its orders be paid: `shares` are hundredths, the first one due at once.

    The others follow `every` so often; the last is due `last_before` the event starts or earlier.
    """

    name: str
    shares: tuple[int, ...]
    every: timedelta
    final_due_before: timedelta
    grace: timedelta
    overdue: OverduePolicy
    tickets: TicketReleasePolicy = TicketReleasePolicy.FULL_PAYMENT

    def __post_init__(self) -> None:
        """Refuse what is no plan."""
        if not MIN_INSTALMENTS <= len(self.shares) <= MAX_INSTALMENTS:
            raise PartsRefused(
                f"{self.name}: {len(self.shares)} instalments;"
                f" {MIN_INSTALMENTS} to {MAX_INSTALMENTS} are possible"
            )
        if min(self.shares) < 1 or sum(self.shares) != 100:  # noqa: PLR2004 - per cent
            raise PartsRefused(f"{self.name}: its parts are {sum(self.shares)} % together, not 100")
        if self.every <= RESERVATION_PERIOD or min(self.final_due_before, self.grace) < timedelta():
            raise PartsRefused(f"{self.name}: its parts are too close, or a time is negative")


@dataclass(frozen=True, slots=True)
class Instalment:
    """One part of an order. `paid_by` is the attempt whose money it has now; none once it left."""

    number: int
    due_at: datetime
    amount: Rupiah
    paid_by: int | None = None
    paid_at: datetime | None = None


def split_amount(total: Rupiah, shares: Sequence[int]) -> tuple[Rupiah, ...]:
    """The whole by shares in hundredths: all together exactly the whole."""
    bounds = [total.percent(passed) for passed in accumulate(shares, initial=0)]
    return tuple(after - before for before, after in pairwise(bounds))


def schedule_instalments(
    plan: PaymentPlan, total: Rupiah, *, at: datetime, starts_at: datetime
) -> tuple[Instalment, ...]:
    """The parts of an order placed now. Refuses a plan that ends too late, and parts of nothing."""
    sums = split_amount(total, plan.shares)
    if ZERO in sums:
        raise PartsRefused(f"{total} is too little to be paid in {len(sums)} parts")
    due = [at + RESERVATION_PERIOD, *(at + plan.every * number for number in range(1, len(sums)))]
    if due[-1] > starts_at - plan.final_due_before:
        raise PartsRefused(f"it is too late to pay by {plan.name!r}: its last part would be late")
    return tuple(Instalment(*each) for each in zip(range(1, len(sums) + 1), due, sums, strict=True))


def next_unpaid_instalment(instalments: Sequence[Instalment]) -> Instalment | None:
    """The first part without money; None when all have theirs."""
    return next((part for part in instalments if part.paid_by is None), None)


def reservation_deadline(instalment: Instalment, plan: PaymentPlan, *, at: datetime) -> datetime:
    """Until when an order keeps its places whose next part this is.

    A part that is due again after its time has its grace from now, and an hour at least.
    """
    return max(instalment.due_at + plan.grace, at + max(plan.grace, RESERVATION_PERIOD))


class InstalmentAction(StrEnum):
    """What money for a part means."""

    PAY = "pay"
    COMPLETE_LATE = "complete late"  # if nothing is missing and stock is left
    REVIEW = "review"


def instalment_action(instalment: Instalment, order: OrderState) -> InstalmentAction:
    """What money for this part means for the order as it stands; a part is paid once."""
    if instalment.paid_by is not None:
        return InstalmentAction.REVIEW
    meanings = {
        OrderState.PENDING: InstalmentAction.PAY,
        OrderState.EXPIRED: InstalmentAction.COMPLETE_LATE,
    }
    return meanings.get(order, InstalmentAction.REVIEW)


def assign_payments_to_instalments(
    instalments: Sequence[Instalment],
    payments: Sequence[PaymentBalance],
    instalment_by_attempt: Mapping[int, int | None],
) -> dict[int, int]:
    """Which attempt can pay each part with all of its money; empty when a part has none.

    `parts_paid` says of every attempt which part it was for.
    """
    whole = [one for one in payments if one.refundable == one.amount]
    found = {instalment_by_attempt[one.attempt_id]: one.attempt_id for one in reversed(whole)}
    chosen = {part.number: found[part.number] for part in instalments if part.number in found}
    return chosen if len(chosen) == len(instalments) else {}
