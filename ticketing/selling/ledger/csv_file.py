"""The books as a CSV for a bookkeeper's spreadsheet."""

from collections.abc import Iterable
from pathlib import Path
from zoneinfo import ZoneInfo

from ticketing.platform.kernel.csv_writer import atomic_text_file, write_sheet
from ticketing.selling.ledger.model import LedgerEntry

COLUMNS = ("entry", "at", "order", "what", "subject", "sale", "money", "method", "refunds", "actor")


def write_ledger_csv(path: Path, entries: Iterable[LedgerEntry], *, zone: ZoneInfo) -> int:
    """Write the file, whole or not at all; how many entries it has. Instants are in that zone."""
    with atomic_text_file(path) as file:
        return write_sheet(file, COLUMNS, map(_cells, entries), time_zone=zone)


def _cells(entry: LedgerEntry) -> list[object]:
    """Amounts stay numbers, with their sign."""
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
