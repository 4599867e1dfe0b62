"""The books as a CSV for a bookkeeper's spreadsheet: UTF-8 with a mark, and `;`."""

import csv
import os
from collections.abc import Iterable
from pathlib import Path
from zoneinfo import ZoneInfo

from ticketing.domain.ledger import Entry
from ticketing.domain.roster_text import guarded

COLUMNS = ("entry", "at", "order", "what", "subject", "sale", "money", "method", "refunds", "actor")


def write_ledger(path: Path, entries: Iterable[Entry], *, zone: ZoneInfo) -> int:
    """Write the file, whole or not at all; how many entries it has. Instants are in that zone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part, written = path.with_name(f"{path.name}.part"), 0
    with part.open("w", encoding="utf-8-sig", newline="") as file:
        sheet = csv.writer(file, delimiter=";")
        sheet.writerow(COLUMNS)
        for entry in entries:
            sheet.writerow(_cells(entry, zone))
            written += 1
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    return written


def _cells(entry: Entry, zone: ZoneInfo) -> list[object]:
    """Amounts stay numbers, with their sign; only texts could be taken for formulas."""
    refunds = entry.details.get("refunds")
    keys = " ".join(map(str, refunds)) if isinstance(refunds, list) else ""
    return [
        entry.id,
        f"{entry.at.astimezone(zone):%Y-%m-%d %H:%M:%S}",
        entry.order_code,
        entry.kind.value,
        guarded(entry.subject),
        entry.sale,
        entry.money,
        guarded(str(entry.details.get("method", ""))),
        guarded(keys),
        guarded(entry.actor),
    ]
