"""Asking the gateway about many payment attempts: several at a time, for most of it is waiting.

Reconciling: the gateway is asked about every payment attempt that may still change.

Notices get lost for good: a gateway stops repeating them after some hours. What it answers is
written down as if a notice had come, so nothing that was known already is done again.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ticketing.orders import queries as order_queries
from ticketing.orders.order import Flag
from ticketing.orders.payment_attempt import AttemptState, Statement
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import GatewayUnavailable, TicketingError, Unavailable
from ticketing.platform.kernel.invariant import Offender
from ticketing.selling.payments import attempt_queries
from ticketing.selling.payments.attempt_queries import Attempt
from ticketing.selling.payments.complete_order import ask_a_person
from ticketing.selling.payments.record_payment import record_payment
from ticketing.selling.payments.settle import Gateway

AT_A_TIME = 4
SILENT_IN_A_ROW = 8  # then it is away, and asking on would only take hours


@dataclass(frozen=True, slots=True)
class Answer:
    """What it says of one attempt: None when it knows none. `trouble` is why there is no answer."""

    key: str
    statement: Statement | None
    trouble: str = ""


def ask(gateway: Gateway, keys: Sequence[str]) -> Iterator[Answer]:
    """One answer a key, in their order. Raises GatewayUnavailable when the gateway is away."""
    silent = 0
    with ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="asking") as pool:
        for start in range(0, len(keys), AT_A_TIME):
            asked = keys[start : start + AT_A_TIME]
            for answer, was_silent in pool.map(lambda key: _ask(gateway, key), asked):
                silent = silent + 1 if was_silent else 0
                yield answer
            if silent >= SILENT_IN_A_ROW:
                raise GatewayUnavailable(f"the gateway gave {silent} times no answer; ask later")


def _ask(gateway: Gateway, key: str) -> tuple[Answer, bool]:
    try:
        return Answer(key, gateway.statement(key)), False
    except Unavailable as error:
        return Answer(key, None, str(error)), True
    except TicketingError as error:
        return Answer(key, None, str(error)), False


CHUNK = 100


class End(StrEnum):
    """What came of asking about one attempt."""

    CORRECTED = "corrected"  # we did not know this yet
    AGREED = "agreed"
    UNUSED = "unused"  # neither knows of any payment
    ODD = "odd"  # a person looks


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """How the attempts ended, and which of them are odd, with what is odd about them."""

    corrected: int
    agreed: int
    unused: int
    odd: tuple[Offender, ...]

    @property
    def asked(self) -> int:
        """About how many the gateway was asked."""
        return self.corrected + self.agreed + self.unused + len(self.odd)


def reconcile(
    database: Database,
    gateway: Gateway,
    *,
    at: datetime,
    by: str,
    progress: Callable[[int], None] | None = None,
) -> Reconciliation:
    """Ask, and write down what is new; safe to repeat, to run twice at once, and to kill.

    Raises GatewayUnavailable when there is nobody to ask; what was told until then is kept.
    """
    ends: Counter[End] = Counter()
    odd: list[Offender] = []
    for keys in _pages(database, at=at):
        for answer in ask(gateway, keys):
            end, wrong = _end_of(database, answer, at=at, by=by)
            ends[end] += 1
            if wrong:
                odd.append(Offender(answer.key, wrong))
        if progress is not None:
            progress(ends.total())
    result = Reconciliation(ends[End.CORRECTED], ends[End.AGREED], ends[End.UNUSED], tuple(odd))
    _record(database, result, by=by)
    return result


def _pages(database: Database, *, at: datetime) -> Iterator[list[str]]:
    last = 0
    while True:
        with database.transaction() as connection:
            page = attempt_queries.attempt_keys(connection, at=at, after=last, limit=CHUNK)
        if not page:
            return
        yield [key for _, key in page]
        last = page[-1][0]


def _end_of(database: Database, answer: Answer, *, at: datetime, by: str) -> tuple[End, str]:
    """Write one answer down; what goes wrong with it is in its order's flag and stops no other."""
    if answer.trouble:
        return End.ODD, answer.trouble
    with database.transaction() as connection:
        attempt = attempt_queries.find(connection, answer.key)
    if attempt is None:
        return End.ODD, "it has gone from our books"
    try:
        return _written(database, attempt, answer, at=at, by=by)
    except Exception as error:  # noqa: BLE001 - one attempt's failure must not stop the others
        said = f"{attempt.key} cannot be reconciled: {type(error).__name__}: {error}"
        with database.transaction() as connection:
            order = order_queries.lock(connection, attempt.order_id)
            ask_a_person(connection, order, Flag.STUCK, said, at=at)
        return End.ODD, said


def _written(
    database: Database, attempt: Attempt, answer: Answer, *, at: datetime, by: str
) -> tuple[End, str]:
    statement = answer.statement
    if statement is None:
        was_never_used = attempt.state is AttemptState.CREATED or attempt.state.has_failed
        if was_never_used:
            return End.UNUSED, ""
        return End.ODD, f"{attempt.state} to us, and the gateway knows none of that key"
    with database.transaction() as connection:
        changed = record_payment(connection, attempt, statement, at=at, by=by)
    if statement.amount != attempt.amount:
        return End.ODD, f"asked for {attempt.amount}, the gateway says {statement.amount}"
    return (End.CORRECTED if changed else End.AGREED), ""


def _record(database: Database, result: Reconciliation, *, by: str) -> None:
    if not result.asked:
        return
    with database.transaction() as connection:
        audit_log.record(
            connection,
            actor=by,
            action="payments.reconcile",
            items=result.asked,
            details={
                "corrected": result.corrected,
                "agreed": result.agreed,
                "unused": result.unused,
                "odd": len(result.odd),
            },
        )
