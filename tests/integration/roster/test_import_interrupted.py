"""Tests of killed and concurrent imports: no guest is lost or doubled."""

import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from subprocess import CompletedProcess
from threading import Barrier

import pytest
from sqlalchemy import inspect, select, update

from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.roster import guests
from ticketing.platform.db.tables.roster import imports as imports_table
from ticketing.platform.kernel.errors import ImportOvertaken, ImportUnderWay
from ticketing.roster import import_queries
from ticketing.roster.import_result import ImportOptions
from ticketing.roster.import_roster import import_roster
from ticketing.roster.model import ImportCounts
from ticketing.roster.sources.csv_file import RosterFile

pytestmark = pytest.mark.kill

ReadGuests = Callable[[], dict[str, dict[str, str | None]]]

ROWS = 12_000
CHUNK = 1_000
IMPORTER = """
import os, signal, sys
from datetime import datetime
from pathlib import Path
from ticketing.platform.db.database import Database
from ticketing.events import queries as event_queries
from ticketing.roster.import_roster import import_roster
from ticketing.roster.sources.csv_file import RosterFile
from ticketing.roster.import_result import ImportOptions

url, path, at, when = sys.argv[1:]
calls = 0

def progress(rows, counts):
    global calls
    calls += 1
    if calls == int(when):
        os.kill(os.getpid(), signal.SIGKILL)

database = Database.from_url(url)
with database.transaction() as connection:
    event = event_queries.get(connection, "wisuda-2026")
import_roster(
    database, event, RosterFile(Path(path)), options=ImportOptions(chunk=1_000),
    at=datetime.fromisoformat(at), by="operator", progress=progress,
)
"""


@pytest.fixture
def roster(tmp_path: Path) -> RosterFile:
    """Write a roster file of many guests."""
    path = tmp_path / "roster.csv"
    rows = (f"{n},Guest {n},guest{n}@example.org" for n in range(ROWS))
    path.write_text("\n".join(["nim,nama,email", *rows]))
    return RosterFile(path)


# 1: while reading; 2: before the first chunk; then between chunks; 13: before the last
@pytest.mark.parametrize("when", [1, 2, 3, 8, 13])
def test_an_import_killed_anywhere_is_completed_by_the_next(
    database: Database,
    database_url: str,
    event: Event,
    now: datetime,
    roster: RosterFile,
    read_guests: ReadGuests,
    run_script: Callable[..., CompletedProcess[str]],
    when: int,
) -> None:
    arguments = [database_url, str(roster.path), now.isoformat(), str(when)]
    killed = run_script(IMPORTER, *arguments)

    result = import_roster(
        database, event, roster, options=ImportOptions(chunk=CHUNK), at=now, by="operator"
    )

    with database.transaction() as connection:
        history = import_queries.list_imports(connection, event.id)
    assert killed.returncode == -signal.SIGKILL
    assert [(line.state, line.message[:11]) for line in history] == [
        ("completed", ""),
        ("failed", "interrupted"),
    ]
    assert (
        result.counts.inserted + history[1].inserted == result.total == len(read_guests()) == ROWS
    )


def test_an_import_leaves_no_passing_tables(
    database: Database, event: Event, now: datetime, roster: RosterFile
) -> None:
    import_roster(database, event, roster, options=ImportOptions(), at=now, by="operator")

    assert inspect(database.engine).get_table_names(schema="staging") == []


def test_two_importers_at_once_take_turns(
    database: Database, event: Event, now: datetime, roster: RosterFile, read_guests: ReadGuests
) -> None:
    ready = Barrier(2)

    def import_when_both_are_ready(by: str) -> ImportCounts:
        ready.wait()
        options = ImportOptions(chunk=CHUNK, patience_seconds=120)
        return import_roster(database, event, roster, options=options, at=now, by=by).counts

    with ThreadPoolExecutor(2) as both:
        counts = set(both.map(import_when_both_are_ready, ["Siti", "Budi"]))

    assert counts == {ImportCounts(inserted=ROWS), ImportCounts(unchanged=ROWS)}
    assert len(read_guests()) == ROWS


def test_an_import_that_times_out_waiting_names_the_running_import(
    database: Database, event: Event, now: datetime, roster: RosterFile
) -> None:
    with database.transaction() as turn, database.transaction() as other:
        import_queries.acquire_import_lock(turn, event.id, patience_seconds=1)
        import_queries.insert_import(
            other, event.id, kind="file", name="theirs.csv", by="Siti", at=now
        )
        other.commit()

        with pytest.raises(
            ImportUnderWay, match=r"import 1 \(theirs.csv, by Siti, since 2026-11-20 15:00 WIB"
        ):
            import_roster(
                database, event, roster, options=ImportOptions(patience_seconds=0.1), at=now,
                by="Budi",
            )  # fmt: skip


def test_an_import_that_was_closed_meanwhile_writes_nothing_more(
    database: Database, event: Event, now: datetime, roster: RosterFile
) -> None:
    def close_it(rows: int, counts: ImportCounts) -> None:
        with database.transaction() as connection:
            connection.execute(
                update(imports_table)
                .where(imports_table.c.state == "running", counts.inserted == 0, rows > 0)
                .values(state="failed")
            )

    with pytest.raises(ImportOvertaken):
        import_roster(
            database, event, roster, options=ImportOptions(chunk=CHUNK), at=now, by="operator",
            progress=close_it,
        )  # fmt: skip

    with database.transaction() as connection:
        assert connection.execute(select(guests.c.id)).first() is None


def test_a_guest_added_concurrently_does_not_fail_the_import(
    database: Database, event: Event, now: datetime, roster: RosterFile
) -> None:
    def add_guest_7(rows: int, counts: ImportCounts) -> None:
        if rows == counts.rows == 0:
            with database.transaction() as connection:
                connection.execute(
                    guests.insert().values(event_id=event.id, natural_key="id:7", full_name="G")
                )

    with pytest.raises(ImportOvertaken, match="run the import again"):
        import_roster(
            database, event, roster, options=ImportOptions(chunk=CHUNK), at=now, by="operator",
            progress=add_guest_7,
        )  # fmt: skip
    import_roster(database, event, roster, options=ImportOptions(), at=now, by="operator")

    with database.transaction() as connection:
        known = connection.execute(select(guests.c.natural_key)).scalars().all()
    assert len(known) == len(set(known)) == ROWS
