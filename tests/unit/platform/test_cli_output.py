"""Tables and JSON of the command line."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ticketing.platform.cli.output import print_json, print_list
from ticketing.platform.kernel.money import Rupiah


@dataclass(frozen=True)
class Line:
    """Row of the table under test."""

    code: str
    at: datetime
    total: Rupiah
    buyer: str
    note: str = ""


COLUMNS = {
    "order": lambda line: line.code,
    "placed": lambda line: line.at,
    "total": lambda line: line.total,
    "buyer": lambda line: line.buyer,
    "note": lambda line: line.note,
}
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
LINES = [
    Line("ORD-N3MRKWQ5TMEM", NOON, Rupiah(1_500_000), "Sari Dewi Lestari [red]"),
    Line("ORD-7Q4M9ZKDX2TA", NOON, Rupiah(0), "Budi"),
]


def show(capsys: pytest.CaptureFixture[str], lines: list[Line]) -> list[str]:
    """Return the lines of the printed table, without blanks at their ends."""
    print_list(lines, COLUMNS, as_json=False, zone=UTC, empty="No orders.")
    return [line.rstrip() for line in capsys.readouterr().out.splitlines()]


def test_a_table_leaves_out_empty_columns_and_aligns_amounts(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")

    heading, _, first, second, times = show(capsys, LINES)

    assert heading == "order             placed                  total  buyer"
    assert first == "ORD-N3MRKWQ5TMEM  2026-11-20 12:00  Rp1.500.000  Sari Dewi Lestari [red]"
    assert second == "ORD-7Q4M9ZKDX2TA  2026-11-20 12:00          Rp0  Budi"
    assert times == "Times: UTC"


def test_a_narrow_table_wraps_between_words(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")

    shown = show(capsys, LINES)

    assert shown[0].split() == ["order", "placed", "total", "buyer"]
    assert max(map(len, shown)) <= 60
    assert {"Sari", "Dewi", "Lestari", "[red]"} <= set(" ".join(shown).split())


def test_where_words_would_be_broken_each_row_is_a_block(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")

    shown = show(capsys, LINES)

    assert shown[:4] == [
        "order   ORD-N3MRKWQ5TMEM",
        "placed  2026-11-20 12:00",
        "total   Rp1.500.000",
        "buyer   Sari Dewi Lestari [red]",
    ]


def test_a_pipe_gets_one_line_per_row(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)

    shown = show(capsys, [Line("ORD-1", NOON, Rupiah(1), "x " * 100, "y " * 100)])

    assert len(shown) == 4


def test_no_rows_are_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert show(capsys, []) == ["No orders."]


def test_json_has_objects_numbers_and_texts(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"lines": tuple(LINES), "names": {"b", "a"}, "file": Path("x.csv")})

    printed = json.loads(capsys.readouterr().out)

    assert printed["lines"][0] == {
        "code": "ORD-N3MRKWQ5TMEM",
        "at": "2026-11-20 12:00:00+00:00",
        "total": 1_500_000,
        "buyer": "Sari Dewi Lestari [red]",
        "note": "",
    }
    assert (printed["names"], printed["file"]) == (["a", "b"], "x.csv")
