"""Replay the recorded facts of an order from zero, by the rules that settle payments.

Facts are the signed notifications, and the ledger entries with an actor: cancellation and
completion by people, and payments without a notification. What was changed by hand has no actor.
Orders are never paid by the ledger alone: money has to be there. They expire, and end with their
event, by the clock.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from ticketing.orders.order import ALLOWED_TRANSITIONS, OrderState
from ticketing.orders.payment_attempt import (
    AttemptState,
    OrderAction,
    PaymentTransition,
    merge_state,
    new_transitions,
    order_action,
    transitions_up_to,
)


@dataclass(frozen=True, slots=True)
class AttemptFacts:
    """A payment attempt as it was started; amounts are whole rupiah.

    `refunded` has the refunds that we recorded; the gateway may have reported more.
    """

    id: int
    key: str
    requested: int
    refunded: int
    instalment: int | None


@dataclass(frozen=True, slots=True)
class Report:
    """What a notification, or a ledger entry in its place, says about an attempt.

    `entry` is the id of the ledger entry, 0 if there is none; ids tell what came first.
    """

    at: datetime
    attempt_id: int
    state: AttemptState
    amount: int
    refunded: int
    transaction_id: str = ""
    entry: int = 0


@dataclass(frozen=True, slots=True)
class Booking:
    """A change of the order's state in the ledger."""

    at: datetime
    state: OrderState
    has_actor: bool
    entry: int


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """Everything recorded about an order; `booked` are reports of the ledger."""

    total: int
    attempts: Sequence[AttemptFacts]
    notified: Sequence[Report]
    booked: Sequence[Report]
    bookings: Sequence[Booking]
    instalments: frozenset[int] = frozenset()
    event_cancelled_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ReplayedAttempt:
    """The state of an attempt after all facts."""

    state: AttemptState
    amount: int
    refunded: int
    transaction_id: str = ""

    @property
    def left(self) -> int:
        """Return the amount that was received and not returned through the gateway."""
        is_lost = self.state in {AttemptState.REVERSED, AttemptState.CHARGED_BACK}
        return self.amount - self.refunded if self.state.has_taken_money and not is_lost else 0


@dataclass(frozen=True, slots=True)
class ReplayedOrder:
    """The result of a replay. `unproven` are attempts with money that no notification reports."""

    state: OrderState
    attempts: Mapping[int, ReplayedAttempt]
    unproven: tuple[str, ...]


def replay(facts: OrderFacts) -> ReplayedOrder:
    """Return the order and its attempts as the facts say they must be."""
    unproven = _list_unproven(facts)
    reports = [_date_by_ledger(one, facts.booked) for one in facts.notified] + unproven
    replayed = _Replay(facts)
    known: list[Report | Booking] = [*reports, *facts.bookings]
    for fact in sorted(known, key=lambda fact: (fact.at, fact.entry)):
        if isinstance(fact, Report):
            replayed.report(fact)
        else:
            replayed.book(fact)
    keys = {one.id: one.key for one in facts.attempts}
    named = dict.fromkeys(keys[one.attempt_id] for one in unproven)
    return ReplayedOrder(replayed.state, replayed.attempts, tuple(named))


def _list_unproven(facts: OrderFacts) -> list[Report]:
    """Return the reports of the ledger about what no notification implies."""
    proven, refunded = set(), {one.id: one.refunded for one in facts.attempts}
    states = dict.fromkeys(refunded, AttemptState.CREATED)
    for one in facts.notified:
        states[one.attempt_id] = merge_state(states[one.attempt_id], one.state)
        refunded[one.attempt_id] = max(refunded[one.attempt_id], one.refunded)
    for attempt_id, state in states.items():
        proven |= {(attempt_id, transition) for transition in transitions_up_to(state)}
    return [
        one
        for one in facts.booked
        if one.refunded > refunded[one.attempt_id]
        or {(one.attempt_id, step) for step in transitions_up_to(one.state)} - proven
    ]


def _date_by_ledger(report: Report, booked: Iterable[Report]) -> Report:
    """Return the report at the time of its effect: the gateway's answer may come before it."""
    effects = (
        one
        for one in booked
        if one.attempt_id == report.attempt_id
        and (
            report.state.has_taken_money
            or (report.state.has_failed and one.state is AttemptState.REVERSED)
        )
    )
    first = next(effects, None)
    return replace(report, at=first.at, entry=first.entry) if first else report


