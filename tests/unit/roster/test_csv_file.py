"""Tests of reading CSV files in any encoding and dialect, and of refused files."""

import codecs
import csv
import gzip
import hashlib
import io
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.platform.kernel.errors import UnreadableFile
from ticketing.roster.sources.csv_file import OpenRoster, RosterFile
from ticketing.roster.sources.csv_sniffer import detect_delimiter
from ticketing.roster.sources.text_lines import MAX_RECORD_LENGTH

ReadAll = Callable[..., tuple[OpenRoster, list[tuple[int, list[str]]]]]

TABLE = "nim;nama\r\n1;Siti\r\n2;Renée\r\n"
ROWS = [(2, ["1", "Siti"]), (3, ["2", "Renée"])]


@pytest.fixture
def read(tmp_path: Path) -> ReadAll:
    """Return a function that writes bytes to a file and reads all of its rows."""

    def read_all(
        content: bytes, **told: str | None
    ) -> tuple[OpenRoster, list[tuple[int, list[str]]]]:
        path = tmp_path / "roster.csv"
        path.write_bytes(content)
        with RosterFile(path).open(**told) as reading:
            return reading, [(row.line, row.cells) for row in reading.rows]

    return read_all


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (TABLE.encode(), "utf-8"),
        (TABLE.encode("utf-8-sig"), "utf-8-sig"),
        (TABLE.encode("utf-16"), "utf-16"),
        (codecs.BOM_UTF16_BE + TABLE.encode("utf-16-be"), "utf-16"),
        (TABLE.encode("utf-32"), "utf-32"),
    ],
)
def test_the_encoding_is_found_out(read: ReadAll, content: bytes, encoding: str) -> None:
    reading, rows = read(content)

    assert (reading.encoding, reading.columns, rows) == (encoding, ["nim", "nama"], ROWS)
    assert reading.warnings == []


def test_a_guessed_encoding_is_reported_as_a_guess(read: ReadAll) -> None:
    text = TABLE + "".join(f"{n};Jérôme Müller-Strauß à Besançon\r\n" for n in range(3, 40))

    reading, rows = read(text.encode("cp1252"))

    assert rows[-1] == (40, ["39", "Jérôme Müller-Strauß à Besançon"])
    assert "the encoding was guessed" in reading.warnings[0]


@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        ("cp1252", ["José Müller", "Élodie"]),
        ("cp850", ["José Müller", "Élodie"]),
        ("cp1252", ["Zoë O\u2019Neill"]),
        ("cp1252", ["Renée “Ren” \u2013 Øst"]),
        ("cp850", ["Schröder"]),
        ("cp932", ["山田太郎"]),
    ],
)
def test_the_code_page_of_a_short_file_is_western_if_that_makes_words(
    read: ReadAll, encoding: str, names: list[str]
) -> None:
    text = "nim,nama,email\n" + "".join(
        f"{n},{name},a@example.com\n" for n, name in enumerate(names)
    )

    reading, rows = read(text.encode(encoding))

    assert (reading.encoding, [cells[1] for _, cells in rows]) == (encoding, names)
    assert " or ".join(map(repr, names)) in reading.warnings[0]


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "windows-1252"])
def test_the_encoding_can_be_given(read: ReadAll, encoding: str) -> None:
    _, rows = read(TABLE.encode("cp1252"), encoding=encoding)

    assert rows == ROWS


