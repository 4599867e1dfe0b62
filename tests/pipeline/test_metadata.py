"""Tests of asset metadata: tables that no name can break, and small charts."""

from urllib.parse import unquote
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from ticket_assets.metadata import MAX_ROWS, line_chart, markdown_table

SHOWN_IN_PLACE = 1000  # characters of markdown that Dagster's pages show without a click
figures = st.floats(min_value=0, max_value=1e7)


@given(st.lists(st.tuples(st.text(), st.text()), min_size=1, max_size=MAX_ROWS))
def test_any_cell_content_keeps_its_row(rows: list[tuple[str, str]]) -> None:
    lines = (markdown_table(["a", "b"], rows, total=len(rows)).value or "").split("\n")

    assert len(lines) == len(rows) + 2
    assert all(line.replace("\\\\", "").replace("\\|", "").count("|") == 3 for line in lines)


def test_a_long_table_shows_the_number_of_omitted_rows() -> None:
    shown = markdown_table(["n"], [(number,) for number in range(2000)], total=2000).value or ""

    assert shown.count("\n") == MAX_ROWS + 3
    assert shown.endswith("… and 1,980 more")


def test_an_empty_table_is_one_word() -> None:
    assert markdown_table(["n"], [], total=0).value == "none"


@given(st.lists(st.tuples(figures, figures), max_size=200))
def test_a_chart_is_a_small_valid_svg(points: list[tuple[float, float]]) -> None:
    shown = line_chart(points, label="tickets missing", unit="days").value or ""

    drawing = shown.partition("data:image/svg+xml,")[2].removesuffix(")")
    assert len(shown) < SHOWN_IN_PLACE
    assert ET.fromstring(unquote(drawing)).tag.endswith("svg")  # noqa: S314 - our own
