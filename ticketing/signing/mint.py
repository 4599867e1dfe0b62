"""Drawing identities: what makes a ticket that one and no other."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ticketing.domain import codes, tokens
from ticketing.domain.events import Event
from ticketing.domain.tokens import Identity
from ticketing.signing.keys import Signer

RANDOM_BYTES = tokens.TOKEN_ID_BYTES + codes.RANDOM_BYTES

Randomness = Callable[[int], bytes]  # as many unpredictable bytes as asked for: os.urandom


class Source(Protocol):
    """Where identities come from."""

    def identities(self, count: int) -> list[Identity]:
        """New identities; that no other ticket has them only the database can promise."""
        ...


@dataclass(frozen=True, slots=True)
class Mint:
    """Draws identities for one event, all signed by one key and valid for the same time."""

    event: Event
    signer: Signer
    valid_from: datetime
    randomness: Randomness

    @property
    def valid_until(self) -> datetime:
        """When the tickets drawn here expire."""
        return self.event.tickets_valid_until

    def identities(self, count: int) -> list[Identity]:
        """Each from bits of its own."""
        head = tokens.packed_head(
            self.signer.generation, self.event.id, self.valid_from, self.valid_until
        )
        drawn = self.randomness(count * RANDOM_BYTES)
        starts = range(0, count * RANDOM_BYTES, RANDOM_BYTES)
        return [self._identity(head, drawn[start : start + RANDOM_BYTES]) for start in starts]

    def _identity(self, head: bytes, drawn: bytes) -> Identity:
        token_id = drawn[: tokens.TOKEN_ID_BYTES]
        packed = head + token_id
        return Identity(
            ticket_code=codes.ticket_code(self.event.year, drawn[tokens.TOKEN_ID_BYTES :]),
            token_id=token_id,
            qr_text=tokens.token_text(packed, self.signer.sign(packed)),
        )
