"""Identities drawn ahead, while the database still writes the ones before.

Signing is half of what a ticket costs, and libsodium lets go of Python's lock while it signs: with
a second processor it takes no time of its own. Nothing is lost with those that nobody fetches.
"""

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

from ticketing.domain.tokens import Identity
from ticketing.signing.mint import Source


class MintAhead:
    """A source with a thread of its own; use it in `with`. Not for several callers at once."""

    def __init__(self, source: Source, *, expected: int) -> None:
        """`expected` identities will be fetched, about; that many are drawn, and more if asked."""
        self._source = source
        self._left = expected
        self._stock: list[Identity] = []
        self._hand = ThreadPoolExecutor(max_workers=1, thread_name_prefix="mint")
        self._coming: Future[list[Identity]] | None = None

    def __enter__(self) -> Self:
        """Nothing is drawn before the first call."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the thread."""
        self._hand.shutdown(cancel_futures=True)

    def identities(self, count: int) -> list[Identity]:
        """New identities; as many again are begun, if they will be wanted."""
        if self._coming is not None:
            self._stock += self._coming.result()
            self._coming = None
        self._stock += self._source.identities(max(0, count - len(self._stock)))
        drawn, self._stock = self._stock[:count], self._stock[count:]
        self._left -= count
        more = min(count, self._left) - len(self._stock)
        if more > 0:
            self._coming = self._hand.submit(self._source.identities, more)
        return drawn
