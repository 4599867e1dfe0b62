"""Telling others what was booked: each call until it arrives, or three days have gone by.

A call is claimed, made, then stamped. Killed between the two, it is made again when its lease is
over, under the same name: whoever hears it twice knows it is one.
"""

import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import Connection

from ticketing.crypto.keyring import KeyRing
from ticketing.platform.db import audit_log, incidents
from ticketing.platform.db.database import Database
from ticketing.platform.db.incidents import Kind, Occurrence
from ticketing.webhooks import call_queries, endpoint_queries
from ticketing.webhooks.call_queries import Claimed
from ticketing.webhooks.model import (
    REST,
    Answer,
    Endpoint,
    Verdict,
    headers,
    is_given_up,
    message,
    next_try,
    verdict,
)

AT_ONCE = 8  # most of a call is waiting for somebody far away
KEPT = timedelta(days=30)


class Post(Protocol):
    """What carries a message; whatever goes wrong on the way is in the answer."""

    def post(self, url: str, body: bytes, headers: dict[str, str]) -> Answer:
        """Ask once."""
        ...


@dataclass(frozen=True, slots=True)
class Told:
    """How the calls of one round ended; those that did not arrive are made again, or never."""

    delivered: int
    failed: int

    @property
    def calls(self) -> int:
        """How many were made."""
        return self.delivered + self.failed


def send_hooks(
    database: Database,
    client: Post,
    keys: KeyRing,
    *,
    at: datetime,
    by: str,
    jitter: Callable[[], float] = random.random,
    limit: int = 2 * AT_ONCE,
) -> Told:
    """Make the calls that are due; safe to repeat, to run twice at once, and to kill."""
    with database.transaction() as connection:
        claimed = call_queries.claim(connection, at=at, limit=limit)
    if not claimed:
        return Told(0, 0)

    def make(call: Claimed) -> Verdict:
        answer = _answer(client, keys, call, at=at)
        with database.transaction() as connection:
            return _stamp(connection, call, answer, at=at, by=by, jitter=jitter())

    with ThreadPoolExecutor(min(AT_ONCE, len(claimed)), thread_name_prefix="hooks") as pool:
        ends = Counter(pool.map(make, claimed))
    delivered = ends[Verdict.DELIVERED]
    return Told(delivered, ends.total() - delivered)


def send_all_hooks(
    database: Database, client: Post, keys: KeyRing, *, clock: Callable[[], datetime], by: str
) -> Told:
    """Round after round, until nothing is due."""
    delivered = failed = 0
    while True:
        told = send_hooks(database, client, keys, at=clock(), by=by)
        if not told.calls:
            return Told(delivered, failed)
        delivered += told.delivered
        failed += told.failed


def hooks_overdue(database: Database, *, at: datetime, by: timedelta) -> int:
    """How many calls nobody has made although they were due so long ago."""
    with database.transaction() as connection:
        return call_queries.count_due(connection, since=at - by, at=at)


def forget_old_calls(database: Database, *, at: datetime) -> int:
    """Delete the log of calls that ended a month ago; how many."""
    with database.transaction() as connection:
        return call_queries.forget(connection, ended_before=at - KEPT)


def _answer(client: Post, keys: KeyRing, call: Claimed, *, at: datetime) -> Answer:
    sent = message(call.endpoint.uid, call.entry)
    secret = keys.hook_secret(call.endpoint.uid)
    try:
        return client.post(call.endpoint.url, sent.body, headers(sent, secret, at=at))
    except Exception as error:  # noqa: BLE001 - one call's failure is in its row and stops no other
        return Answer(None, type(error).__name__)


def _stamp(
    connection: Connection, call: Claimed, answer: Answer, *, at: datetime, by: str, jitter: float
) -> Verdict:
    said = verdict(answer)
    if said is Verdict.DELIVERED:
        call_queries.delivered(connection, call, answer, at=at)
        return said
    gone = said is Verdict.GONE
    again = next_try(call.tries, at=at, jitter=jitter, told=answer.told_to_wait)
    since = call_queries.failed(
        connection,
        call,
        answer,
        next_try=None if gone else again,
        rests_until=at + REST if answer.status is None else None,
        at=at,
    )
    if gone:
        _give_up(connection, call.endpoint, "it answers 410: gone", at=at, by=by)
    elif is_given_up(since, at=at):
        why = f"nothing has arrived there since {since:%Y-%m-%d %H:%M} UTC: {answer.error}"
        _give_up(connection, call.endpoint, why, at=at, by=by)
    return said


def cause_of(name: str) -> str:
    """What the digest counts under one line."""
    return f"hook:{name}"


def _give_up(
    connection: Connection, endpoint: Endpoint, why: str, *, at: datetime, by: str
) -> None:
    """Once, whoever notices first."""
    if not endpoint_queries.disable(connection, endpoint.id, why=why, at=at):
        return
    audit_log.record(
        connection, actor=by, action="hooks.disable", subject=endpoint.name, details={"why": why}
    )
    way_out = f"`ticketing hooks enable {endpoint.name}` when it is well again"
    incidents.observe(
        connection,
        Occurrence(
            cause_of(endpoint.name),
            Kind.HOOK,
            f"the webhook {endpoint.name} is off: {why}; {way_out}",
            at,
            endpoint.event_slug,
        ),
    )
