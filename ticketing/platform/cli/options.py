"""Options and arguments shared by commands of several capabilities."""

from enum import StrEnum
from typing import Annotated, TypeVar

import typer

E = TypeVar("E", bound=StrEnum)

MAX_RUPIAH = 999_999_999
TIME_FORMATS = ["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M%z"]
DATE_OR_TIME_FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"]

EventOption = Annotated[
    str, typer.Option("--event", "-e", help="Slug or id of the event.", show_default=False)
]
OptionalEventOption = Annotated[
    str | None, typer.Option("--event", "-e", help="Only this event (slug or id).")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
LimitOption = Annotated[
    int, typer.Option("--limit", min=1, max=100_000, help="Maximum number of rows.")
]
WhereOption = Annotated[
    list[str] | None,
    typer.Option("--where", help="Only guests with COLUMN=VALUE, such as extra.faculty=Law."),
]
SortOption = Annotated[
    list[str] | None, typer.Option("--sort", help="Sort by COLUMN; -COLUMN is descending.")
]
PlanOption = Annotated[
    str, typer.Option("--plan", help="Hash printed by the plan command.", show_default=False)
]


def parse_choice(text: str, choices: type[E], option: str) -> E:
    """Return the member of an enum with this value; a usage error lists the valid values."""
    try:
        return choices(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is not one of {', '.join(choices)}", param_hint=option
        ) from None
