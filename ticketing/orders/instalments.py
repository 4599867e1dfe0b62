"""Rules of instalments: amounts, due dates, and the effect of a payment for one instalment.

How an instalment is paid is a payment attempt like any other, see `payment_attempt.py`.
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
# an instalment whose payment reached one of these has to be paid again, whatever amount is left
MONEY_RETURNED_STATES = frozenset(
    {AttemptState.REFUNDED, AttemptState.CHARGED_BACK, AttemptState.REVERSED}
)


class OverduePolicy(StrEnum):
    """The treatment of paid instalments when an order ends before the last one is paid."""

    KEEP = "keep"
    REFUND = "refund"
    ASK = "ask"  # staff decide


class TicketReleasePolicy(StrEnum):
    """The payment after which the buyer is entitled to the places."""

    FULL_PAYMENT = "all"
    FIRST_INSTALMENT = "first"


@dataclass(frozen=True, slots=True)
class PaymentPlan:
    """The instalments that an event offers; the first is due at once.

    The others follow at `interval`; the last is due `final_due_before` the start of the event.
    """

    name: str
    percentages: tuple[int, ...]
    interval: timedelta
    final_due_before: timedelta
    grace: timedelta
    overdue: OverduePolicy
    tickets: TicketReleasePolicy = TicketReleasePolicy.FULL_PAYMENT

    def __post_init__(self) -> None:
        """Refuse percentages that do not add up, and impossible durations."""
        if not MIN_INSTALMENTS <= len(self.percentages) <= MAX_INSTALMENTS:
            raise PartsRefused(
                f"{self.name}: {len(self.percentages)} instalments;"
                f" {MIN_INSTALMENTS} to {MAX_INSTALMENTS} are possible"
            )
        if min(self.percentages) < 1 or sum(self.percentages) != 100:  # noqa: PLR2004 - per cent
            raise PartsRefused(
                f"{self.name}: the instalments add up to {sum(self.percentages)} %, not to 100 %"
            )
        if (
            self.interval <= RESERVATION_PERIOD
            or min(self.final_due_before, self.grace) < timedelta()
        ):
            raise PartsRefused(
                f"{self.name}: the interval must be longer than an hour,"
                " and no duration may be negative"
            )


@dataclass(frozen=True, slots=True)
class Instalment:
    """One instalment of an order. `paid_by` is the id of the attempt that covers it, or None."""

    number: int
    due_at: datetime
    amount: Rupiah
    paid_by: int | None = None
    paid_at: datetime | None = None


def split_amount(total: Rupiah, percentages: Sequence[int]) -> tuple[Rupiah, ...]:
    """Split an amount by percentages; the results add up to the amount exactly."""
    bounds = [total.percent(passed) for passed in accumulate(percentages, initial=0)]
    return tuple(after - before for before, after in pairwise(bounds))


def schedule_instalments(
    plan: PaymentPlan,
    total: Rupiah,
    *,
    at: datetime,
    starts_at: datetime,
    hold: timedelta = RESERVATION_PERIOD,
) -> tuple[Instalment, ...]:
    """Return the instalments of an order placed at `at`; the first is due when its hold ends.

    Refuses a plan whose last instalment would be due too late, and instalments of zero.
    """
    sums = split_amount(total, plan.percentages)
    if ZERO in sums:
        raise PartsRefused(f"{total} is too little to be paid in {len(sums)} instalments")
    due = [
        at + hold,
        *(at + plan.interval * number for number in range(1, len(sums))),
    ]
    if due[-1] > starts_at - plan.final_due_before:
        raise PartsRefused(
            f"it is too late for payment plan {plan.name!r}: its last instalment would be due too"
            " close to the event"
        )
    return tuple(Instalment(*each) for each in zip(range(1, len(sums) + 1), due, sums, strict=True))


def next_unpaid_instalment(instalments: Sequence[Instalment]) -> Instalment | None:
    """Return the first unpaid instalment, or None if all are paid."""
    return next((instalment for instalment in instalments if instalment.paid_by is None), None)


def reservation_deadline(instalment: Instalment, plan: PaymentPlan, *, at: datetime) -> datetime:
    """Return the time until which an order keeps its places while this instalment is due.

    An instalment that is due again after its date gets its grace period from now, at least an hour.
    """
    return max(instalment.due_at + plan.grace, at + max(plan.grace, RESERVATION_PERIOD))


class InstalmentAction(StrEnum):
    """The effect of a payment for an instalment."""

    PAY = "pay"
    COMPLETE_LATE = "complete late"  # if all are paid and stock is left
    REVIEW = "review"


def instalment_action(instalment: Instalment, order: OrderState) -> InstalmentAction:
    """Return the effect of a payment for this instalment; an instalment is paid only once."""
    if instalment.paid_by is not None:
        return InstalmentAction.REVIEW
    actions = {
        OrderState.PENDING: InstalmentAction.PAY,
        OrderState.EXPIRED: InstalmentAction.COMPLETE_LATE,
    }
    return actions.get(order, InstalmentAction.REVIEW)


def assign_payments_to_instalments(
    instalments: Sequence[Instalment],
    payments: Sequence[PaymentBalance],
    instalment_by_attempt: Mapping[int, int | None],
    *,
    accepted: int | None = None,
) -> dict[int, int]:
    """Return the attempt that can pay each instalment in full; empty if any instalment has none.

    `instalment_by_attempt` maps each attempt id to the number of its instalment. `accepted` is an
    attempt that pays although its amount differs.
    """
    complete = [
        one
        for one in payments
        if one.pays_in_full or (one.attempt_id == accepted and one.is_untouched)
    ]
    attempt_by_number = {
        instalment_by_attempt[one.attempt_id]: one.attempt_id for one in reversed(complete)
    }
    chosen = {
        instalment.number: attempt_by_number[instalment.number]
        for instalment in instalments
        if instalment.number in attempt_by_number
    }
    return chosen if len(chosen) == len(instalments) else {}
