"""Drawing identities: what makes a ticket that one and no other."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from ticketing.domain import codes, tokens
from ticketing.domain.events import Event
from ticketing.domain.tokens import Identity
from ticketing.signing.keys import KeyRing, Signer, link_hash

RANDOM_BYTES = tokens.TOKEN_ID_BYTES + codes.RANDOM_BYTES

Randomness = Callable[[int], bytes]  # as many unpredictable bytes as asked for: os.urandom


@dataclass(frozen=True, slots=True)
class Mint:
    """Draws identities for one event, all signed by one key and valid for the same time."""

    event: Event
    keys: KeyRing
    signer: Signer
    valid_from: datetime
    randomness: Randomness

    @property
    def valid_until(self) -> datetime:
        """When the tickets drawn here expire."""
        return self.event.tickets_valid_until

    def identities(self, count: int) -> Iterator[Identity]:
        """New identities; that no other ticket has them only the database can promise."""
        head = tokens.packed_head(
            self.signer.generation, self.event.id, self.valid_from, self.valid_until
        )
        year = self.event.year
        drawn = self.randomness(count * RANDOM_BYTES)
        for start in range(0, count * RANDOM_BYTES, RANDOM_BYTES):
            middle = start + tokens.TOKEN_ID_BYTES
            token_id = drawn[start:middle]
            packed = head + token_id
            yield Identity(
                ticket_code=codes.ticket_code(year, drawn[middle : start + RANDOM_BYTES]),
                token_id=token_id,
                qr_text=tokens.token_text(packed, self.signer.sign(packed)),
                magic_link_hash=link_hash(self.keys.magic_link(token_id)),
            )
