"""Responses stored for a day by idempotency key, so that a repeated request has no effect.

The lock on a key lasts as long as the transaction of its request, so that a killed service leaves
neither a lock nor a partial response.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import BigInteger, Connection, delete, func, literal, select
from sqlalchemy.dialects.postgresql import insert

from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.access import idempotency_keys as table
from ticketing.platform.kernel.errors import RETRY_AFTER_SECONDS, Conflict

RETENTION = timedelta(hours=24)

# advisory locks share one space of 64 bits: ours begin with these bytes ("key")
_LOCKS = 0x6B6579 << 40
_LOCK_BYTES = 5


class KeyInUse(Conflict):
    """A request with the same idempotency key is being processed."""

    retry_after = RETRY_AFTER_SECONDS


class KeyReused(Conflict):
    """The idempotency key was used for a different request."""


@dataclass(frozen=True, slots=True)
class IdempotentRequest:
    """An idempotency key of a caller, and the digest of the request."""

    caller: str
    key: str
    request_sha256: bytes


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """A stored response: HTTP status and body."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class IdempotencyClaim:
    """A locked idempotency key; `response` is the stored one of an earlier request."""

    connection: Connection
    request: IdempotentRequest
    response: StoredResponse | None

    def store(self, response: StoredResponse, *, at: datetime) -> None:
        """Store the response for a day, and delete expired ones."""
        values = {
            "request_sha256": self.request.request_sha256,
            "response_status": response.status,
            "response_body": response.body,
            "created_at": at,
        }
        self.connection.execute(
            insert(table)
            .values(caller=self.request.caller, key=self.request.key, **values)
            .on_conflict_do_update(constraint=table.primary_key, set_=values)  # an expired key
        )
        self.connection.execute(delete(table).where(table.c.created_at <= at - RETENTION))


@contextmanager
def claim_key(
    database: Database, request: IdempotentRequest, *, at: datetime
) -> Iterator[IdempotencyClaim]:
    """Lock a key while its request is processed. Raises KeyInUse and KeyReused."""
    with database.transaction() as connection:
        if not _try_lock(connection, request):
            raise KeyInUse("a request with this idempotency key is being processed; retry later")
        yield IdempotencyClaim(connection, request, _find_response(connection, request, at=at))


def _try_lock(connection: Connection, request: IdempotentRequest) -> bool:
    name = sha256(f"{request.caller}\0{request.key}".encode()).digest()
    number = _LOCKS + int.from_bytes(name[:_LOCK_BYTES])
    locked = select(func.pg_try_advisory_xact_lock(literal(number, BigInteger)))
    return bool(connection.execute(locked).scalar_one())


def _find_response(
    connection: Connection, request: IdempotentRequest, *, at: datetime
) -> StoredResponse | None:
    query = select(table.c.request_sha256, table.c.response_status, table.c.response_body).where(
        table.c.caller == request.caller,
        table.c.key == request.key,
        table.c.created_at > at - RETENTION,
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    if row.request_sha256 != request.request_sha256:
        raise KeyReused("this idempotency key was used for a different request; send a new key")
    return StoredResponse(row.response_status, row.response_body)