@dataclass(slots=True)
class _Replay:
    """The state of one replay."""

    facts: OrderFacts
    state: OrderState = OrderState.PENDING
    attempts: dict[int, ReplayedAttempt] = field(default_factory=dict)
    paid_by: int | None = None

    def __post_init__(self) -> None:
        for one in self.facts.attempts:
            unpaid = AttemptState.CREATED
            self.attempts[one.id] = ReplayedAttempt(unpaid, one.requested, one.refunded)

    def report(self, report: Report) -> None:
        """Apply a report about an attempt as `record_payment` does."""
        before = self.attempts[report.attempt_id]
        is_other = report.transaction_id not in {"", before.transaction_id}
        if before.state.has_taken_money and report.state.has_failed and is_other:
            return  # another transaction failed: that reverses nothing
        after = ReplayedAttempt(
            merge_state(before.state, report.state),
            report.amount if report.state.has_taken_money else before.amount,
            max(before.refunded, report.refunded),
            report.transaction_id or before.transaction_id,
        )
        self.attempts[report.attempt_id] = after
        for transition in new_transitions(before.state, after.state):
            self._apply(transition, report)

    def _apply(self, transition: PaymentTransition, report: Report) -> None:
        (attempt,) = (one for one in self.facts.attempts if one.id == report.attempt_id)
        is_taken = transition is PaymentTransition.MONEY_TAKEN
        if is_taken and not self._can_complete(attempt, report):
            return  # staff decide; what they decided is a booking
        others = self._paid_ids(attempt.instalment) - {attempt.id}
        is_paying = self.paid_by == attempt.id or attempt.instalment is not None
        action = order_action(
            transition, self.state, is_paying_attempt=is_paying, paid_twice=bool(others)
        )
        if action is OrderAction.COMPLETE:
            self.state, self.paid_by = OrderState.PAID, attempt.id
        elif action is OrderAction.REVERSE and self.state is OrderState.PAID:
            self.state = OrderState.CANCELLED

    def _can_complete(self, attempt: AttemptFacts, report: Report) -> bool:
        cancelled_at = self.facts.event_cancelled_at
        if cancelled_at is not None and report.at >= cancelled_at:
            return False
        if report.amount != attempt.requested:
            return False
        paid = {one.instalment for one in self.facts.attempts if self._holds_money(one.id)}
        return self.facts.instalments <= paid

    def _paid_ids(self, instalment: int | None) -> set[int]:
        return {
            one.id
            for one in self.facts.attempts
            if one.instalment == instalment and self._holds_money(one.id)
        }

    def _holds_money(self, attempt_id: int) -> bool:
        state = self.attempts[attempt_id].state
        return state.has_taken_money and state is not AttemptState.REVERSED

    def book(self, booking: Booking) -> None:
        """Apply a decision of the clock or of people, if the facts so far allow it."""
        if booking.state not in ALLOWED_TRANSITIONS[self.state]:
            return
        if not (booking.has_actor or self._is_due(booking)):
            return
        if booking.state is OrderState.PAID and self.facts.total:
            holders = [one.id for one in self.facts.attempts if self._holds_money(one.id)]
            if not holders:
                return
            self.paid_by = holders[-1]
        self.state = booking.state

    def _is_due(self, booking: Booking) -> bool:
        """Return whether an order ends without a decision about it alone."""
        cancelled_at = self.facts.event_cancelled_at
        is_over = cancelled_at is not None and booking.at >= cancelled_at
        return booking.state is OrderState.EXPIRED or (
            booking.state is OrderState.CANCELLED and is_over
        )


@dataclass(frozen=True, slots=True)
class Difference:
    """A part of an order, or of the stock, that is not what the facts say."""

    subject: str
    part: str
    expected: str
    found: str


@dataclass(frozen=True, slots=True)
class RecordedOrder:
    """The rows of an order: its state, and its attempts by id."""

    code: str
    state: OrderState
    attempts: Mapping[int, ReplayedAttempt]


def list_differences(
    recorded: RecordedOrder, replayed: ReplayedOrder, keys: Mapping[int, str]
) -> list[Difference]:
    """Return what differs between the rows of an order and its replay.

    States without money are not compared: the gateway's answers about them are not kept.
    """
    pairs = [("order state", str(replayed.state), str(recorded.state))]
    for attempt_id, expected in replayed.attempts.items():
        found = recorded.attempts[attempt_id]
        name = keys[attempt_id]
        pairs += [
            (f"{name} money", _describe_money(expected.state), _describe_money(found.state)),
            (f"{name} money left", f"Rp{expected.left}", f"Rp{found.left}"),
        ]
    return [Difference(recorded.code, *pair) for pair in pairs if pair[1] != pair[2]]


def _describe_money(state: AttemptState) -> str:
    """Return what happened to the money; how much was returned is in the amount that is left."""
    is_return = PaymentTransition.MONEY_RETURNED
    return ", ".join(one for one in transitions_up_to(state) if one is not is_return) or "none"
