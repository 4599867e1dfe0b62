"""Identities drawn ahead, while the database still writes the ones before.

Signing is half of what a ticket costs, and libsodium lets go of Python's lock while it signs: with
a second processor it takes no time of its own. Nothing is lost with those that nobody fetches.

Drawing identities: what makes a ticket that one and no other.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, Self

from ticketing.crypto import ticket_token
from ticketing.crypto.keyring import Signer
from ticketing.crypto.ticket_token import TicketIdentity
from ticketing.events.model import Event
from ticketing.tickets import model

IDENTITY_BYTES = ticket_token.TOKEN_ID_BYTES + model.TICKET_CODE_BYTES


Randomness = Callable[[int], bytes]  # as many unpredictable bytes as asked for: os.urandom


class IdentityGenerator(Protocol):
    """Where identities come from."""

    def generate(self, count: int) -> list[TicketIdentity]:
        """New identities; that no other ticket has them only the database can promise."""
        ...


@dataclass(frozen=True, slots=True)
class SigningIdentityGenerator:
    """Draws identities for one event, all signed by one key and valid for the same time."""

    event: Event
    signer: Signer
    valid_from: datetime
    randomness: Randomness

    @property
    def valid_until(self) -> datetime:
        """When the tickets drawn here expire."""
        return self.event.tickets_valid_until

    def generate(self, count: int) -> list[TicketIdentity]:
        """Each from bits of its own."""
        head = ticket_token.pack_head(
            self.signer.generation, self.event.id, self.valid_from, self.valid_until
        )
        drawn = self.randomness(count * IDENTITY_BYTES)
        starts = range(0, count * IDENTITY_BYTES, IDENTITY_BYTES)
        return [
            self._build_identity(head, drawn[start : start + IDENTITY_BYTES]) for start in starts
        ]

    def _build_identity(self, head: bytes, drawn: bytes) -> TicketIdentity:
        token_id = drawn[: ticket_token.TOKEN_ID_BYTES]
        packed = head + token_id
        return TicketIdentity(
            ticket_code=model.encode_ticket_code(
                self.event.year, drawn[ticket_token.TOKEN_ID_BYTES :]
            ),
            token_id=token_id,
            qr_text=ticket_token.encode_token(packed, self.signer.sign(packed)),
        )


class PrefetchingIdentityGenerator:
    """A source with a thread of its own; use it in `with`. Not for several callers at once."""

    def __init__(self, source: IdentityGenerator, *, expected: int) -> None:
        """`expected` identities will be fetched, about; that many are drawn, and more if asked."""
        self._source = source
        self._remaining = expected
        self._buffer: list[TicketIdentity] = []
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="mint")
        self._pending: Future[list[TicketIdentity]] | None = None

    def __enter__(self) -> Self:
        """Nothing is drawn before the first call."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the thread."""
        self._executor.shutdown(cancel_futures=True)

    def generate(self, count: int) -> list[TicketIdentity]:
        """New identities; as many again are begun, if they will be wanted."""
        if self._pending is not None:
            self._buffer += self._pending.result()
            self._pending = None
        self._buffer += self._source.generate(max(0, count - len(self._buffer)))
        drawn, self._buffer = self._buffer[:count], self._buffer[count:]
        self._remaining -= count
        more = min(count, self._remaining) - len(self._buffer)
        if more > 0:
            self._pending = self._executor.submit(self._source.generate, more)
        return drawn
