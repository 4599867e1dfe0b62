"""A day's books against the gateway's: every payment of the day is asked about, and compared.

Nothing is changed: what differs is named, and `reconcile` or a person makes it right.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date

from ticketing.orders.payment_attempt import AttemptState, Statement, reached
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.invariant import Offender
from ticketing.platform.kernel.money import Rupiah, total
from ticketing.platform.kernel.time_span import span_of
from ticketing.reporting import sales_queries
from ticketing.reporting.sales_queries import BookedAttempt
from ticketing.selling.payments.reconcile import Answer, ask
from ticketing.selling.payments.settle import Gateway

CHUNK = 100


@dataclass(frozen=True, slots=True)
class DaysBooks:
    """Both sides' sums over the attempts of a day, and the attempts they differ about."""

    attempts: int
    taken: Rupiah
    taken_by_gateway: Rupiah
    returned: Rupiah
    returned_by_gateway: Rupiah
    differing: tuple[Offender, ...]


def reconcile_day(
    database: Database,
    gateway: Gateway,
    day: date,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> DaysBooks:
    """Compare; raises GatewayUnavailable when there is nobody to ask."""
    with database.transaction() as connection:
        booked = sales_queries.attempts(connection, span_of(day))
    answers: list[Answer] = []
    for start in range(0, len(booked), CHUNK):
        answers += ask(gateway, [attempt.key for attempt in booked[start : start + CHUNK]])
        if progress is not None:
            progress(len(answers), len(booked))
    said = [answer.statement for answer in answers]
    pairs = list(zip(booked, answers, strict=True))
    return DaysBooks(
        attempts=len(booked),
        taken=total(one.amount for one in booked if _has_money(one.state)),
        taken_by_gateway=total(one.amount for one in said if one and _has_money(one.state)),
        returned=total(one.refunded for one in booked),
        returned_by_gateway=total(one.refunded for one in said if one),
        differing=tuple(_differing(pairs)),
    )


def _has_money(state: AttemptState) -> bool:
    return state.has_taken_money and state is not AttemptState.REVERSED


def _differing(pairs: Iterable[tuple[BookedAttempt, Answer]]) -> Iterable[Offender]:
    for booked, answer in pairs:
        wrong = answer.trouble or difference(booked, answer.statement)
        if wrong:
            yield Offender(f"{booked.order_code}, {booked.key}", wrong)


def difference(booked: BookedAttempt, said: Statement | None) -> str:
    """In which way the gateway contradicts our books; empty when it does not."""
    if said is None:
        never_used = booked.state is AttemptState.CREATED or booked.state.has_failed
        return "" if never_used else f"{booked.state} to us, unknown to the gateway"
    if said.amount != booked.amount:
        return f"{booked.amount} to us, {said.amount} to the gateway"
    if reached(booked.state, said.state) is not booked.state:
        return f"{booked.state} to us, {said.state} to the gateway"
    if said.refunded != booked.refunded:
        return f"{booked.refunded} returned to us, {said.refunded} to the gateway"
    return ""
