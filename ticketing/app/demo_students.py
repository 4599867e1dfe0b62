"""Demo data: an event whose guests are students of the simulated billing API, and their sync."""

import asyncio
import csv
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ticketing.billing.sources.contract import ListedStudent
from ticketing.billing.sync import control
from ticketing.billing.sync.drive import BillingConnector
from ticketing.billing.sync.run import SyncRunning
from ticketing.crypto.keyring import KeyRing
from ticketing.events.model import NewEvent
from ticketing.events.service import add_event
from ticketing.platform.application import Application
from ticketing.roster.erased_contacts import ErasedContacts
from ticketing.roster.import_result import ImportOptions
from ticketing.roster.import_roster import import_roster
from ticketing.roster.sources.csv_file import RosterFile

DEMO_EVENT = NewEvent(
    "demo-wisuda-siswa", "Wisuda Siswa (simulasi)", datetime(2099, 6, 12, 1, tzinfo=UTC),
    datetime(2099, 6, 12, 5, tzinfo=UTC), "Asia/Jakarta", "id", "Aula (simulasi)", "ID", "classic",
    payment_rule="no-arrears",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class DemoStudents:
    """The created event, the number of its guests, and the run that fetches their records."""

    event: str
    guests: int
    sync_run: int


def seed_demo_students(
    application: Application, connector: BillingConnector, *, count: int, at: datetime, by: str
) -> DemoStudents:
    """Import the first students of the list as guests, and start a sync. Safe to repeat."""
    event = add_event(application.database, DEMO_EVENT, by=by)
    students = asyncio.run(_list_first(connector, count))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "students.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["nim", "nama"])
            rows.writerows((student.external_id, student.name) for student in students)
        import_roster(
            application.database, event, RosterFile(path), options=ImportOptions(), at=at, by=by,
            erased=ErasedContacts(application.get(KeyRing)),
        )  # fmt: skip
    return DemoStudents(event.slug, len(students), _start(application, connector, at=at, by=by))


async def _list_first(connector: BillingConnector, count: int) -> list[ListedStudent]:
    async def pass_at_once() -> None:
        """Let the requests through: they are a few pages."""

    source, found = connector.open_source(pass_at_once), list[ListedStudent]()
    try:
        async for student in source.list_students():
            found.append(student)
            if len(found) == count:
                break
    finally:
        await source.aclose()
    return found


def _start(application: Application, connector: BillingConnector, *, at: datetime, by: str) -> int:
    try:
        return control.start_run(
            application.database, connector.name, limit=connector.limit, by=by, at=at
        ).run_id
    except SyncRunning as error:
        return int(str(error.details["run_id"]))
