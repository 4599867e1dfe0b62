"""How the inbox stands: what is due, and what waits too long. Nothing is changed here."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, func, or_, select

from ticketing.store.inbox import PAYMENTS
from ticketing.store.schema_sales import inbox

_WAITING = inbox.c.handled_at.is_(None)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A notice nobody has handled. `reason` is why the last try came to nothing, if there was."""

    id: int
    subject: str
    received_at: datetime
    tries: int
    reason: str


def count_due(
    connection: Connection, *, at: datetime, most: int, sources: Collection[str] = PAYMENTS
) -> int:
    """How many notices could be claimed now; counts no further than that."""
    whose = inbox.c.source.in_(sources)
    due = select(inbox.c.id).where(_WAITING, whose, _free(at)).limit(most).subquery()
    return connection.execute(select(func.count()).select_from(due)).scalar_one()


def has_due_since(
    connection: Connection, since: datetime, *, at: datetime, sources: Collection[str] = PAYMENTS
) -> bool:
    """Whether a notice that could be claimed was received, or its last try ended, before then."""
    ready_at = func.coalesce(inbox.c.claimed_until, inbox.c.received_at)
    due = (_WAITING, inbox.c.source.in_(sources), _free(at), ready_at <= since)
    query = select(inbox.c.id).where(*due).limit(1)
    return connection.execute(query).first() is not None


def waiting_since(connection: Connection, since: datetime, *, most: int) -> list[Waiting]:
    """Notices received before then and not handled, the oldest first."""
    query = (
        select(inbox.c.id, inbox.c.subject, inbox.c.received_at, inbox.c.tries, inbox.c.reason)
        .where(_WAITING, inbox.c.received_at <= since)
        .order_by(inbox.c.id)
        .limit(most)
    )
    return [Waiting(*row) for row in connection.execute(query)]


def _free(at: datetime) -> ColumnElement[bool]:
    return or_(inbox.c.claimed_until.is_(None), inbox.c.claimed_until <= at)
