"""The statement of differences of a run, as tables of pandas."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import pandas as pd

from ticketing.billing.differences import queries
from ticketing.billing.differences.queries import ChangedRecord
from ticketing.billing.sync.run import SyncRun
from ticketing.platform.db.database import Database

APPEARED, CHANGED, VANISHED = "appeared", "changed", "vanished"
KINDS = {"right_only": APPEARED, "both": CHANGED, "left_only": VANISHED}
BEFORE, AFTER = " before", " after"
KEY = ["student", "name", "class", "bill"]
VALUES = ["code", "period", "due", "paid", "state"]
GROUP_COLUMNS = ["class", "students", "unknown", "in arrears", "due", "paid", "arrears"]
AGE_EDGES = [-float("inf"), 1.0, 2.0, 7.0, 30.0, float("inf")]  # days
AGE_LABELS = ["up to a day", "1 to 2 days", "2 to 7 days", "7 to 30 days", "over 30 days"]
NEVER = "never fetched"
SECONDS_PER_DAY = 86_400


@dataclass(frozen=True)
class Statement:
    """Differences of one run, and the state of the records after it.

    `differences` has a row for each bill that appeared, changed or vanished, `groups` one for each
    class, `ages` the number of students by age of their record. Amounts are Decimal.
    """

    run: SyncRun
    differences: pd.DataFrame
    groups: pd.DataFrame
    ages: "pd.Series[int]"
    first_records: int

    def count(self, kind: str) -> int:
        """Return the number of bills of a kind of difference."""
        return int((self.differences["kind"] == kind).sum())

    @property
    def counts(self) -> dict[str, int]:
        """Return the number of bills by kind of difference."""
        return {kind: self.count(kind) for kind in (APPEARED, CHANGED, VANISHED)}

    @property
    def newly_paid(self) -> Decimal:
        """Return by how much paid amounts grew, without vanished bills; less after reversals."""
        listed = self.differences[self.differences["kind"] != VANISHED]
        after, before = listed[f"paid{AFTER}"], listed[f"paid{BEFORE}"].dropna()
        return sum(after, Decimal(0)) - sum(before, Decimal(0))

    def total(self, column: str) -> Any:  # noqa: ANN401 - a number of students or an amount
        """Return the sum of a column over all classes."""
        return sum(self.groups[column].tolist())


def make_statement(database: Database, run: SyncRun, *, at: datetime) -> Statement:
    """Return the statement of a run, with the sums and ages at this moment."""
    with database.transaction() as connection:
        differences = compare_records(queries.iter_changed_records(connection, run.id))
        sums = queries.sum_by_group(connection, run.source)
        times = queries.list_confirmed_times(connection, run.source)
        first = queries.count_first_records(connection, run.id)
    groups = pd.DataFrame([tuple(row) for row in sums], columns=GROUP_COLUMNS)
    return Statement(run, differences, groups, count_ages(times, at=at), first)


def compare_records(records: Iterable[ChangedRecord]) -> pd.DataFrame:
    """Return the bills that differ, with their values before and after."""
    before, after = list[tuple[Any, ...]](), list[tuple[Any, ...]]()
    for record in records:
        before += _bill_rows(record, record.before)
        after += _bill_rows(record, record.after)
    old, new = (
        pd.DataFrame(rows, columns=[*KEY, *VALUES], dtype=object) for rows in (before, after)
    )
    merged = old.merge(new, how="outer", on=KEY, suffixes=(BEFORE, AFTER), indicator="kind")
    merged["kind"] = merged["kind"].astype(str).map(KINDS)
    columns = [*KEY, "kind", *(f"{name}{when}" for name in VALUES for when in (BEFORE, AFTER))]
    return merged.loc[_differs(merged), columns].reset_index(drop=True)


def count_ages(times: Sequence[datetime | None], *, at: datetime) -> "pd.Series[int]":
    """Return the number of students by age of their record, all classes of age, and never."""
    known = [(at - time).total_seconds() / SECONDS_PER_DAY for time in times if time is not None]
    ages = pd.cut(pd.Series(known, dtype=float), AGE_EDGES, labels=AGE_LABELS)
    counts = ages.value_counts(sort=False)
    counts.index = counts.index.astype(str)
    return pd.concat([counts, pd.Series({NEVER: len(times) - len(known)})])


def _bill_rows(record: ChangedRecord, bills: Iterable[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [
        (
            record.external_id, record.name, record.group, bill["source_ref"],
            bill["bill_code"], bill["period"],
            Decimal(bill["amount_due"]), Decimal(bill["amount_paid"]), bill["state"],
        )
        for bill in bills
    ]  # fmt: skip


def _differs(merged: pd.DataFrame) -> "pd.Series[bool]":
    """Return which bills appeared or vanished, or have another amount or state."""
    differs = merged["kind"] != CHANGED
    for name in ("due", "paid", "state"):
        differs |= merged[f"{name}{BEFORE}"] != merged[f"{name}{AFTER}"]
    return differs
