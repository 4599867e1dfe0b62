"""Mails that came back: what they say of ours is noted at the deliveries, once each.

What vendors tell of messages afterwards: kept as it came, then applied once, in any order.

Also what people write back: a word that means stop keeps their number out of what nobody ordered.
"""

import hashlib
import random
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from ticketing.notifications import delivery_queries
from ticketing.notifications.campaigns import queries as campaign_queries
from ticketing.notifications.channel_policy import pass_on, rest_after
from ticketing.notifications.claim_queries import Step
from ticketing.notifications.delivery import (
    Channel,
    DeliveryState,
    Report,
    asks_to_stop,
    next_try,
    reached,
)
from ticketing.notifications.delivery_queries import Attempt
from ticketing.notifications.mail.bounces import Bounce, read_bounces
from ticketing.notifications.messages.message import Declined, Later
from ticketing.notifications.whatsapp.providers import Vendor, read_reports
from ticketing.notifications.whatsapp.status_webhooks import Inbound
from ticketing.platform.db import audit_log, inbox
from ticketing.platform.db.database import Database
from ticketing.platform.db.inbox import Notice, Outcome
from ticketing.platform.kernel.errors import Unavailable, UnreadableReport

SOURCES = tuple(f"whatsapp:{vendor}" for vendor in Vendor)


CHUNK = 100


MOST_TRIES = 3  # a report can come before our own note of the message; a quarter of an hour is long


@dataclass(frozen=True, slots=True)
class Heard:
    """How the reports of one round ended; `postponed` ones speak of nothing we know yet."""

    applied: int = 0
    unchanged: int = 0
    quarantined: int = 0
    postponed: int = 0

    @property
    def handled(self) -> int:
        """How many are done with."""
        return self.applied + self.unchanged + self.quarantined


def keep_report(database: Database, vendor: Vendor, body: bytes, *, at: datetime) -> bool:
    """Keep what a vendor tells; False when the same is known. Whose it is was checked before."""
    with database.transaction() as connection:
        return inbox.keep(
            connection,
            source=f"whatsapp:{vendor}",
            unique_key=hashlib.sha256(body).hexdigest(),
            subject=vendor,
            body=body,
            at=at,
        )


def hear_reports(
    database: Database,
    doors: Collection[Channel],
    *,
    at: datetime,
    jitter: Callable[[], float] = random.random,
    limit: int = CHUNK,
) -> Heard:
    """Apply what was kept; safe to repeat, to run twice at once, and to kill."""
    with database.transaction() as connection:
        notices = inbox.claim(connection, limit, at=at, sources=SOURCES)
    ends = Counter(_end_of(database, notice, doors, at=at, jitter=jitter()) for notice in notices)
    return Heard(
        ends[Outcome.APPLIED], ends[Outcome.UNCHANGED], ends[Outcome.QUARANTINED], ends[None]
    )


def _end_of(
    database: Database, notice: Notice, doors: Collection[Channel], *, at: datetime, jitter: float
) -> Outcome | None:
    """Apply one notice; whatever goes wrong with it is in its row and stops no other."""
    try:
        with database.transaction() as connection:
            return _hear(connection, notice, doors, at=at, jitter=jitter)
    except Unavailable:
        raise
    except Exception as error:  # noqa: BLE001 - one notice's failure must not stop the others
        reason = type(error).__name__  # its words may quote a number
    with database.transaction() as connection:
        if notice.tries < MOST_TRIES:
            inbox.postpone(connection, notice, reason=reason, at=at)
            return None
        inbox.finish(connection, notice, Outcome.QUARANTINED, reason=reason, at=at)
        return Outcome.QUARANTINED


def _hear(
    connection: Connection, notice: Notice, doors: Collection[Channel], *, at: datetime,
    jitter: float,
) -> Outcome | None:  # fmt: skip
    try:
        told = read_reports(Vendor(notice.subject), notice.body)
    except UnreadableReport as error:
        inbox.finish(connection, notice, Outcome.QUARANTINED, reason=str(error), at=at)
        return Outcome.QUARANTINED
    changes = [
        _answered(connection, one, at=at) if isinstance(one, Inbound)
        else apply_report(connection, one, doors, at=at, jitter=jitter)
        for one in told
    ]  # fmt: skip
    unknown = sum(change is None for change in changes)
    if unknown and notice.tries < MOST_TRIES:
        inbox.postpone(connection, notice, reason="of a message nobody knows yet", at=at)
        return None
    outcome = Outcome.APPLIED if any(changes) else Outcome.UNCHANGED
    reason = f"{unknown} of messages that are not ours" if unknown else ""
    inbox.finish(connection, notice, outcome, reason=reason, at=at)
    return outcome


