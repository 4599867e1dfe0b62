"""The ledger as a CSV file for spreadsheets."""

from collections.abc import Iterable
from pathlib import Path
from zoneinfo import ZoneInfo

from ticketing.platform.kernel.csv_writer import atomic_text_file, write_sheet
from ticketing.selling.ledger.model import LedgerEntry

COLUMNS = ("entry", "at", "order", "what", "subject", "sale", "money", "method", "refunds", "actor")


def write_ledger_csv(path: Path, entries: Iterable[LedgerEntry], *, zone: ZoneInfo) -> int:
    """Write the file atomically; return the number of entries. Instants are in the given zone."""
    with atomic_text_file(path) as file:
        return write_sheet(file, COLUMNS, map(_cells, entries), time_zone=zone)


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
