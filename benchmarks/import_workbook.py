"""Measure how fast an Excel workbook is imported, and the memory it takes, beside the same CSV.

    python -m benchmarks.import_workbook [--rows 200000] [--runs 3]

The people are those of `benchmarks.import_roster`; ids and phones are numbers, as Excel stores
them. Each format runs in its own process on a new embedded PostgreSQL. Prints the median of first
imports, the peak memory of the importing process, and that of the process that reads the workbook.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

from benchmarks.import_roster import HEADER, imported, new_event, roster_rows, write_roster
from benchmarks.issue import machine
from ticketing.platform.db.database import Database
from ticketing.platform.db.embedded.server import EmbeddedServer
from ticketing.platform.db.migrate import upgrade
from ticketing.roster.model import ImportCounts

FORMATS = ("csv", "xlsx")
_MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_RELATIONS = 'xmlns="http://schemas.openxmlformats.org/package/2006/relationships"'
_PARTS = {
    "_rels/.rels": f'<Relationships {_RELATIONS}><Relationship Id="w"'
    f' Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook {_MAIN} xmlns:r="{_OFFICE}"><sheets>'
    '<sheet name="Peserta" sheetId="1" r:id="s"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships {_RELATIONS}><Relationship Id="s"'
    f' Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
}


def write_workbook(path: Path, rows: int) -> None:
    """Write the people of the CSV benchmark as an Excel workbook."""
    with ZipFile(path, "w", ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in _PARTS.items():
            archive.writestr(name, content)
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as sheet:
            sheet.write(f"<worksheet {_MAIN}><sheetData>".encode())
            for line in _sheet_rows(rows):
                sheet.write(line.encode())
            sheet.write(b"</sheetData></worksheet>")


def _sheet_rows(rows: int) -> Iterator[str]:
    yield _sheet_row(1, HEADER.strip().split(";"))
    for number, cells in enumerate(roster_rows(rows, moved=False), 2):
        yield _sheet_row(number, cells)


def _sheet_row(number: int, cells: list[str]) -> str:
    line = "".join(
        f'<c r="{column}{number}"><v>{cell}</v></c>'
        if cell.isdecimal()
        else f'<c r="{column}{number}" t="inlineStr"><is><t>{cell}</t></is></c>'
        for column, cell in zip("ABCDEF", cells, strict=True)
    )
    return f'<row r="{number}">{line}</row>'


def measure(folder: Path, kind: str, rows: int, runs: int) -> None:
    """Measure first imports of one format into `runs` new events."""
    path = folder / f"roster.{kind}"
    if kind == "csv":
        write_roster(path, rows, moved=False)
    else:
        write_workbook(path, rows)
    seconds = []
    with EmbeddedServer(folder / "pg") as server:
        database = Database.from_url(server.url())
        upgrade(database)
        for run in range(runs):
            result = imported(database, new_event(database, f"run-{run}"), path)
            assert result.counts == ImportCounts(inserted=rows)
            seconds.append(result.seconds)
        database.dispose()
    median, size = statistics.median(seconds), path.stat().st_size / 1e6
    own, children = (
        resource.getrusage(who).ru_maxrss / 1024
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    reader = f"  reader {children:.0f} MiB" if kind == "xlsx" else ""
    print(
        f"{kind:<5}{rows:>9,} rows  {size:.1f} MB  {median:.2f} s  {rows / median:,.0f} rows/s"
        f"  peak {own:.0f} MiB{reader}  ({runs} runs)",
        flush=True,
    )


def main() -> None:
    """Measure each format in its own process, so that memory peaks are separate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--format", choices=FORMATS)
    arguments = parser.parse_args()
    if arguments.format:
        with tempfile.TemporaryDirectory() as folder:
            measure(Path(folder), arguments.format, arguments.rows, arguments.runs)
        return
    print(machine(), flush=True)
    for kind in FORMATS:
        command = [sys.executable, "-m", "benchmarks.import_workbook", "--format", kind]
        command += ["--rows", str(arguments.rows), "--runs", str(arguments.runs)]
        subprocess.run(command, check=True)  # noqa: S603 - ourselves


if __name__ == "__main__":
    main()
