"""Request parameters that filter and sort the guests of an event, and lay out printed sheets."""

from typing import Annotated

from fastapi import Query
from pydantic import Field

from ticketing.documents.print_run.sheet_layout import MAX_IN_A_ROW, Paper, SheetLayout
from ticketing.tickets.guest_filter import GuestFilter, parse_filter

MAX_CONDITIONS = 50
Where = Annotated[
    list[Annotated[str, Field(max_length=500)]],
    Field(
        max_length=MAX_CONDITIONS,
        description="COLUMN=VALUE; kept columns of the roster are extra.COLUMN.",
    ),
]
Sort = Annotated[
    list[Annotated[str, Field(max_length=100)]],
    Field(max_length=MAX_CONDITIONS, description="COLUMN, or -COLUMN for descending order."),
]


def where_parameter(where: Annotated[Where, Query()] = []) -> GuestFilter:  # noqa: B006 - never changed
    """Return the filter of the query parameters `where`."""
    return parse_filter(where)


def filter_parameters(
    where: Annotated[Where, Query()] = [],  # noqa: B006 - never changed
    sort: Annotated[Sort, Query()] = [],  # noqa: B006 - never changed
) -> GuestFilter:
    """Return filter and sort order of the query parameters `where` and `sort`."""
    return parse_filter(where, sort)


_Count = Annotated[int | None, Query(ge=1, le=MAX_IN_A_ROW)]
_Millimetres = Annotated[float, Query(ge=0, le=100)]


def sheet_parameters(  # noqa: PLR0917  # one parameter per query parameter
    columns: Annotated[_Count, Query(description="Tickets beside each other on a sheet.")] = None,
    rows: Annotated[_Count, Query(description="Tickets one below the other on a sheet.")] = None,
    paper: Annotated[Paper, Query(description="Size of the sheets.")] = Paper.A4,
    margin: Annotated[_Millimetres, Query(description="Margin of the sheets in mm.")] = 8,
    gap: Annotated[_Millimetres, Query(description="Space between tickets in mm.")] = 0,
    landscape: Annotated[bool, Query(description="Turn the sheets.")] = False,
    crop_marks: Annotated[
        bool, Query(alias="cropMarks", description="Draw marks along which to cut.")
    ] = False,
) -> SheetLayout | None:
    """Return the layout of sheets, None when each ticket is a page."""
    if columns is None and rows is None:
        return None
    return SheetLayout(
        paper, columns or 1, rows or 1, margin, gap,
        is_landscape=landscape, crop_marks=crop_marks,
    )  # fmt: skip
