from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

from ticketing.documents.file_store import DocumentFolder
from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.events import events as events_table
from ticketing.platform.db.tables.operations import audit_log
from ticketing.platform.db.tables.roster import entitlements, guests
from ticketing.platform.db.tables.tickets import batches, generated_tickets
from ticketing.tickets.rendering.retention_queries import DocumentRemoval, delete_expired_documents


@pytest.fixture
def folder(tmp_path: Path) -> DocumentFolder:
    return DocumentFolder(tmp_path / "documents", min_free_disk=0)


@pytest.fixture
def paths(database: Database, event: Event, folder: DocumentFolder, now: datetime) -> list[str]:
    """Create three printed tickets of 10 bytes each, the last of them revoked."""
    placed = []
    with database.transaction() as connection:
        kind = connection.execute(
            insert(ticket_types).values(event_id=event.id, name="VIP")
        ).inserted_primary_key[0]
        job = connection.execute(
            insert(batches).values(
                batch_key="job",
                event_id=event.id,
                template_id="plain",
                requested_by="test",
                started_at=now,
            )
        ).inserted_primary_key[0]
        for number in range(3):
            person = connection.execute(
                insert(guests).values(
                    event_id=event.id, natural_key=f"id:{number}", full_name="Ayu"
                )
            ).inserted_primary_key[0]
            attendee = connection.execute(
                insert(entitlements).values(event_id=event.id, guest_id=person, ticket_type_id=kind)
            ).inserted_primary_key[0]
            code = f"TC-2026-{number:08}"
            path = folder.path_for(event.slug, code)
            folder.write(path, b"0123456789")
            placed.append(path)
            connection.execute(
                insert(generated_tickets).values(
                    event_id=event.id,
                    entitlement_id=attendee,
                    guest_id=person,
                    job_id=job,
                    ticket_code=code,
                    token_id=number.to_bytes(10, "big"),
                    qr_code_data=code,
                    key_generation=1,
                    valid_from=now,
                    valid_until=now,
                    template_id="plain",
                    issued_at=now,
                    pdf_file_path=path,
                    pdf_bytes=10,
                    state="revoked" if number == 2 else "live",
                    revoked_at=now if number == 2 else None,
                )
            )
    return placed


@pytest.fixture
def clean_up(
    database: Database, folder: DocumentFolder, event: Event
) -> Callable[..., list[DocumentRemoval]]:
    """Return a function that applies a retention of 30 days, some days after the event."""

    def run(*, days_after: int, dry_run: bool = False) -> list[DocumentRemoval]:
        at = event.ends_at + timedelta(days=days_after)
        return delete_expired_documents(
            database, folder, at=at, days=30, by="schedule", dry_run=dry_run
        )

    return run


def test_documents_of_an_event_long_over_are_deleted_revoked_ones_too(
    clean_up: Callable[..., list[DocumentRemoval]],
    paths: list[str],
    folder: DocumentFolder,
    event: Event,
) -> None:
    removed = clean_up(days_after=31)

    assert removed == [DocumentRemoval(event.slug, event.ends_at, documents=3, size=30)]
    assert [folder.exists(path) for path in paths] == [False] * 3


def test_the_rows_say_when_and_keep_the_path_as_evidence(
    clean_up: Callable[..., list[DocumentRemoval]],
    paths: list[str],
    database: Database,
    event: Event,
) -> None:
    clean_up(days_after=31)

    with database.transaction() as connection:
        rows = connection.execute(
            select(generated_tickets.c.pdf_removed_at, generated_tickets.c.pdf_file_path)
        ).all()
    assert sorted(path for _, path in rows) == sorted(paths)
    assert {at for at, _ in rows} == {event.ends_at + timedelta(days=31)}


def test_the_removal_is_audited(
    clean_up: Callable[..., list[DocumentRemoval]],
    paths: list[str],
    database: Database,
    event: Event,
) -> None:
    clean_up(days_after=31)

    with database.transaction() as connection:
        line = connection.execute(select(audit_log)).mappings().one()
    assert (line["actor"], line["action"]) == ("schedule", "documents.remove")
    assert (line["event_id"], line["items"], line["details"]) == (
        event.id,
        len(paths),
        {"bytes": 30},
    )


@pytest.mark.parametrize("days_after", [-5, 0, 29, 30])
def test_documents_stay_until_the_time_is_over(
    clean_up: Callable[..., list[DocumentRemoval]],
    paths: list[str],
    folder: DocumentFolder,
    days_after: int,
) -> None:
    assert clean_up(days_after=days_after) == []
    assert all(map(folder.exists, paths))


def test_a_dry_run_reports_and_removes_nothing(
    clean_up: Callable[..., list[DocumentRemoval]],
    paths: list[str],
    folder: DocumentFolder,
    database: Database,
    event: Event,
) -> None:
    foreseen = clean_up(days_after=31, dry_run=True)

    assert foreseen == [DocumentRemoval(event.slug, event.ends_at, documents=3, size=30)]
    assert all(map(folder.exists, paths))
    with database.transaction() as connection:
        assert connection.execute(select(audit_log)).all() == []


def test_cleaning_up_twice_finds_nothing_the_second_time(
    clean_up: Callable[..., list[DocumentRemoval]], paths: list[str]
) -> None:
    assert paths
    clean_up(days_after=31)

    assert clean_up(days_after=32) == []


def test_a_run_killed_between_file_and_row_is_finished_by_the_next(
    clean_up: Callable[..., list[DocumentRemoval]],
    paths: list[str],
    folder: DocumentFolder,
    event: Event,
) -> None:
    folder.delete(paths[0])

    assert clean_up(days_after=31) == [
        DocumentRemoval(event.slug, event.ends_at, documents=3, size=20)
    ]
    assert clean_up(days_after=31) == []


def test_an_event_still_to_come_is_left_alone(
    clean_up: Callable[..., list[DocumentRemoval]],
    paths: list[str],
    folder: DocumentFolder,
    database: Database,
) -> None:
    with database.transaction() as connection:
        later = events_table.c.ends_at + timedelta(days=365)
        connection.execute(update(events_table).values(ends_at=later))

    assert clean_up(days_after=31) == []
    assert all(map(folder.exists, paths))
