"""Generate ticket identities: random, signed, and optionally ahead of use.

Signing takes half of the time of a ticket, and libsodium releases Python's lock meanwhile: with a
second processor it runs in parallel to the database. Unused identities have no effect.
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


Randomness = Callable[[int], bytes]  # returns a number of random bytes: os.urandom


class IdentityGenerator(Protocol):
    """Generates ticket identities."""

    def generate(self, count: int) -> list[TicketIdentity]:
        """Return new identities; only the database can guarantee that they are unique."""
        ...


@dataclass(frozen=True, slots=True)
class SigningIdentityGenerator:
    """Generates identities for one event, signed by one key and valid for the same period."""

    event: Event
    signer: Signer
    valid_from: datetime
    randomness: Randomness

    @property
    def valid_until(self) -> datetime:
        """Return the end of validity of the tickets."""
        return self.event.tickets_valid_until

    def generate(self, count: int) -> list[TicketIdentity]:
        """Return new identities, each from its own random bytes."""
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
    """A generator that works ahead in a thread; a context manager, for one caller."""

    def __init__(self, source: IdentityGenerator, *, expected: int) -> None:
        """`expected` is the approximate number of identities that will be used."""
        self._source = source
        self._remaining = expected
        self._buffer: list[TicketIdentity] = []
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="mint")
        self._pending: Future[list[TicketIdentity]] | None = None

    def __enter__(self) -> Self:
        """Return the generator; it starts with the first call of `identities`."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the thread."""
        self._executor.shutdown(cancel_futures=True)

    def generate(self, count: int) -> list[TicketIdentity]:
        """Return new identities, and start generating as many again if they will be needed."""
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
