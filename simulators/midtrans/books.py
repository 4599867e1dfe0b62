"""Store of payment pages by token and payments by identifier and order."""

import random
from collections import defaultdict
from uuid import UUID

from simulators.midtrans.refusals import NOT_FOUND, CoreRefusal
from simulators.midtrans.snap import SnapSession
from simulators.midtrans.transaction import Transaction


class TransactionStore:
    """In-memory store; callers hold the bank's lock."""

    def __init__(self, draw: random.Random) -> None:
        """Start empty; `draw` creates the identifiers."""
        self._draw = draw
        self.sessions: dict[str, SnapSession] = {}
        self.transactions: dict[str, Transaction] = {}
        self._pages: defaultdict[str, list[SnapSession]] = defaultdict(list)
        self._attempts: defaultdict[str, list[Transaction]] = defaultdict(list)

    def number(self) -> UUID:
        """Return a new identifier."""
        return UUID(int=self._draw.getrandbits(128), version=4)

    def add_page(self, session: SnapSession) -> None:
        """Store a page; earlier pages of the same order are replaced."""
        for older in self._pages[session.order_id]:
            older.replaced = True
        self._pages[session.order_id].append(session)
        self.sessions[session.token] = session

    def add(self, transaction: Transaction) -> None:
        """Store a payment."""
        self.transactions[str(transaction.number)] = transaction
        self._attempts[transaction.order_id].append(transaction)

    def last_page(self, order_id: str) -> SnapSession | None:
        """Return the latest page of an order."""
        pages = self._pages.get(order_id)
        return pages[-1] if pages else None

    def attempts(self, order_id: str) -> list[Transaction]:
        """Return all payments of an order, oldest first."""
        return list(self._attempts.get(order_id, ()))

    def latest(self, order_id: str) -> Transaction | None:
        """Return the latest payment of an order."""
        attempts = self._attempts.get(order_id)
        return attempts[-1] if attempts else None

    def find(self, reference: str) -> Transaction:
        """Return a payment by order id or transaction id; raise CoreRefusal if there is none."""
        found = self.latest(reference) or self.transactions.get(reference)
        if found is None:
            raise CoreRefusal(404, NOT_FOUND)
        return found
