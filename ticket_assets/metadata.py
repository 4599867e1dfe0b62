"""Markdown metadata: tables, images and line charts.

Dagster shows markdown below 1,000 characters inline and longer text behind a link.
"""

import base64
import html
import re
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any
from urllib.parse import quote

import dagster as dg
from sqlalchemy import Table

from ticketing.platform.kernel.text import unlink

Points = Sequence[tuple[float, float]]
Metadata = dict[str, dg.MetadataValue[Any] | str | int | float]

MAX_ROWS = 20
MAX_POINTS = 30
_MARKUP = re.compile(r"([\\`*_{}\[\]<>()#|~!])")
# a drawing of 480 by 150 pixels, its axes 34 inside
_LEFT, _RIGHT, _TOP, _BOTTOM = 34, 446, 34, 116


def table_metadata(table: Table) -> Metadata:
    """Return name and columns of an asset's table in PostgreSQL."""
    columns = [
        dg.TableColumn(
            column.name,
            str(column.type).lower(),
            constraints=dg.TableColumnConstraints(nullable=bool(column.nullable)),
        )
        for column in table.columns
    ]
    return {
        "dagster/table_name": f"public.{table.name}",
        "dagster/column_schema": dg.MetadataValue.table_schema(dg.TableSchema(columns)),
    }


def row_count(number: int) -> Metadata:
    """Return the number of an asset's rows, which Dagster shows as a chart over time."""
    return {"dagster/row_count": number}


def page_link(public_url: str | None, path: str) -> Metadata:
    """Return a link to a page of the web service; nothing if WEB_PUBLIC_URL is not set."""
    return {"page": dg.MetadataValue.url(public_url.rstrip("/") + path)} if public_url else {}


def markdown_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, total: int
) -> dg.MarkdownMetadataValue:
    """Return a markdown table of the first rows with a note on how many were omitted."""
    shown = list(islice(rows, MAX_ROWS))
    if not shown:
        return dg.MetadataValue.md("none")
    lines = [_markdown_row(columns), "|" + " --- |" * len(columns), *map(_markdown_row, shown)]
    if total > len(shown):
        lines += ["", f"… and {total - len(shown):,} more"]
    return dg.MetadataValue.md("\n".join(lines))


def _markdown_row(cells: Sequence[object]) -> str:
    # a cell may be the name of a guest: neither markup nor a link that Dagster's page makes of it
    texts = (_MARKUP.sub(r"\\\1", unlink(" ".join(str(cell).split()))) for cell in cells)
    return f"| {' | '.join(texts)} |"


def inline_image(png: bytes, *, label: str) -> dg.MarkdownMetadataValue:
    """Return an inline image; keep it small, because it is stored in the event log."""
    encoded = base64.b64encode(png).decode("ascii")
    return dg.MetadataValue.md(f"![{label}](data:image/png;base64,{encoded})")


def line_chart(points: Points, *, label: str, unit: str) -> dg.MarkdownMetadataValue:
    """Return a line chart of (x, y) points with both axes from zero; `unit` is the unit of x."""
    drawing = quote(_svg(points, label, unit), safe=",'=/:;+?&$@!*-._~")
    return dg.MetadataValue.md(f"![{label}](data:image/svg+xml,{drawing})")


def _svg(points: Points, label: str, unit: str) -> str:
    widest = max((x for x, _ in points), default=0)
    highest = max((y for _, y in points), default=0)
    step = max(1, -(-len(points) // MAX_POINTS))
    shown = [*points[::step], *points[-1:]]
    line = ",".join(
        f"{_LEFT + x / (widest or 1) * (_RIGHT - _LEFT):.0f},"
        f"{_BOTTOM - y / (highest or 1) * (_BOTTOM - _TOP):.0f}"
        for x, y in shown
    )
    # h0 with a round end: a single point is a dot
    return (
        "<svg xmlns='http://www.w3.org/2000/svg' width='480' height='150' font-size='11'"
        " font-family='sans-serif' fill='#778'>"
        f"<path d='M{_LEFT},{_TOP}V{_BOTTOM}H{_RIGHT}' fill='none' stroke='#aaa'/>"
        f"<path d='M{line}h0' fill='none' stroke='#284' stroke-width='3' stroke-linecap='round'/>"
        f"<text x='{_LEFT}' y='{_TOP - 9}'>{highest:,.0f} {html.escape(label)}</text>"
        f"<text x='{_RIGHT - 40}' y='{_BOTTOM + 16}'>{widest:,.1f} {html.escape(unit)}</text></svg>"
    )
