"""The tables of the reports of an event, made by pandas from what the database counted."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from ticketing.checkin import count_queries
from ticketing.console.reports import report_queries
from ticketing.events.model import Event

if TYPE_CHECKING:
    import pandas as pd

MINUTES = 15


class EventReport(StrEnum):
    """The reports of an event."""

    SALES = "sales"  # a row for each day since the first sale
    TYPES = "types"  # a row for each ticket type
    GENERATED = "generated"
    ATTENDANCE = "attendance"  # a row for each quarter of an hour since the first entry


@dataclass(frozen=True, slots=True)
class ReportTable:
    """A table of texts and whole numbers; `line` are the times and values of its drawing."""

    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    line: Sequence[tuple[datetime, float]] = ()

    def as_sheet(self) -> tuple[Sequence[str], Iterable[Sequence[object]]]:
        """Return the table for a file."""
        return self.columns, self.rows


def make_report(connection: Connection, event: Event, report: EventReport) -> ReportTable:
    """Return a report of an event; without rows if nothing happened yet."""
    match report:
        case EventReport.SALES:
            return _make_sales(report_queries.list_sales(connection, event))
        case EventReport.TYPES:
            return _make_types(report_queries.list_sales(connection, event))
        case EventReport.GENERATED:
            rows = report_queries.list_generated(connection, event)
            return _to_table(_frame(rows, ["day", "generated", "skipped", "failed"]))
        case EventReport.ATTENDANCE:
            return _make_attendance(
                count_queries.list_first_entries(connection, event.id, minutes=MINUTES), event
            )


def _make_sales(rows: Sequence[Sequence[Any]]) -> ReportTable:
    """Return places of each type and the amount by day; days without a sale are zero."""
    import pandas as pd  # noqa: PLC0415 - slow to import, and seldom needed

    frame = _frame(rows, ["day", "type", "places", "returned", "amount"])
    if frame.empty:
        return ReportTable((), ())
    days = pd.date_range(frame["day"].min(), frame["day"].max(), freq="D")
    by_type = frame.pivot_table(
        index="day", columns="type", values="places", aggfunc="sum", fill_value=0
    ).reindex(days.date, fill_value=0)
    places = by_type.sum(axis="columns").tolist()
    amounts = frame.groupby("day")["amount"].sum().reindex(days.date, fill_value=0).tolist()
    # not columns of the frame: a ticket type may have the name of one
    counts = by_type.to_numpy().tolist()
    rows_by_day = [
        (str(day), *of_types, total, amount)
        for day, of_types, total, amount in zip(days.date, counts, places, amounts, strict=True)
    ]
    line = list(zip(days.to_pydatetime(), map(float, places), strict=True))
    return ReportTable(("day", *by_type.columns, "total", "amount"), rows_by_day, line)


def _make_types(rows: Sequence[Sequence[Any]]) -> ReportTable:
    frame = _frame(rows, ["day", "type", "places", "returned", "amount"])
    return _to_table(frame.drop(columns="day").groupby("type", as_index=False).sum())


def _make_attendance(rows: Sequence[tuple[datetime, int]], event: Event) -> ReportTable:
    """Return entries of each quarter of an hour and their sum; quarters without one are zero."""
    import pandas as pd  # noqa: PLC0415 - slow to import, and seldom needed

    if not rows:
        return ReportTable((), ())
    times = pd.date_range(rows[0][0], rows[-1][0], freq=f"{MINUTES}min")
    entered = pd.Series(dict(rows)).reindex(times, fill_value=0)
    total = entered.cumsum()
    frame = pd.DataFrame(
        {
            "from": times.tz_convert(event.time_zone).strftime("%Y-%m-%d %H:%M"),
            "entered": entered.to_numpy(),
            "total": total.to_numpy(),
        }
    )
    return _to_table(frame, list(zip(times.to_pydatetime(), map(float, total), strict=True)))


def _frame(rows: Sequence[Sequence[Any]], columns: Sequence[str]) -> "pd.DataFrame":
    """Return the rows as a table; counts of the database are exact decimals, here whole numbers."""
    import pandas as pd  # noqa: PLC0415 - slow to import, and seldom needed

    frame = pd.DataFrame([tuple(row) for row in rows], columns=list(columns))
    numbers = [name for name in columns if name not in {"day", "type"}]
    return frame.astype(dict.fromkeys(numbers, "int64"))


def _to_table(frame: "pd.DataFrame", line: Sequence[tuple[datetime, float]] = ()) -> ReportTable:
    rows = [tuple(row) for row in frame.astype(object).itertuples(index=False, name=None)]
    texts = [tuple(cell if isinstance(cell, int) else str(cell) for cell in row) for row in rows]
    return ReportTable(tuple(map(str, frame.columns)), texts, line)
