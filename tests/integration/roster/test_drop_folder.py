"""Tests of the drop folder: each file is imported once and filed with its report."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.plugins.workbooks import WriteWorkbook
from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import ImportUnderWay, UnreadableFile
from ticketing.roster import import_queries
from ticketing.roster.drop_folder.import_file import DroppedFileResult, import_dropped_file
from ticketing.roster.import_result import ImportOptions
from ticketing.roster.import_roster import import_roster
from ticketing.roster.model import ImportCounts
from ticketing.roster.sources.csv_file import RosterFile

GOOD = "nim,nama,email\n1,Siti,siti@example.org\n,Budi,budi@\n"
Drop = Callable[..., DroppedFileResult]


@pytest.fixture
def drop_folder(tmp_path: Path) -> Path:
    """Create the drop folder of the event."""
    folder = tmp_path / "inbox" / "wisuda-2026"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def drop(database: Database, event: Event, now: datetime, drop_folder: Path) -> Drop:
    """Return a function that writes a file to the folder and imports it, some minutes later."""

    def drop_and_take(content: str, minutes: int = 0, **options: object) -> DroppedFileResult:
        path = drop_folder / "roster.csv"
        path.write_text(content)
        return import_dropped_file(
            database, event, path, options=ImportOptions(**options),  # type: ignore[arg-type]
            at=now + timedelta(minutes=minutes), by="sensor",
        )  # fmt: skip

    return drop_and_take


def test_a_taken_file_is_filed_with_its_report(drop: Drop, drop_folder: Path) -> None:
    taken = drop(GOOD)

    stem = taken.archived_path.name.removesuffix(".csv")
    assert stem.startswith("roster.20261120T080000Z.")
    assert (taken.succeeded, taken.archived_path.read_text()) == (True, GOOD)
    assert sorted(path.name for path in drop_folder.rglob("*.*") if path.is_file()) == sorted(
        f"{stem}{suffix}" for suffix in (".csv", ".rejected.csv", ".report.json", ".report.txt")
    )


def test_a_workbook_is_imported_and_filed_under_its_own_ending(
    database: Database,
    event: Event,
    now: datetime,
    drop_folder: Path,
    write_workbook: WriteWorkbook,
) -> None:
    path = write_workbook("roster.xlsx", ("nim", "nama"), (1, "Siti")).rename(
        drop_folder / "roster.XLSX"
    )

    taken = import_dropped_file(database, event, path, options=ImportOptions(), at=now, by="sensor")

    assert (taken.archived_path.parent.name, taken.archived_path.suffix) == ("done", ".XLSX")
    assert taken.result is not None
    assert (taken.result.counts, taken.result.sheet) == (ImportCounts(inserted=1), "Peserta")


def test_the_report_is_written_as_json_and_as_text(drop: Drop) -> None:
    taken = drop(GOOD)

    said = json.loads(taken.archived_path.with_suffix(".report.json").read_text())
    text = taken.archived_path.with_suffix(".report.txt").read_text()
    assert (said["succeeded"], said["import"]["inserted"], said["import"]["total"]) == (True, 1, 2)
    assert "2 rows: 1 inserted, 0 updated, 0 unchanged, 1 rejected" in text
    assert "line 3 rejected: email 'budi@'" in text


def test_a_refused_file_is_filed_as_failed_with_the_reason(drop: Drop, drop_folder: Path) -> None:
    taken = drop("nothing of use\n")

    assert (taken.succeeded, taken.archived_path.parent) == (False, drop_folder / "failed")
    assert "no header" in taken.archived_path.with_suffix(".report.txt").read_text()
    assert not (drop_folder / "roster.csv").exists()


def test_rejected_rows_of_a_refused_file_are_filed_with_it(drop: Drop, drop_folder: Path) -> None:
    drop(GOOD)

    taken = drop("nim,nama,email\n,Budi,budi@\n", minutes=1, withdraw_absent=True)

    assert taken.archived_path.parent == drop_folder / "failed"
    assert taken.archived_path.with_suffix(".rejected.csv").exists()


def test_the_same_content_again_is_known(drop: Drop, drop_folder: Path) -> None:
    drop(GOOD)

    again = drop(GOOD, minutes=5)

    assert (again.succeeded, again.result) == (True, None)
    assert again.message == "already imported on 2026-11-20 15:00 WIB, nothing to do"
    assert len(list((drop_folder / "done").glob("*Z.????????????.csv"))) == 2


def test_an_older_content_dropped_again_on_purpose_is_imported(drop: Drop) -> None:
    drop(GOOD)
    drop(GOOD.replace("Siti", "Sita"), minutes=1)

    again = drop(GOOD, minutes=2)

    assert again.result is not None
    assert again.result.counts == ImportCounts(updated=1, quarantined=1)


def test_no_file_is_ever_written_over(drop: Drop, drop_folder: Path) -> None:
    names = {drop(GOOD).archived_path.name for _ in range(3)}

    assert len(names) == 3
    assert len(list((drop_folder / "done").glob("*.report.json"))) == 3


def test_a_file_imported_before_a_crash_is_filed_by_the_next_scan(
    database: Database, event: Event, now: datetime, drop_folder: Path, drop: Drop
) -> None:
    path = drop_folder / "roster.csv"
    path.write_text(GOOD)
    import_roster(
        database, event, RosterFile(path), options=ImportOptions(), at=now, by="a process that died"
    )

    taken = drop(GOOD, minutes=1)

    assert taken.message.startswith("already imported")
    assert [found.name for found in drop_folder.glob("*.csv")] == []


def test_a_file_waits_while_another_import_is_under_way(
    database: Database, event: Event, drop: Drop, drop_folder: Path
) -> None:
    with database.transaction() as turn:
        import_queries.acquire_import_lock(turn, event.id, patience_seconds=1)

        with pytest.raises(ImportUnderWay):
            drop(GOOD, patience_seconds=0.1)

    assert [path.name for path in drop_folder.iterdir()] == ["roster.csv"]


def test_a_file_taken_by_another_process_is_reported_as_absent(
    database: Database, event: Event, now: datetime, drop_folder: Path
) -> None:
    with pytest.raises(UnreadableFile, match="No such file"):
        import_dropped_file(
            database, event, drop_folder / "gone.csv", options=ImportOptions(), at=now, by="sensor"
        )
