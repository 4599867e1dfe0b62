"""Sending what the outbox holds: taken once, claimed, sent, stamped.

Killed between sending and stamping, a message is left alone until its claim is stuck, is then
unknown, and is sent again when the channel's policy says so: as the same message, by its reference.
"""

import random
from collections import Counter
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import Connection

from ticketing.actions.write_message import Desk, mail_of
from ticketing.domain.deliveries import (
    STUCK_AFTER,
    Channel,
    DeliveryState,
    next_try,
    reached,
    resend_after,
    said_by,
)
from ticketing.domain.errors import Unavailable
from ticketing.domain.messages import Accepted, Declined, Later, Mail, Outcome, Stops, Unsure
from ticketing.store import deliveries, outbox_taking
from ticketing.store.database import Database
from ticketing.store.deliveries import Claimed, Step
from ticketing.store.outbox import ORGANISER
from ticketing.store.outbox_taking import New, Waiting

AT_ONCE = 4  # connections to a mail server: more of them and small servers refuse
SENDER_RESTS = timedelta(minutes=1)
CHANNEL_RESTS = timedelta(minutes=10)  # then one round looks whether a person has acted
CONCERNS_MANY = {Stops.SENDER: SENDER_RESTS, Stops.CHANNEL: CHANNEL_RESTS}


class MailDoor(Protocol):
    """What hands a mail over; whatever goes wrong is in the outcome."""

    def send(self, to: str, mail: Mail, *, reference: str, name: str = "") -> Outcome:
        """Once; every attempt at the same reference is the same message."""
        ...


@dataclass(frozen=True, slots=True)
class Delivered:
    """How the attempts of one round ended; `taken` are new messages."""

    taken: int = 0
    sent: int = 0
    failed: int = 0
    error: int = 0
    unknown: int = 0

    @property
    def attempts(self) -> int:
        """How many were made."""
        return self.sent + self.failed + self.error + self.unknown

    def __add__(self, other: "Delivered") -> "Delivered":
        """Of both rounds."""
        return Delivered(
            self.taken + other.taken,
            self.sent + other.sent,
            self.failed + other.failed,
            self.error + other.error,
            self.unknown + other.unknown,
        )


@dataclass(frozen=True, slots=True)
class Mailroom:
    """Everything that messages are sent with; without a mail door they wait."""

    desk: Desk
    mail: MailDoor | None
    organiser: str = ""  # the address of whoever answers for the events; empty: theirs wait

    @property
    def channels(self) -> Collection[Channel]:
        """By which something can be sent."""
        return () if self.mail is None else (Channel.MAIL,)


def deliver(
    database: Database,
    mailroom: Mailroom,
    *,
    at: datetime,
    jitter: Callable[[], float] = random.random,
    limit: int = 2 * AT_ONCE,
) -> Delivered:
    """Send what is due; safe to repeat, to run twice at once, and to kill."""
    door = mailroom.mail
    if door is None:
        return Delivered()
    with database.transaction() as connection:
        _sweep(connection, at=at, limit=limit)
        waiting = outbox_taking.waiting(connection, organiser=bool(mailroom.organiser), limit=limit)
        outbox_taking.add(
            connection, [_addressed(each, mailroom.organiser) for each in waiting], at=at
        )
    with database.transaction() as connection:
        claimed = deliveries.claim(connection, mailroom.channels, at=at, limit=limit)
    if not claimed:
        return Delivered(taken=len(waiting))

    def carry(one: Claimed) -> DeliveryState:
        outcome = _outcome(database, mailroom.desk, door, one)
        with database.transaction() as connection:
            return _stamp(connection, one, outcome, at=at, jitter=jitter())

    with ThreadPoolExecutor(min(AT_ONCE, len(claimed)), thread_name_prefix="mail") as pool:
        ends = Counter(pool.map(carry, claimed))
    return Delivered(
        taken=len(waiting),
        sent=ends[DeliveryState.SENT],
        failed=ends[DeliveryState.FAILED],
        error=ends[DeliveryState.ERROR],
        unknown=ends[DeliveryState.UNKNOWN],
    )


def deliver_all(
    database: Database, mailroom: Mailroom, *, clock: Callable[[], datetime]
) -> Delivered:
    """Round after round, until nothing is due."""
    done = Delivered()
    while True:
        one = deliver(database, mailroom, at=clock())
        done += one
        if not (one.attempts or one.taken):
            return done