def test_a_byte_order_mark_is_not_in_the_first_column_when_utf_8_is_given(read: ReadAll) -> None:
    reading, _ = read(TABLE.encode("utf-8-sig"), encoding="utf-8")

    assert reading.columns == ["nim", "nama"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_out(read: ReadAll, delimiter: str) -> None:
    text = TABLE.replace(";", delimiter)

    reading, rows = read(text.encode())

    assert (reading.delimiter, rows) == (delimiter, ROWS)


def test_commas_inside_cells_do_not_confuse_the_delimiter(read: ReadAll) -> None:
    text = "nim;nama\n" + "".join(f'{n};"Santoso, Budi, S.Kom, M.T"\n' for n in range(30))

    reading, rows = read(text.encode())

    assert (reading.delimiter, rows[0]) == (";", (2, ["0", "Santoso, Budi, S.Kom, M.T"]))


@pytest.mark.parametrize("start", [b"sep=|\r\n", b'\xef\xbb\xbf"sep=|"\r\n'])
def test_the_sep_line_of_excel_sets_the_delimiter(read: ReadAll, start: bytes) -> None:
    reading, rows = read(start + b"nim|nama\r\n1|Siti\r\n")

    assert (reading.delimiter, rows) == ("|", [(3, ["1", "Siti"])])


@pytest.mark.parametrize(("option", "delimiter"), [("tab", "\t"), ("\\t", "\t"), (":", ":")])
def test_the_delimiter_can_be_given(option: str, delimiter: str) -> None:
    assert detect_delimiter(["nim,nama"], option) == delimiter


@pytest.mark.parametrize("delimiter", ["", ";;", '"', "\n"])
def test_an_invalid_delimiter_is_refused(delimiter: str) -> None:
    with pytest.raises(UnreadableFile, match="no delimiter"):
        detect_delimiter(["nim,nama"], delimiter)


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_every_kind_of_line_end_counts_lines(read: ReadAll, ending: str) -> None:
    _, rows = read(TABLE.replace("\r\n", ending).encode())

    assert rows == ROWS


def test_a_row_is_known_by_the_line_it_begins_on(read: ReadAll) -> None:
    _, rows = read(b'nim;nama\n1;"Si\nti"\n\n;\n2;Budi\n')

    assert rows == [(2, ["1", "Si\nti"]), (6, ["2", "Budi"])]


@pytest.mark.parametrize(
    "broken", ['2;"Budi "Boy" S"', '2;"Bu"di', '2;"never closed'],
)  # fmt: skip
def test_a_line_whose_quotes_do_not_fit_harms_no_other(read: ReadAll, broken: str) -> None:
    _, rows = read(f"nim;nama\n1;Siti\n{broken}\n".encode())

    assert rows == [(2, ["1", "Siti"]), (3, broken.split(";"))]


@pytest.mark.parametrize("ending", ["", '9;"Budi, S.Kom"\n', 'x;"\n'])
def test_an_unclosed_quote_loses_only_its_own_row(tmp_path: Path, ending: str) -> None:
    people = [f"{n};{'Guest' * 20} {n}\n" for n in range(2, 5_000)]
    path = tmp_path / "roster.csv"
    path.write_text("".join(["nim;nama\n", '1;"Siti\n', *people, ending]))

    with RosterFile(path).open() as reading:
        rows = list(reading.rows)

    assert [(row.line, bool(row.problem)) for row in rows[:3]] == [
        (2, True),
        (3, False),
        (4, False),
    ]
    assert rows[0].cells == ["1", '"Siti']
    assert [";".join(row.cells) + "\n" for row in rows[1:4999]] == people


@pytest.mark.parametrize("between", [0, 3])
def test_a_quote_that_a_later_one_closes_swallows_no_row(read: ReadAll, between: int) -> None:
    people = ['1;"Siti;', *(f"{n};Guest;" for n in range(between)), '8;Joko";', "9;Budi;"]

    _, rows = read("\n".join(["nim;nama;email", *people]).encode())

    assert [";".join(cells) for _, cells in rows] == people


def test_a_cell_of_several_lines_is_one_cell(read: ReadAll) -> None:
    _, rows = read(b'nim;nama;email\n1;"Siti;\nAminah";s@example.com\n')

    assert rows == [(2, ["1", "Siti;\nAminah", "s@example.com"])]


def test_a_quote_behind_a_blank_opens_a_cell(read: ReadAll) -> None:
    _, rows = read(b'nim, nama, email\n1, "Santoso, Budi", b@example.com\n2, "Siti", s@example.com')

    assert [cells for _, cells in rows] == [
        ["1", "Santoso, Budi", "b@example.com"],
        ["2", "Siti", "s@example.com"],
    ]


def test_the_digest_is_that_of_the_files_bytes(read: ReadAll) -> None:
    reading, _ = read(TABLE.encode("utf-16"))

    assert reading.digest == hashlib.sha256(TABLE.encode("utf-16")).hexdigest()


def test_replacement_characters_raise_a_warning(read: ReadAll) -> None:
    reading, _ = read("nim;nama\n1;Ren\ufffde\n2;Siti\n".encode())

    assert reading.warnings[0].startswith("1 lines contain \ufffd")


@pytest.mark.parametrize(
    ("content", "options", "reason"),
    [
        (b"", {}, "empty"),
        (b"  \r\n\r\n", {}, "empty"),
        (b"\xef\xbb\xbf\n\n", {}, "blank lines"),
        (b"PK\x03\x04rest", {}, "workbook; save it as CSV"),
        (b"\xd0\xcf\x11\xe0rest", {}, "old Excel workbook"),
        (b"%PDF-1.7", {}, "a PDF"),
        (gzip.compress(b"nim;nama", mtime=0), {}, "gzip"),
        (b"nim;nama\n1;\x00\x01\x02", {}, "binary file"),
        (TABLE.encode("utf-16-le"), {}, "binary file"),
        (b"\x80\x81\xfe\xff\x01\x02" * 50, {}, "encoding|binary"),
        (TABLE.encode(), {"encoding": "klingon"}, "unknown encoding 'klingon'"),
        (TABLE.encode(), {"delimiter": "||"}, "no delimiter"),
        (TABLE.encode("cp1252"), {"encoding": "utf-8"}, "line 3: the bytes e9"),
        (TABLE.encode("cp1252"), {"encoding": "ascii"}, "line 3: the bytes e9"),
        (b'"sep=;"\n', {}, "blank lines"),
        (b"nim;nama\n1;Si\x00ti\n", {"encoding": "latin-1"}, "line 2: a NUL byte"),
    ],
)
def test_a_file_that_is_no_text_table_is_refused(
    read: ReadAll, content: bytes, options: dict[str, str], reason: str
) -> None:
    with pytest.raises(UnreadableFile, match=reason):
        read(content, **options)


def test_bytes_that_fail_far_down_are_named_by_line(read: ReadAll) -> None:
    good = b"".join(b"%d;Guest %d\n" % (n, n) for n in range(200_000))

    with pytest.raises(UnreadableFile, match="line 200002: the bytes e9 are not utf-8"):
        read(b"nim;nama\n" + good + "x;Renée\n".encode("latin-1"))


def test_a_file_that_ends_within_a_character_is_refused(read: ReadAll) -> None:
    with pytest.raises(UnreadableFile, match="ends within a character"):
        read(TABLE.encode() + b"3;Ren\xc3", encoding="utf-8")


@pytest.mark.parametrize("start", ["nim;nama\n1;", 'nim;nama\n1;"', ""])
def test_a_line_without_end_is_refused_in_little_memory(tmp_path: Path, start: str) -> None:
    path = tmp_path / "endless.csv"
    with path.open("wb") as file:
        file.write(start.encode() + b"x" * (MAX_RECORD_LENGTH * 8))
        file.truncate(10 * 1024**3)  # a hole on disk: 10 GB to whoever reads

    tracemalloc.start()
    with (
        pytest.raises(UnreadableFile, match="more than 262,144 characters in one row"),
        RosterFile(path).open() as reading,
    ):
        list(reading.rows)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 32 * 1024**2


def test_a_row_of_endless_quoted_lines_is_unusable_line_by_line(read: ReadAll) -> None:
    _, rows = read(("nim;nama\n" + '"a\n";' * 10_000).encode())

    assert [line for line, _ in rows] == list(range(2, 10_003))


@pytest.mark.parametrize("line_end", ["\r\n", "\n", "\r"])
@pytest.mark.parametrize("quoted", [range(0), range(2000, 2003), range(0, 30_000, 1500)])
def test_rows_of_a_large_file_do_not_depend_on_where_its_blocks_end(
    read: ReadAll, line_end: str, quoted: range
) -> None:
    names = [f"Renée {n:0{n % 40}}" for n in range(30_000)]
    cells = [[str(n), f"{name}; {name}" if n in quoted else name] for n, name in enumerate(names)]
    lines = [f'{n};"{name}"' if ";" in name else f"{n};{name}" for n, name in cells]

    _, rows = read(line_end.join(["nim;nama", *lines]).encode())

    assert rows == list(enumerate(cells, 2))


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "growing.csv"
    path.write_text(TABLE)

    with RosterFile(path).open() as reading:
        path.write_text(TABLE + "3;Late\n")
        with pytest.raises(UnreadableFile, match="changed while it was read"):
            list(reading.rows)


@pytest.mark.parametrize("name", ["absent.csv", "."])
def test_a_path_that_is_no_file_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnreadableFile, match="no such file"), RosterFile(tmp_path / name).open():
        pass


cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufffd"), max_size=8)


@given(
    st.lists(st.tuples(cells, cells).filter(lambda row: "".join(row).strip()), max_size=20),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "gb18030"]),
)
def test_a_file_written_by_a_spreadsheet_is_read(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str, str]],
    delimiter: str,
    encoding: str,
) -> None:
    path = tmp_path_factory.mktemp("roster") / "roster.csv"
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows([("nim", "nama"), *rows])
    path.write_bytes(text.getvalue().encode(encoding))

    with RosterFile(path).open(encoding=encoding, delimiter=delimiter) as reading:
        found = [tuple(row.cells) for row in reading.rows]

    assert found == rows


def test_titles_above_the_header_are_left_out(read: ReadAll) -> None:
    reading, rows = read(b"DAFTAR WISUDAWAN,,\nFakultas Teknik,,\n\nnim,nama,email\n1,Budi,\n")

    assert (reading.columns, rows) == (["nim", "nama", "email"], [(5, ["1", "Budi", ""])])


def test_the_line_of_the_header_can_be_given(tmp_path: Path) -> None:
    path = tmp_path / "roster.csv"
    path.write_text("nim,nama\nKennung,Wer\n1,Budi\n")

    with RosterFile(path).open(header_row=2) as reading:
        assert reading.columns == ["Kennung", "Wer"]
        assert [row.line for row in reading.rows] == [3]
