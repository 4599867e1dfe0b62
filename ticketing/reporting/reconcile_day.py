"""Reconciliation of one day's payment attempts with the gateway. Changes nothing.

`reconcile`, or staff, correct the differences.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from ticketing.orders.payment_attempt import (
    AttemptState,
    PaymentMeans,
    PaymentStatus,
    merge_state,
)
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.invariant import Violation
from ticketing.platform.kernel.money import Rupiah, total
from ticketing.platform.kernel.time_span import day_span
from ticketing.reporting import sales_queries
from ticketing.reporting.sales_queries import RecordedAttempt
from ticketing.selling.ledger.model import LedgerTotals
from ticketing.selling.ledger.queries import sum_money_by_means
from ticketing.selling.payments.attempt_references import collect_references
from ticketing.selling.payments.poll_gateway import GatewayReply, poll_attempts
from ticketing.selling.payments.settle import STATUS_CONCURRENCY, PaymentGateway

CHUNK_SIZE = 100


@dataclass(frozen=True, slots=True)
class DayReconciliation:
    """Sums of both sides over the attempts of a day, and the attempts that differ."""

    attempts: int
    taken: Rupiah
    taken_by_gateway: Rupiah
    returned: Rupiah
    returned_by_gateway: Rupiah
    differences: tuple[Violation, ...]
    box_office: Mapping[PaymentMeans, LedgerTotals]  # not compared: the gateway has none of it


def reconcile_day(
    database: Database,
    gateway: PaymentGateway,
    day: date,
    *,
    progress: Callable[[int, int], None] | None = None,
    concurrency: int = STATUS_CONCURRENCY,
) -> DayReconciliation:
    """Compare the day's attempts with the gateway; raise GatewayUnavailable."""
    with database.transaction() as connection:
        span = day_span(day)
        recorded = sales_queries.list_attempts(connection, span)
        by_means = sum_money_by_means(connection, since=span.begins_at, until=span.ends_at)
    replies: list[GatewayReply] = []
    for start in range(0, len(recorded), CHUNK_SIZE):
        chunk = recorded[start : start + CHUNK_SIZE]
        references = database.run(collect_references, [attempt.key for attempt in chunk])
        by_key = {
            reply.key: reply
            for reply in poll_attempts(gateway, references, concurrency=concurrency)
        }
        replies += [by_key[attempt.key] for attempt in chunk]
        if progress is not None:
            progress(len(replies), len(recorded))
    statuses = [answer.payment_status for answer in replies]
    pairs = list(zip(recorded, replies, strict=True))
    return DayReconciliation(
        attempts=len(recorded),
        taken=total(one.amount for one in recorded if _has_money(one.state)),
        taken_by_gateway=total(one.amount for one in statuses if one and _has_money(one.state)),
        returned=total(one.refunded for one in recorded),
        returned_by_gateway=total(one.refunded for one in statuses if one),
        differences=tuple(_list_differences(pairs)),
        box_office={
            means: sums for means, sums in by_means.items() if means is not PaymentMeans.GATEWAY
        },
    )


def _has_money(state: AttemptState) -> bool:
    return state.has_taken_money and state is not AttemptState.REVERSED


def _list_differences(pairs: Iterable[tuple[RecordedAttempt, GatewayReply]]) -> Iterable[Violation]:
    for recorded, reply in pairs:
        wrong = reply.error or describe_difference(recorded, reply.payment_status)
        if wrong:
            yield Violation(f"{recorded.order_code}, {recorded.key}", wrong)


def describe_difference(recorded: RecordedAttempt, reported: PaymentStatus | None) -> str:
    """Return how the gateway's status contradicts ours; empty if it does not."""
    if reported is None:
        never_used = recorded.state is AttemptState.CREATED or recorded.state.has_failed
        return "" if never_used else f"{recorded.state} here, unknown to the gateway"
    if reported.amount != recorded.amount:
        return f"amount {recorded.amount} here, {reported.amount} at the gateway"
    if merge_state(recorded.state, reported.state) is not recorded.state:
        return f"{recorded.state} here, {reported.state} at the gateway"
    if reported.refunded != recorded.refunded:
        return f"refunded {recorded.refunded} here, {reported.refunded} at the gateway"
    return ""
