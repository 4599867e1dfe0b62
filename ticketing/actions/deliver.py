"""Sending what the outbox holds: taken once, claimed, sent, stamped.

Killed between sending and stamping, a message is left alone until its claim is stuck, is then
unknown, and is sent again when the channel's policy says so: as the same message, by its reference.
"""

import random
from collections import Counter
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import Connection

from ticketing.actions.desk import Desk
from ticketing.actions.hear_reports import SOURCES, hear_reports
from ticketing.actions.pace_channels import CONCERNS_MANY, claim_at_pace, rest_after
from ticketing.actions.pass_on import first_delivery, pass_on
from ticketing.actions.write_message import message_of
from ticketing.domain.deliveries import (
    STUCK_AFTER,
    Channel,
    DeliveryState,
    next_try,
    reached,
    resend_after,
    said_by,
)
from ticketing.domain.delivery_pace import Pace
from ticketing.domain.errors import Unavailable
from ticketing.domain.messages import (
    Accepted,
    Cause,
    ChatMessage,
    Declined,
    Later,
    Mail,
    Outcome,
    Unsure,
)
from ticketing.store import deliveries, guest_tickets, inbox_state, outbox_taking
from ticketing.store.database import Database
from ticketing.store.deliveries import Claimed, Step

AT_ONCE = 4  # connections to a vendor: more of them and small mail servers refuse
NO_LIMIT = Pace(None)


class MailDoor(Protocol):
    """What hands a mail over; whatever goes wrong is in the outcome."""

    def send(self, to: str, mail: Mail, *, reference: str, name: str = "") -> Outcome:
        """Once; every attempt at the same reference is the same message."""
        ...


class ChatDoor(Protocol):
    """What hands a WhatsApp message over, likewise."""

    def send(self, to: str, message: ChatMessage, *, reference: str) -> Outcome:
        """Once, to a number in E.164 form."""
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
    """Everything that messages are sent with; without any door they wait."""

    desk: Desk
    mail: MailDoor | None
    organiser: str = ""  # the address of whoever answers for the events; empty: theirs wait
    whatsapp: ChatDoor | None = None
    pace: Pace = NO_LIMIT  # WhatsApp's

    @property
    def channels(self) -> Collection[Channel]:
        """By which something can be sent."""
        doors = {Channel.WHATSAPP: self.whatsapp, Channel.MAIL: self.mail}
        return [channel for channel, door in doors.items() if door is not None]

    @property
    def tells_organiser(self) -> bool:
        """Whether anything can go to whoever answers for the events: by mail alone."""
        return bool(self.organiser) and self.mail is not None

    def send(self, one: Claimed, written: Mail | ChatMessage) -> Outcome:
        """Hand it over at its door."""
        match written:
            case Mail() if self.mail:
                return self.mail.send(one.address, written, reference=one.reference)
            case ChatMessage() if self.whatsapp:
                return self.whatsapp.send(one.address, written, reference=one.reference)
        return Later("nothing can be sent this way at the moment")


@dataclass(frozen=True, slots=True)
class MessagingConnector:
    """Connect to the mail server and to the provider of WhatsApp."""

    connect: Callable[[], AbstractContextManager[Mailroom]]  # new connections at each call


def deliver(
    database: Database,
    mailroom: Mailroom,
    *,
    at: datetime,
    jitter: Callable[[], float] = random.random,
    limit: int = 2 * AT_ONCE,
    by: Collection[Channel] = tuple(Channel),
) -> Delivered:
    """Send what is due by these channels; safe to repeat, to run twice at once, and to kill."""
    if not mailroom.channels:
        return Delivered()
    with database.transaction() as connection:
        _sweep(connection, at=at, limit=limit)
        taken = _take(connection, mailroom, at=at, limit=limit)
    with database.transaction() as connection:
        claimed = _claimed(connection, mailroom, by, at=at, limit=limit)
    if not claimed:
        return Delivered(taken=taken)

    def carry(one: Claimed) -> DeliveryState:
        outcome = _outcome(database, mailroom, one)
        with database.transaction() as connection:
            state = _stamp(connection, one, outcome, at=at, jitter=jitter())
            if state is DeliveryState.FAILED and _may_go_otherwise(outcome):
                pass_on(connection, one.id, mailroom.channels, at=at)
            if isinstance(outcome, Declined) and outcome.cause is Cause.OPTED_OUT:
                guest_tickets.opt_out(connection, one.address, at=at)
            return state

    with ThreadPoolExecutor(min(AT_ONCE, len(claimed)), thread_name_prefix="messages") as pool:
        ends = Counter(pool.map(carry, claimed))
    return Delivered(
        taken=taken,
        sent=ends[DeliveryState.SENT],
        failed=ends[DeliveryState.FAILED],
        error=ends[DeliveryState.ERROR],
        unknown=ends[DeliveryState.UNKNOWN],
    )


