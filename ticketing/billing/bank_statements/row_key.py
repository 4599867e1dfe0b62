"""The key of a statement's row: the same row of another file has the same one."""

import json
from collections import Counter
from datetime import date
from decimal import Decimal
from hashlib import sha256


class OrdinalKeys:
    """Makes keys of the rows of one file, in their order.

    A row without a number of the bank is known by its content and its place among equal rows of the
    day: two equal payments are two rows, and the same two in an overlapping file are no new ones.
    """

    def __init__(self, account: str) -> None:
        self._account = account
        self._equals: Counter[tuple[str, ...]] = Counter()

    def key(self, booked_on: date, amount: Decimal, text: str, bank_id: str) -> str:
        """Return the key of the next row."""
        if bank_id:
            return _digest(self._account, "id", bank_id)
        content = (booked_on.isoformat(), f"{amount.normalize():f}", text.casefold())
        self._equals[content] += 1
        return _digest(self._account, "row", *content, str(self._equals[content]))


def _digest(*parts: str) -> str:
    return sha256(json.dumps(parts).encode()).hexdigest()
