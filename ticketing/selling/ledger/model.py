"""The books of orders: what an entry can be, and its two sums in signed rupiah.

`sale` is what pending and paid orders are worth, `money` what came in and did not go back. Entries
are written by the database itself; see the migration that made `order_ledger`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class LedgerEntryKind(StrEnum):
    """What happened. The same words tell others of it: see hooks.py."""

    PLACED = "order.placed"
    PAID = "order.paid"
    CANCELLED = "order.cancelled"
    EXPIRED = "order.expired"
    REPRICED = "order.repriced"
    REFUNDED = "order.refunded"
    CAPTURED = "payment.captured"
    REVERSED = "payment.reversed"
    CHARGED_BACK = "payment.charged_back"
    CORRECTED = "payment.corrected"  # more is in our hands than was booked: a row was mended


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One line of the books. Amounts are signed rupiah; `actor` is empty when nobody is known."""

    id: int
    event_slug: str
    order_code: str
    kind: LedgerEntryKind
    at: datetime
    recorded_at: datetime
    actor: str
    subject: str
    sale: int
    money: int
    details: dict[str, object]


@dataclass(frozen=True, slots=True)
class LedgerTotals:
    """Entries of one kind, or of all, added up."""

    entries: int
    sale: int
    money: int


def sum_entries(entries: Iterable[LedgerEntry]) -> LedgerTotals:
    """All of them added up."""
    known = list(entries)
    sale, money = sum(one.sale for one in known), sum(one.money for one in known)
    return LedgerTotals(len(known), sale, money)


def format_signed_rupiah(amount: int) -> str:
    """`-Rp50.000`, with nothing for nothing: a column of zeros hides the others."""
    if not amount:
        return ""
    return f"{'-' if amount < 0 else ''}Rp{abs(amount):,}".replace(",", ".")
