"""What the gateway remembers: pages by token, payments by number, both by order."""

import random
from collections import defaultdict
from uuid import UUID

from simulators.midtrans.refusals import NOT_FOUND, CoreRefusal
from simulators.midtrans.snap import SnapSession
from simulators.midtrans.transaction import Transaction


class TransactionStore:
    """Whoever reads or writes them holds the bank's lock."""

    def __init__(self, draw: random.Random) -> None:
        """Empty; `draw` makes the numbers."""
        self._draw = draw
        self.sessions: dict[str, SnapSession] = {}
        self.transactions: dict[str, Transaction] = {}
        self._pages: defaultdict[str, list[SnapSession]] = defaultdict(list)
        self._attempts: defaultdict[str, list[Transaction]] = defaultdict(list)

    def number(self) -> UUID:
        """A new name for something."""
        return UUID(int=self._draw.getrandbits(128), version=4)

    def add_page(self, session: SnapSession) -> None:
        """Keep a page; older ones of the same order end."""
        for older in self._pages[session.order_id]:
            older.replaced = True
        self._pages[session.order_id].append(session)
        self.sessions[session.token] = session

    def add(self, transaction: Transaction) -> None:
        """Keep a payment."""
        self.transactions[str(transaction.number)] = transaction
        self._attempts[transaction.order_id].append(transaction)

    def last_page(self, order_id: str) -> SnapSession | None:
        """The page of an order that may be open."""
        pages = self._pages.get(order_id)
        return pages[-1] if pages else None

    def attempts(self, order_id: str) -> list[Transaction]:
        """Every payment of an order, oldest first."""
        return list(self._attempts.get(order_id, ()))

    def latest(self, order_id: str) -> Transaction | None:
        """The payment that speaks for an order."""
        attempts = self._attempts.get(order_id)
        return attempts[-1] if attempts else None

    def find(self, wanted: str) -> Transaction:
        """A payment by order id or by its own number; refuses what there is not."""
        found = self.latest(wanted) or self.transactions.get(wanted)
        if found is None:
            raise CoreRefusal(404, NOT_FOUND)
        return found
