"""Mails that came back: what they say of ours is noted at the deliveries, once each."""

import random
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from ticketing.actions.hear_reports import apply_report
from ticketing.domain.deliveries import Channel
from ticketing.gateways.mail_bounces import Bounce, read_bounces
from ticketing.store.database import Database


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
