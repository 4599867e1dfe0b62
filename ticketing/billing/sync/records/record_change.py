"""Differences between the stored bills of a student and a fetched record. Pure rules."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ticketing.billing.sources.contract import Bill, FetchedRecord

MAX_LOST_SHARE = 0.5  # of a student's bills; more is held until the end of the run
MAX_HELD_SHARE = 0.02  # of the records; more needs a person
MAX_LEFT_SHARE, MAX_LEFT_COUNT = 0.10, 10  # of the students; more of both needs a person


@dataclass(frozen=True, slots=True)
class RecordChange:
    """What a fetched record changes: new bills, bills with other values, bills that vanished."""

    appeared: tuple[Bill, ...]
    changed: tuple[Bill, ...]
    vanished: tuple[str, ...]  # source references
    known: int  # bills that were present before

    @property
    def loses_too_much(self) -> bool:
        """Return whether so many bills vanish that it may be a fault of the source."""
        return len(self.vanished) > MAX_LOST_SHARE * self.known


def compare(present: Mapping[str, Bill], fetched: Sequence[Bill]) -> RecordChange:
    """Return the change from the present bills by reference to those fetched."""
    new = {bill.source_ref: bill for bill in fetched}
    return RecordChange(
        appeared=tuple(bill for ref, bill in new.items() if ref not in present),
        changed=tuple(
            bill
            for ref, bill in new.items()
            if ref in present and _facts(bill) != _facts(present[ref])
        ),
        vanished=tuple(ref for ref in present if ref not in new),
        known=len(present),
    )


def _facts(bill: Bill) -> tuple[object, ...]:
    # a date and an instant on it are different facts, although datetime is a kind of date
    return (
        bill.bill_code, bill.period, bill.amount_due, bill.amount_paid, bill.state,
        bill.stated_state, bill.currency, isinstance(bill.paid_at, datetime), bill.paid_at,
    )  # fmt: skip


def holds_leavers(absent: int, known: int, *, listed: int) -> bool:
    """Return whether students that a complete list does not name may be a fault of the source."""
    if not absent:
        return False
    return not listed or (absent > MAX_LEFT_COUNT and absent > MAX_LEFT_SHARE * known)


def holds_records(held: int, checked: int) -> bool:
    """Return whether so many records lost so much that a person has to look."""
    return held > MAX_HELD_SHARE * checked


def find_unstorable(record: FetchedRecord) -> str:
    """Return why PostgreSQL or the keys cannot hold a record; empty for a usable one."""
    refs: Collection[str] = [bill.source_ref for bill in record.bills]
    if len(set(refs)) < len(refs):
        twice = next(ref for ref in refs if list(refs).count(ref) > 1)
        return f"source_ref {twice!r} occurs twice in one record; see `duplicates` in the mapping"
    texts = [record.raw, record.etag or ""]
    for bill in record.bills:
        texts += [bill.source_ref, bill.bill_code, bill.period or "", bill.currency]
        if not all(amount.is_finite() for amount in (bill.amount_due, bill.amount_paid)):
            return f"the amounts of {bill.source_ref!r} are not finite numbers"
    bad = next((text for text in texts if not is_storable(text)), None)
    return "" if bad is None else f"{bad[:40]!r} has characters that cannot be stored"


def is_storable(text: str) -> bool:
    """Return whether PostgreSQL stores a text: no NUL, no lone surrogate."""
    return (text.isascii() and "\0" not in text) or text == storable(text)


def storable(text: str) -> str:
    """Return a text without what PostgreSQL does not store."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()
