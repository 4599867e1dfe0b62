"""Request parameters that filter and sort the guests of an event."""

from typing import Annotated

from fastapi import Query
from pydantic import Field

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
