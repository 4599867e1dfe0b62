"""Standard output: tables and lines for people, JSON for programs.

Tables fit the terminal. A table whose words would be broken is printed as one block per row.
"""

import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, TypeVar

import typer

from ticketing.platform.kernel.time_span import BUSINESS_TIME_ZONE
from ticketing.platform.kernel.wall_clock import format_clock, zone_name

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

T = TypeVar("T")
Columns = Mapping[str, Callable[[T], object]]

PIPE_WIDTH = 1000  # a pipe or a file gets one line per row
GAP = 2  # characters between columns
_NUMBER = re.compile(r"|-?(Rp)?[0-9][0-9.,]*( %)?")  # nothing, 1,234, Rp1.234, 10 %


def stdout_console() -> "Console":
    """Return standard output for people."""
    from rich.console import Console

    is_terminal = sys.stdout.isatty()
    width = None if is_terminal or os.environ.get("COLUMNS") else PIPE_WIDTH
    return Console(highlight=False, soft_wrap=not is_terminal, width=width)


def print_json(value: object) -> None:
    """Print one JSON document. Dataclasses become objects, and amounts of money numbers."""
    import json

    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=_to_json))


def to_object(value: object) -> dict[str, object]:
    """Return the fields of a dataclass as a dictionary, for a JSON object with more keys."""
    from dataclasses import fields

    return {field.name: getattr(value, field.name) for field in fields(value)}  # type: ignore[arg-type]


def print_text(*lines: str) -> None:
    """Print lines as they are, without markup."""
    out = stdout_console()
    for line in lines:
        out.print(line, markup=False)


def print_hold(reason: str) -> None:
    """Print on standard error why a command does less than usual; nothing without a reason."""
    if reason:
        typer.echo(reason, err=True)


def print_result(value: object, *lines: str, as_json: bool) -> None:
    """Print a result as JSON, or as these lines."""
    if as_json:
        print_json(value)
    else:
        print_text(*lines)


def print_list(
    rows: Sequence[T],
    columns: Columns[T],
    *,
    as_json: bool,
    to_json: Callable[[T], object] | None = None,
    zone: tzinfo = BUSINESS_TIME_ZONE,
    empty: str = "No entries.",
) -> None:
    """Print rows as a JSON array, or as a table with times in `zone`: the venue's if known."""
    if as_json:
        print_json([to_json(row) for row in rows] if to_json else list(rows))
    elif rows:
        print_table(rows, columns, zone=zone)
    else:
        print_text(empty)


def print_table(
    rows: Iterable[T], columns: Columns[T], *, zone: tzinfo = BUSINESS_TIME_ZONE
) -> None:
    """Print a table without the columns that are empty in every row."""
    listed = list(rows)
    cells = {heading: [cell(row) for row in listed] for heading, cell in columns.items()}
    values = {
        heading: column
        for heading, column in cells.items()
        if any(value not in (None, "") for value in column)
    }
    times = [value for column in values.values() for value in column if isinstance(value, datetime)]
    texts = {name: [_format_cell(one, zone) for one in column] for name, column in values.items()}
    out = stdout_console()
    widths = _fit_widths(texts, out.width)
    out.print(_build_table(texts, widths) if widths else _build_blocks(texts))
    if times:
        out.print(f"Times: {zone_name(times[-1].astimezone(zone))}")


def print_counts(title: str, counts: Mapping[str, int]) -> None:
    """Print a heading and one line per count."""
    wide = max(map(len, counts))
    print_text(title, *(f"  {label:<{wide}}  {count:>8,}" for label, count in counts.items()))


def print_apply_command(command: str) -> None:
    """Print the command that applies a plan, on one line so that it can be copied."""
    out = stdout_console()
    out.print("Nothing has changed yet. To apply this plan:")
    out.print(f"  ticketing {command}", markup=False, soft_wrap=True)


def format_time(at: datetime | None, zone: tzinfo = BUSINESS_TIME_ZONE) -> str:
    """Return a time with its zone, the venue's if there is one; empty for no time."""
    return format_clock(at, zone) if at else ""


def format_limit(number: int | None) -> str:
    """Return a limit as text; None is unlimited."""
    return "unlimited" if number is None else f"{number:,}"


def _to_json(value: object) -> object:
    from dataclasses import is_dataclass

    if is_dataclass(value) and not isinstance(value, type):
        fields = to_object(value)
        return fields["amount"] if list(fields) == ["amount"] else fields
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    return str(value)


def _format_cell(value: object, zone: tzinfo) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case datetime():
            return f"{value.astimezone(zone):%Y-%m-%d %H:%M}"
        case _:
            return str(value)


def _fit_widths(texts: Mapping[str, list[str]], width: int) -> dict[str, int] | None:
    """Return the columns' widths in a table of this width; None if a word would be broken."""
    from rich.cells import cell_len

    widths = {heading: max(map(cell_len, (heading, *column))) for heading, column in texts.items()}
    longest_words = {
        heading: max(cell_len(word) for text in (heading, *column) for word in text.split())
        for heading, column in texts.items()
    }
    while sum(widths.values()) + GAP * (len(widths) - 1) > width:
        wrapped = [heading for heading in widths if widths[heading] > longest_words[heading]]
        if not wrapped:
            return None
        widths[max(wrapped, key=widths.__getitem__)] -= 1
    return widths


def _build_table(texts: Mapping[str, list[str]], widths: Mapping[str, int]) -> "Table":
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, padding=(0, GAP - 1, 0, 0), pad_edge=False, show_edge=False)
    for heading, column in texts.items():
        is_number = all(map(_NUMBER.fullmatch, column))
        table.add_column(heading, justify="right" if is_number else "left", width=widths[heading])
    for row in zip(*texts.values(), strict=True):
        table.add_row(*map(Text, row))
    return table


def _build_blocks(texts: Mapping[str, list[str]]) -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table.grid("", "", padding=(0, 2, 0, 0))
    for row in zip(*texts.values(), strict=True):
        for heading, text in zip(texts, row, strict=True):
            if text:
                table.add_row(Text(heading, "bold"), Text(text))
        table.add_row("", "")
    return table
