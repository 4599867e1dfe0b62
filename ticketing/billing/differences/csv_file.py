"""The statement of differences as CSV, and in one sentence."""

from zoneinfo import ZoneInfo

import pandas as pd

from ticketing.billing.differences.statement import APPEARED, CHANGED, VANISHED, Statement
from ticketing.platform.kernel.csv_writer import TextWriter, write_sheet

ZONE = ZoneInfo("Asia/Jakarta")  # no column is an instant


def write_differences(file: TextWriter, statement: Statement, *, delimiter: str) -> int:
    """Write a row for each bill that differs; return the number of rows."""
    table = statement.differences
    rows = table.astype(object).where(pd.notna(table), "").itertuples(index=False, name=None)
    return write_sheet(file, list(table.columns), rows, time_zone=ZONE, delimiter=delimiter)


def describe_statement(statement: Statement) -> str:
    """Return what a sync changed, in one sentence."""
    return (
        f"{statement.first_records:,} first records; bills: {statement.count(APPEARED):,} appeared,"
        f" {statement.count(CHANGED):,} changed, {statement.count(VANISHED):,} vanished;"
        f" paid amounts grew by {statement.newly_paid:,}; {statement.total('in arrears'):,} of"
        f" {statement.total('students'):,} students in arrears with {statement.total('arrears'):,}"
    )
