"""A day's books against the gateway's: every payment of the day is asked about, and compared.

Nothing is changed: what differs is named, and `reconcile` or a person makes it right.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date

from ticketing.orders.payment_attempt import AttemptState, PaymentStatus, merge_state
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.invariant import Violation
from ticketing.platform.kernel.money import Rupiah, total
from ticketing.platform.kernel.time_span import day_span
from ticketing.reporting import sales_queries
from ticketing.reporting.sales_queries import RecordedAttempt
from ticketing.selling.payments.reconcile import GatewayReply, poll_attempts
from ticketing.selling.payments.settle import PaymentGateway

CHUNK_SIZE = 100


@dataclass(frozen=True, slots=True)
class DayReconciliation:
    """Both sides' sums over the attempts of a day, and the attempts they differ about."""

    attempts: int
    taken: Rupiah
    taken_by_gateway: Rupiah
    returned: Rupiah
    returned_by_gateway: Rupiah
    differences: tuple[Violation, ...]


def reconcile_day(
    database: Database,
    gateway: PaymentGateway,
    day: date,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> DayReconciliation:
    """Compare; raises GatewayUnavailable when there is nobody to ask."""
    with database.transaction() as connection:
        booked = sales_queries.list_attempts(connection, day_span(day))
    answers: list[GatewayReply] = []
    for start in range(0, len(booked), CHUNK_SIZE):
        answers += poll_attempts(
            gateway, [attempt.key for attempt in booked[start : start + CHUNK_SIZE]]
        )
        if progress is not None:
            progress(len(answers), len(booked))
    said = [answer.payment_status for answer in answers]
    pairs = list(zip(booked, answers, strict=True))
    return DayReconciliation(
        attempts=len(booked),
        taken=total(one.amount for one in booked if _has_money(one.state)),
        taken_by_gateway=total(one.amount for one in said if one and _has_money(one.state)),
        returned=total(one.refunded for one in booked),
        returned_by_gateway=total(one.refunded for one in said if one),
        differences=tuple(_list_differences(pairs)),
    )


def _has_money(state: AttemptState) -> bool:
    return state.has_taken_money and state is not AttemptState.REVERSED


def _list_differences(pairs: Iterable[tuple[RecordedAttempt, GatewayReply]]) -> Iterable[Violation]:
    for booked, answer in pairs:
        wrong = answer.error or describe_difference(booked, answer.payment_status)
        if wrong:
            yield Violation(f"{booked.order_code}, {booked.key}", wrong)


def describe_difference(recorded: RecordedAttempt, reported: PaymentStatus | None) -> str:
    """In which way the gateway contradicts our books; empty when it does not."""
    if reported is None:
        never_used = recorded.state is AttemptState.CREATED or recorded.state.has_failed
        return "" if never_used else f"{recorded.state} to us, unknown to the gateway"
    if reported.amount != recorded.amount:
        return f"{recorded.amount} to us, {reported.amount} to the gateway"
    if merge_state(recorded.state, reported.state) is not recorded.state:
        return f"{recorded.state} to us, {reported.state} to the gateway"
    if reported.refunded != recorded.refunded:
        return f"{recorded.refunded} returned to us, {reported.refunded} to the gateway"
    return ""
