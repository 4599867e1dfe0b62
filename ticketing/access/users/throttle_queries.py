"""Counts of failed attempts to sign in."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, update
from sqlalchemy.dialects.postgresql import insert

from ticketing.access.users.throttle import MEMORY, ThrottleKind, ThrottleSubject, locked_until
from ticketing.platform.db.tables.access import sign_in_throttles as table


def reserve_attempt(
    connection: Connection, subjects: Sequence[ThrottleSubject], *, at: datetime
) -> datetime | None:
    """Count an attempt as failed before it is made; return the end of the wait if there is one.

    Counting first lets no number of parallel attempts pass the limit. `forgive_attempt` takes a
    successful one back.
    """
    connection.execute(delete(table).where(table.c.failed_at < at - MEMORY))
    ordered = sorted(subjects, key=_key)  # one order, so that no two attempts wait for each other
    rows = [_lock_row(connection, subject, at=at) for subject in ordered]
    waits = [until for _, until in rows if until is not None and until > at]
    if waits:
        return max(waits)
    for subject, (failures, _) in zip(ordered, rows, strict=True):
        values = {
            "failures": failures + 1, "failed_at": at,
            "locked_until": locked_until(subject.kind, failures + 1, at=at),
        }  # fmt: skip
        connection.execute(update(table).where(table.c.subject == subject.key).values(values))
    return None


def forgive_attempt(connection: Connection, subjects: Sequence[ThrottleSubject]) -> None:
    """Take back a reserved attempt that succeeded: forget the account's failures."""
    for subject in sorted(subjects, key=_key):
        row = table.c.subject == subject.key
        if subject.kind is ThrottleKind.ACCOUNT:
            connection.execute(delete(table).where(row))
        else:
            # one's own password must not reset the count of a network that guesses others'
            values = {"failures": table.c.failures - 1, "locked_until": None}
            connection.execute(update(table).where(row, table.c.failures > 0).values(values))


def _key(subject: ThrottleSubject) -> str:
    return subject.key


def _lock_row(
    connection: Connection, subject: ThrottleSubject, *, at: datetime
) -> tuple[int, datetime | None]:
    values = {"subject": subject.key, "failures": 0, "failed_at": at}
    locked = insert(table).values(values).on_conflict_do_update(
        index_elements=["subject"], set_={"subject": table.c.subject}
    )  # fmt: skip
    failures, until = connection.execute(
        locked.returning(table.c.failures, table.c.locked_until)
    ).one()
    return failures, until