def _answered(connection: Connection, said: Inbound, *, at: datetime) -> bool:
    if not asks_to_stop(said.text) or not campaign_queries.opt_out(connection, said.sender, at=at):
        return False
    # not whose: the log is never deleted from
    audit_log.record(connection, actor="whatsapp", action="messages.opt_out", subject="a number")
    return True


def apply_report(
    connection: Connection, report: Report, doors: Collection[Channel], *, at: datetime,
    jitter: float,
) -> bool | None:  # fmt: skip
    """Whether it changed anything; None when it speaks of no message of ours."""
    attempt = delivery_queries.attempt_of(
        connection, names=(report.provider_id, report.alias), reference=report.reference
    )
    if attempt is None or not _is_of(attempt, report):
        return None
    if report.provider_id and report.alias:
        delivery_queries.name(connection, attempt, report.alias)
    if reached(attempt.said, report.state) is attempt.said:
        return False
    step = _step(report)
    delivery_queries.log(connection, attempt, step, at=at)
    after = reached(attempt.state, report.state, of_this_attempt=attempt.is_newest)
    if after is report.state and after is not attempt.state:
        _move(connection, attempt, report, step, doors, at=at, jitter=jitter)
    return True


def _is_of(attempt: Attempt, report: Report) -> bool:
    """Anybody can write a bounce. WhatsApp's are signed, and may name a number differently."""
    if attempt.channel is not Channel.MAIL:
        return True
    return report.recipient.casefold() == attempt.address.casefold()


def _step(report: Report) -> Step:
    match report.failure:
        case Declined(reason, code, cause):
            return Step(report.state, code=code, reason=reason, concerns=cause)
        case Later(reason, code, _, stops):
            return Step(report.state, code=code, reason=reason, concerns=stops)
    return Step(report.state)


def _move(
    connection: Connection, attempt: Attempt, report: Report, step: Step,
    doors: Collection[Channel], *, at: datetime, jitter: float,
) -> None:  # fmt: skip
    failure = report.failure
    rest_after(connection, attempt.channel, failure, at=at)
    if isinstance(failure, Later):
        again = next_try(attempt.failures + 1, at=at, jitter=jitter, told=failure.after)
        if again is not None:
            anew = replace(step, state=DeliveryState.ERROR, next_try=again, failures=1)
            delivery_queries.stamp(connection, attempt, anew, at=at)
            return
    delivery_queries.stamp(connection, attempt, step, at=at)
    if failure is not None and (isinstance(failure, Later) or failure.may_go_otherwise):
        pass_on(connection, attempt.delivery_id, doors, at=at)


@dataclass(frozen=True, slots=True)
class Bounced:
    """What mails said; `undecided` is a server that still tries."""

    mails: int
    applied: int
    unchanged: int
    strange: int
    undecided: int


def hear_bounces(
    database: Database,
    mails: Iterable[bytes],
    doors: Collection[Channel],
    *,
    at: datetime,
    jitter: Callable[[], float] = random.random,
) -> Bounced:
    """Note every bounce among these mails, and let what bounced go by another channel."""
    read = 0
    ends: Counter[str] = Counter()
    for mail in mails:
        read += 1
        for bounce in read_bounces(mail):
            ends[_noted(database, bounce, doors, at=at, jitter=jitter())] += 1
    return Bounced(read, ends["applied"], ends["unchanged"], ends["strange"], ends["undecided"])


def _noted(
    database: Database, bounce: Bounce, doors: Collection[Channel], *, at: datetime, jitter: float
) -> str:
    report = bounce.report
    if report is None:
        return "undecided"
    with database.transaction() as connection:
        changed = apply_report(connection, report, doors, at=at, jitter=jitter)
    if changed is None:
        return "strange"
    return "applied" if changed else "unchanged"
