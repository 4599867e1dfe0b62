"""Answers kept for a day, so that a request sent again gets its answer again and does nothing.

The lock on a key lives as long as the transaction that the request is answered in: a killed service
leaves neither lock nor half an answer.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from http import HTTPStatus

from sqlalchemy import BigInteger, Connection, delete, func, literal, select
from sqlalchemy.dialects.postgresql import insert

from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.access import idempotency_keys as table
from ticketing.platform.kernel.errors import RETRY_AFTER_SECONDS, Refused

RETENTION = timedelta(hours=24)

# advisory locks share one space of 64 bits: ours begin with these bytes ("key")
_LOCKS = 0x6B6579 << 40
_LOCK_BYTES = 5


class KeyInUse(Refused):
    """A request with the same idempotency key is being answered at this moment."""

    status = HTTPStatus.CONFLICT
    retry_after = RETRY_AFTER_SECONDS


class KeyReused(Refused):
    """The idempotency key belongs to a request that asked for something else."""

    status = HTTPStatus.CONFLICT


@dataclass(frozen=True, slots=True)
class IdempotentRequest:
    """Who asks under which key, and the digest of what."""

    api_key_id: int
    key: str
    request_sha256: bytes


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """What was answered: an HTTP status and the body's bytes."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class IdempotencyClaim:
    """A key in one request's hands; `answer` is what the first request with it got."""

    connection: Connection
    request: IdempotentRequest
    response: StoredResponse | None

    def store(self, response: StoredResponse, *, at: datetime) -> None:
        """Remember the answer for a day, and forget older ones."""
        kept = {
            "request_sha256": self.request.request_sha256,
            "status": response.status,
            "answer": response.body,
            "created_at": at,
        }
        self.connection.execute(
            insert(table)
            .values(api_key_id=self.request.api_key_id, key=self.request.key, **kept)
            .on_conflict_do_update(constraint=table.primary_key, set_=kept)  # a key from long ago
        )
        self.connection.execute(delete(table).where(table.c.created_at <= at - RETENTION))


@contextmanager
def claim_key(
    database: Database, request: IdempotentRequest, *, at: datetime
) -> Iterator[IdempotencyClaim]:
    """Hold a key while its request is answered. Raises KeyInUse and KeyReused."""
    with database.transaction() as connection:
        if not _try_lock(connection, request):
            raise KeyInUse("a request with this idempotency key is under way; ask again later")
        yield IdempotencyClaim(connection, request, _find_response(connection, request, at=at))


def _try_lock(connection: Connection, request: IdempotentRequest) -> bool:
    name = sha256(f"{request.api_key_id}\0{request.key}".encode()).digest()
    number = _LOCKS + int.from_bytes(name[:_LOCK_BYTES])
    taken = select(func.pg_try_advisory_xact_lock(literal(number, BigInteger)))
    return bool(connection.execute(taken).scalar_one())


def _find_response(
    connection: Connection, request: IdempotentRequest, *, at: datetime
) -> StoredResponse | None:
    query = select(table.c.request_sha256, table.c.status, table.c.answer).where(
        table.c.api_key_id == request.api_key_id,
        table.c.key == request.key,
        table.c.created_at > at - RETENTION,
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    if row.request_sha256 != request.request_sha256:
        raise KeyReused("this idempotency key was used for another request; draw a new one")
    return StoredResponse(row.status, row.answer)