def deliver_all(
    database: Database, mailroom: Mailroom, *, clock: Callable[[], datetime]
) -> Delivered:
    """Round after round, until nothing is due; what was reported meanwhile counts first."""
    done = Delivered()
    while True:
        while hear_reports(database, mailroom.channels, at=clock()).handled:
            pass
        one = deliver(database, mailroom, at=clock())
        done += one
        if not (one.attempts or one.taken):
            return done


def deliveries_overdue(
    database: Database, mailroom: Mailroom, *, at: datetime, by: timedelta
) -> bool:
    """Whether something could be sent, and could so long ago, and nobody has."""
    if not mailroom.channels:
        return False
    with database.transaction() as connection:
        if outbox_taking.somebody_waits(
            connection, organiser=mailroom.tells_organiser, since=at - by
        ):
            return True
        if inbox_state.has_due_since(connection, at - by, at=at, sources=SOURCES):
            return True
        return deliveries.somebody_waits(connection, mailroom.channels, since=at - by, at=at)


def _take(connection: Connection, mailroom: Mailroom, *, at: datetime, limit: int) -> int:
    waiting = outbox_taking.waiting(connection, organiser=mailroom.tells_organiser, limit=limit)
    new = [first_delivery(each, mailroom.channels, mailroom.organiser) for each in waiting]
    outbox_taking.add(connection, new, at=at)
    return len(new)


def _claimed(
    connection: Connection, mailroom: Mailroom, by: Collection[Channel], *, at: datetime, limit: int
) -> list[Claimed]:
    begun: list[Claimed] = []
    if mailroom.whatsapp and Channel.WHATSAPP in by:
        begun += claim_at_pace(connection, Channel.WHATSAPP, mailroom.pace, at=at, limit=limit)
    if mailroom.mail and Channel.MAIL in by:
        begun += deliveries.claim(connection, Channel.MAIL, at=at, limit=limit)
    return begun


def _may_go_otherwise(outcome: Outcome) -> bool:
    return not isinstance(outcome, Declined) or outcome.may_go_otherwise


def _outcome(database: Database, mailroom: Mailroom, one: Claimed) -> Outcome:
    try:
        written = message_of(database, mailroom.desk, one)
    except Unavailable as error:
        return Later(str(error), error.code)
    except Exception as error:  # noqa: BLE001 - one message's failure is in its row and stops no other
        return Declined(f"the message could not be written ({type(error).__name__})")
    if not isinstance(written, (Mail, ChatMessage)):
        return written
    try:
        return mailroom.send(one, written)
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
    rest_after(connection, one.channel, outcome, at=at)
    return step.state


def _step(one: Claimed, outcome: Outcome, *, at: datetime, jitter: float) -> Step:
    match outcome:
        case Accepted(provider_id):
            return Step(said_by(outcome), provider_id=provider_id)
        case Declined(reason, code, cause):
            return Step(said_by(outcome), code=code, reason=reason, concerns=cause)
        case Unsure(reason):
            wait = resend_after(one.channel, one.resends)
            again = None if wait is None else at + wait
            return Step(said_by(outcome), next_try=again, reason=reason)
    return _waits(one, outcome, at=at, jitter=jitter)


def _waits(one: Claimed, said: Later, *, at: datetime, jitter: float) -> Step:
    """What concerns everybody costs a message none of its patience: the channel rests instead."""
    if said.stops in CONCERNS_MANY:
        again: datetime | None = at + CONCERNS_MANY[said.stops]
        return Step(said_by(said), again, code=said.code, reason=said.reason, concerns=said.stops)
    again = next_try(one.failures + 1, at=at, jitter=jitter, told=said.after)
    state = said_by(said) if again else DeliveryState.FAILED
    return Step(state, again, failures=1, code=said.code, reason=said.reason, concerns=said.stops)


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
