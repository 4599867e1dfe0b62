"""Rows of sessions: start, find and end them. Only the SHA-256 of a token is stored."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select, update

from ticketing.access.caller import Caller, CallerKind, Role
from ticketing.access.sessions.session_token import hash_token
from ticketing.platform.db.tables.access import sessions, users

IDLE_LIMIT = timedelta(hours=8)
LIFETIME = timedelta(days=7)
USE_PRECISION = timedelta(minutes=1)
RETENTION = timedelta(days=30)  # of ended sessions, for `ticketing users show`


@dataclass(frozen=True, slots=True)
class Session:
    """A session, as `ticketing users show` lists it."""

    id: int
    address: str
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime


def start_session(
    connection: Connection, user_id: int, token: str, *, address: str, at: datetime
) -> None:
    """Store a session, and delete those that ended long ago."""
    values = {
        "token_sha256": hash_token(token), "user_id": user_id, "address": address,
        "created_at": at, "last_used_at": at, "expires_at": at + LIFETIME,
    }  # fmt: skip
    connection.execute(insert(sessions).values(values))
    connection.execute(delete(sessions).where(sessions.c.expires_at < at - RETENTION))


def find_caller(connection: Connection, token: str, *, at: datetime) -> Caller | None:
    """Return the user of a session and note its use; None if session or user have ended."""
    query = (
        select(
            sessions.c.id.label("session_id"), sessions.c.last_used_at,
            users.c.id, users.c.name, users.c.role, users.c.event_ids,
        )
        .join(users, users.c.id == sessions.c.user_id)
        .where(
            sessions.c.token_sha256 == hash_token(token),
            sessions.c.ended_at.is_(None),
            sessions.c.expires_at > at,
            sessions.c.last_used_at > at - IDLE_LIMIT,
            users.c.disabled_at.is_(None),
        )
    )  # fmt: skip
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    if at - row.last_used_at >= USE_PRECISION:
        # the condition again: of many requests at once, all but the first find nothing to change
        is_outdated = sessions.c.last_used_at <= at - USE_PRECISION
        note = update(sessions).where(sessions.c.id == row.session_id, is_outdated)
        connection.execute(note.values(last_used_at=at))
    return Caller(CallerKind.USER, row.id, row.name, Role(row.role), row.event_ids)


def end_session(connection: Connection, token: str, *, at: datetime) -> bool:
    """End the session with this token; return whether there was one."""
    query = update(sessions).where(
        sessions.c.token_sha256 == hash_token(token), sessions.c.ended_at.is_(None)
    )
    return bool(connection.execute(query.values(ended_at=at)).rowcount)


def end_sessions_of_user(connection: Connection, user_id: int, *, at: datetime) -> int:
    """End all sessions of a user and return how many of them could still be used."""
    query = update(sessions).where(sessions.c.user_id == user_id, sessions.c.ended_at.is_(None))
    ended = connection.execute(
        query.values(ended_at=at).returning(sessions.c.last_used_at, sessions.c.expires_at)
    )
    return sum(row.expires_at > at and row.last_used_at > at - IDLE_LIMIT for row in ended)


def list_open_sessions(connection: Connection, user_id: int, *, at: datetime) -> Sequence[Session]:
    """Return the sessions of a user that can still be used, newest first."""
    query = (
        select(
            sessions.c.id, sessions.c.address, sessions.c.created_at, sessions.c.last_used_at,
            sessions.c.expires_at,
        )
        .where(
            sessions.c.user_id == user_id,
            sessions.c.ended_at.is_(None),
            sessions.c.expires_at > at,
            sessions.c.last_used_at > at - IDLE_LIMIT,
        )
        .order_by(sessions.c.id.desc())
    )  # fmt: skip
    return [Session(*row) for row in connection.execute(query)]