def deliveries_overdue(
    database: Database, mailroom: Mailroom, *, at: datetime, by: timedelta
) -> bool:
    """Whether something could be sent, and could so long ago, and nobody has."""
    if mailroom.mail is None:
        return False
    with database.transaction() as connection:
        if outbox_taking.somebody_waits(
            connection, organiser=bool(mailroom.organiser), since=at - by
        ):
            return True
        return deliveries.somebody_waits(connection, mailroom.channels, since=at - by, at=at)


def _addressed(message: Waiting, organiser: str) -> New:
    """By mail, if there is an address; else a person has to hand on a link."""
    to = organiser if message.recipient == ORGANISER else message.recipient
    if "@" in to:
        return New(message.id, message.event_id, Channel.MAIL, to)
    reason = "no mail address is known: tell them yourself"
    return New(message.id, message.event_id, Channel.LINK, to, failure=reason)


def _outcome(database: Database, desk: Desk, door: MailDoor, one: Claimed) -> Outcome:
    try:
        mail = mail_of(database, desk, one)
    except Unavailable as error:
        return Later(str(error), error.code)
    except Exception as error:  # noqa: BLE001 - one message's failure is in its row and stops no other
        return Declined(f"the message could not be written ({type(error).__name__})")
    if not isinstance(mail, Mail):
        return mail
    try:
        return door.send(one.address, mail, reference=one.reference)
    except Exception as error:  # noqa: BLE001 - as above; it was perhaps sent
        return Unsure(f"sending ended in {type(error).__name__}")


def _stamp(
    connection: Connection, one: Claimed, outcome: Outcome, *, at: datetime, jitter: float
) -> DeliveryState:
    """Note the end of an attempt; one that somebody began meanwhile goes on undisturbed."""
    step = _step(one, outcome, at=at, jitter=jitter)
    deliveries.log(connection, one.id, one.number, step, at=at)
    known = deliveries.now_in(connection, one.id)
    if known is not None:
        before, newest = known
        after = reached(before, step.state, of_this_attempt=newest == one.number)
        if after is step.state and after is not before:
            deliveries.stamp(connection, one.id, step, at=at)
    if isinstance(outcome, Later) and outcome.stops in CONCERNS_MANY:
        until = at + max(CONCERNS_MANY[outcome.stops], outcome.after or timedelta(0))
        deliveries.rest(connection, one.channel, until=until, reason=outcome.reason)
    return step.state


def _step(one: Claimed, outcome: Outcome, *, at: datetime, jitter: float) -> Step:
    match outcome:
        case Accepted(provider_id):
            return Step(said_by(outcome), provider_id=provider_id)
        case Declined(reason, code):
            return Step(said_by(outcome), code=code, reason=reason)
        case Unsure(reason):
            wait = resend_after(one.channel, one.resends)
            again = None if wait is None else at + wait
            return Step(said_by(outcome), next_try=again, reason=reason)
    return _waits(one, outcome, at=at, jitter=jitter)


def _waits(one: Claimed, said: Later, *, at: datetime, jitter: float) -> Step:
    """What concerns everybody costs a message none of its patience: the channel rests instead."""
    if said.stops in CONCERNS_MANY:
        again: datetime | None = at + CONCERNS_MANY[said.stops]
        return Step(said_by(said), next_try=again, code=said.code, reason=said.reason)
    again = next_try(one.failures + 1, at=at, jitter=jitter, told=said.after)
    state = said_by(said) if again else DeliveryState.FAILED
    return Step(state, again, failures=1, code=said.code, reason=said.reason)


def _sweep(connection: Connection, *, at: datetime, limit: int) -> None:
    """Whoever held these claims is dead, or as good as: perhaps it had sent."""
    held = deliveries.stuck(connection, since=at - STUCK_AFTER, limit=limit)
    for delivery_id, number, channel, resends in held:
        wait = resend_after(channel, resends)
        step = Step(
            DeliveryState.UNKNOWN,
            next_try=None if wait is None else at + wait,
            reason="whoever was sending it has not been heard of again",
        )
        deliveries.stamp(connection, delivery_id, step, at=at)
        deliveries.log(connection, delivery_id, number, step, at=at)
