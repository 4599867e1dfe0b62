"""Ledger entries, their two amounts in signed rupiah, and their CSV file for spreadsheets.

`sale` is the value of pending and paid orders, `money` the amount received and not refunded.
Database triggers write the entries, see the baseline migration.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from zoneinfo import ZoneInfo

from ticketing.platform.kernel.csv_writer import DELIMITER, atomic_text_file, write_sheet


class LedgerEntryKind(StrEnum):
    """The kind of an entry; outgoing webhooks use the same words."""

    PLACED = "order.placed"
    PAID = "order.paid"
    CANCELLED = "order.cancelled"
    EXPIRED = "order.expired"
    REPRICED = "order.repriced"
    SURPLUS = "order.surplus"  # staff accepted a payment of more than requested
    SHORTFALL = "order.shortfall"  # or of less
    REFUNDED = "order.refunded"
    CAPTURED = "payment.captured"
    REVERSED = "payment.reversed"
    CHARGED_BACK = "payment.charged_back"
    CORRECTED = "payment.corrected"  # a row was corrected, and more money is left than recorded


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One entry. Amounts are signed rupiah; `actor` is empty if unknown."""

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
    """The sums of the entries of one kind, or of all."""

    entries: int
    sale: int
    money: int


def sum_entries(entries: Iterable[LedgerEntry]) -> LedgerTotals:
    """Return the sums of all entries."""
    known = list(entries)
    sale, money = sum(one.sale for one in known), sum(one.money for one in known)
    return LedgerTotals(len(known), sale, money)


def format_signed_rupiah(amount: int) -> str:
    """Format as `-Rp50.000`; empty for 0, since a column of zeros hides the other amounts."""
    if not amount:
        return ""
    return f"{'-' if amount < 0 else ''}Rp{abs(amount):,}".replace(",", ".")


COLUMNS = ("entry", "at", "order", "what", "subject", "sale", "money", "method", "refunds", "actor")


def write_ledger_csv(
    path: Path, entries: Iterable[LedgerEntry], *, zone: ZoneInfo, delimiter: str = DELIMITER
) -> int:
    """Write the file atomically; return the number of entries. Instants are in the given zone."""
    with atomic_text_file(path) as file:
        return write_sheet(file, COLUMNS, map(_cells, entries), time_zone=zone, delimiter=delimiter)


def _cells(entry: LedgerEntry) -> list[object]:
    """Return the cells of a row; amounts stay signed numbers."""
    refunds = entry.details.get("refunds")
    keys = " ".join(map(str, refunds)) if isinstance(refunds, list) else ""
    return [
        entry.id,
        entry.at,
        entry.order_code,
        entry.kind.value,
        entry.subject,
        entry.sale,
        entry.money,
        str(entry.details.get("method", "")),
        keys,
        entry.actor,
    ]
