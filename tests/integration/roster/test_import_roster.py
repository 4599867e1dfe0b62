"""Tests of the import: every row is inserted, updated, unchanged or rejected."""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, insert, select

from tests.plugins.properties import examples
from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.operations import audit_log
from ticketing.platform.db.tables.roster import entitlements, guests
from ticketing.platform.db.tables.roster import imports as imports_table
from ticketing.platform.kernel.errors import TicketingError, UnreadableFile, UnusableMapping
from ticketing.roster import import_queries
from ticketing.roster.import_result import ImportOptions, ImportResult
from ticketing.roster.import_roster import import_roster
from ticketing.roster.model import ImportCounts, RosterChange
from ticketing.roster.sources.csv_file import RosterFile
from ticketing.roster.sources.sql_query import RosterQuery

Import = Callable[..., ImportResult]
ReadGuests = Callable[[], dict[str, dict[str, str | None]]]
ReadRowVersions = Callable[[], list[tuple[str, int, str]]]

HEADER = "nim,nama,email,hp,jenis tiket,kursi,tahan"
SITI = "1,Siti,siti@example.org,081234567801,VIP,A1,"
BUDI = "2,Budi,budi@example.org,081234567802,,A2,belum foto"


def test_rows_become_entitled_guests(import_csv: Import, read_guests: ReadGuests) -> None:
    result = import_csv(HEADER, SITI, BUDI)

    assert result.counts == ImportCounts(inserted=2)
    assert read_guests() == {
        "id:1": {
            "external_id": "1", "first_name": "", "last_name": "", "full_name": "Siti",
            "email": "siti@example.org", "phone": "+6281234567801", "ticket_type": "VIP",
            "seat": "A1", "hold_reason": None, "state": "entitled",
        },
        "id:2": {
            "external_id": "2", "first_name": "", "last_name": "", "full_name": "Budi",
            "email": "budi@example.org", "phone": "+6281234567802", "ticket_type": "Regular",
            "seat": "A2", "hold_reason": "belum foto", "state": "entitled",
        },
    }  # fmt: skip


def test_an_entitlement_stores_its_import_and_line(import_csv: Import, database: Database) -> None:
    result = import_csv(HEADER, "", SITI)

    with database.transaction() as connection:
        origin = connection.execute(
            select(entitlements.c.import_id, entitlements.c.import_line)
        ).one()
    assert tuple(origin) == (result.import_id, 3)


def test_the_same_file_twice_changes_nothing(
    import_csv: Import, read_row_versions: ReadRowVersions
) -> None:
    import_csv(HEADER, SITI, BUDI)
    before = read_row_versions()

    again = import_csv(HEADER, SITI, BUDI)

    assert again.counts == ImportCounts(unchanged=2)
    assert read_row_versions() == before


def test_a_changed_file_updates_guests_and_lists_the_changes(
    import_csv: Import, read_guests: ReadGuests
) -> None:
    import_csv(HEADER, SITI, BUDI)

    result = import_csv(HEADER, SITI, "2,Budi Santoso,budi@example.org,081234567802,vip,,no")

    assert result.counts == ImportCounts(updated=1, unchanged=1)
    assert set(result.changes) == {
        RosterChange(3, "id:2", "full_name", "Budi", "Budi Santoso"),
        RosterChange(3, "id:2", "hold_reason", "belum foto", ""),
        RosterChange(3, "id:2", "ticket_type", "Regular", "vip"),
    }
    assert result.changed_fields == dict.fromkeys(["full_name", "hold_reason", "ticket_type"], 1)
    assert read_guests()["id:2"]["ticket_type"] == "VIP"


def test_an_unchanged_guest_among_changed_ones_is_not_written(
    import_csv: Import, read_row_versions: ReadRowVersions
) -> None:
    import_csv(HEADER, SITI, BUDI)
    before = read_row_versions()

    import_csv(HEADER, SITI, BUDI.replace("A2", "A3"))

    written = {(table, row) for table, row, _ in set(read_row_versions()) ^ set(before)}
    assert {table for table, _ in written} == {"entitlements"}
    assert len(written) == 1


def test_an_absent_column_keeps_the_stored_values(
    import_csv: Import, read_guests: ReadGuests
) -> None:
    import_csv(HEADER, SITI, BUDI)
    before = read_guests()

    result = import_csv("nim,nama", "1,Siti", "2,Budi")

    assert result.counts == ImportCounts(unchanged=2)
    assert read_guests() == before


def test_a_file_without_kinds_of_ticket_can_still_change_names(
    import_csv: Import, read_guests: ReadGuests
) -> None:
    import_csv(HEADER, SITI)

    result = import_csv("nim,nama", "1,Siti Aminah")

    assert result.counts == ImportCounts(updated=1)
    assert read_guests()["id:1"]["ticket_type"] == "VIP"


def test_an_absent_guest_is_kept_without_the_option_to_withdraw(
    import_csv: Import, read_guests: ReadGuests
) -> None:
    import_csv(HEADER, SITI, BUDI)

    import_csv(HEADER, SITI)

    assert read_guests()["id:2"]["state"] == "entitled"


def test_rejected_rows_keep_line_value_reason_and_the_whole_row(
    import_csv: Import, database: Database
) -> None:
    result = import_csv(HEADER, SITI, ',"Joko; ""J""",joko@,,,,')

    with database.transaction() as connection:
        rows = list(import_queries.list_rejected_rows(connection, result.import_id or 0))
    assert rows == list(result.quarantine)
    assert (rows[0].line, rows[0].field, rows[0].value) == (3, "email", "joko@")
    assert rows[0].cells == ("", 'Joko; "J"', "joko@", "", "", "", "")


def test_a_corrected_file_of_rejected_rows_imports_without_loss(
    import_csv: Import, database: Database, event: Event, now: datetime, tmp_path: Path
) -> None:
    aside = tmp_path / "aside.csv"
    import_csv(HEADER, SITI, "'03,,joko@example.org,+6281234567803,,A3,", quarantine_path=aside)
    mended = aside.read_text(encoding="utf-8-sig").replace(";;joko@", ";Joko;joko@", 1)
    aside.write_text(mended, encoding="utf-8-sig")

    result = import_roster(
        database, event, RosterFile(aside), options=ImportOptions(), at=now, by="operator"
    )

    assert result.counts == ImportCounts(inserted=1)
    assert result.ignored_columns == ["line", "field", "value", "reason"]


def test_without_rejected_rows_there_is_no_file_of_rejected_rows(
    import_csv: Import, tmp_path: Path
) -> None:
    import_csv(HEADER, SITI, quarantine_path=tmp_path / "aside.csv")

    assert not (tmp_path / "aside.csv").exists()


def test_an_identical_row_again_is_unchanged(import_csv: Import, read_guests: ReadGuests) -> None:
    result = import_csv(HEADER, SITI, SITI.replace("Siti", " Siti "), SITI)

    assert result.counts == ImportCounts(inserted=1, unchanged=2)
    assert len(read_guests()) == 1


def test_conflicting_data_for_the_same_guest_is_rejected_naming_the_line(
    import_csv: Import, read_guests: ReadGuests
) -> None:
    result = import_csv(HEADER, SITI, BUDI, "1,Sita,siti@example.org,081234567801,VIP,A9,")

    assert result.counts == ImportCounts(inserted=2, quarantined=1)
    assert result.quarantine[0].reason == "the same person as line 2, with another full_name, seat"
    assert read_guests()["id:1"]["full_name"] == "Siti"


def test_a_dry_run_reports_all_counts_and_writes_nothing(
    import_csv: Import, database: Database, tmp_path: Path
) -> None:
    aside = tmp_path / "aside.csv"

    result = import_csv(HEADER, SITI, ",Joko,joko@,,,,", dry_run=True, quarantine_path=aside)

    with database.transaction() as connection:
        written = [
            connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (guests, entitlements, ticket_types, imports_table, audit_log)
        ]
    assert (result.counts, result.import_id) == (ImportCounts(inserted=1, quarantined=1), None)
    assert "joko@" in aside.read_text(encoding="utf-8-sig")
    assert written == [0, 0, 0, 0, 0]


def test_a_dry_run_foretells_the_run(import_csv: Import) -> None:
    import_csv(HEADER, SITI)
    lines = (HEADER, SITI.replace("VIP", "Tamu"), BUDI, BUDI, ",Joko,joko@,,,,")

    foretold = import_csv(*lines, dry_run=True)
    done = import_csv(*lines)

    assert (foretold.counts, foretold.changes) == (done.counts, done.changes)


def test_the_history_shows_how_a_file_was_read(
    import_csv: Import, database: Database, event: Event
) -> None:
    result = import_csv(HEADER, SITI, BUDI, ",Joko,joko@,,,,")

    with database.transaction() as connection:
        (line,) = import_queries.list_imports(connection, event.id)
    assert (line.id, line.state, line.source_name) == (result.import_id, "completed", "roster.csv")
    assert (line.total_rows, line.inserted, line.rejected) == (3, 2, 1)
    assert (line.sha256, line.encoding, line.delimiter) == (result.digest, "utf-8", ",")
    assert line.mapping["columns"] == HEADER.split(",")
    assert line.mapping["fields"] == result.mapping


def test_content_is_known_as_imported_only_after_a_completed_import(
    import_csv: Import, database: Database, event: Event
) -> None:
    dry = import_csv(HEADER, SITI, dry_run=True)
    with database.transaction() as connection:
        before = import_queries.find_completed_by_digest(connection, event.id, dry.digest)

    done = import_csv(HEADER, SITI)

    with database.transaction() as connection:
        after = import_queries.find_completed_by_digest(connection, event.id, done.digest)
    assert (before, after and after.id) == (None, done.import_id)


def test_an_import_is_audited(import_csv: Import, database: Database) -> None:
    result = import_csv(HEADER, SITI, BUDI)

    with database.transaction() as connection:
        line = connection.execute(select(audit_log)).mappings().one()
    assert (line["actor"], line["action"], line["items"]) == ("operator", "import roster", 2)
    assert line["details"]["import_id"] == result.import_id
    assert line["details"]["inserted"] == 2


def test_a_result_is_json(import_csv: Import) -> None:
    import_csv(HEADER, SITI)

    said = json.loads(json.dumps(import_csv(HEADER, SITI.replace("A1", "A7"), "x").as_dict()))

    assert (said["total"], said["updated"], said["quarantined"]) == (2, 1, 1)
    assert said["changes"][0]["new"] == "A7"
    assert said["quarantine"][0]["cells"] == ["x"]


@pytest.mark.parametrize(
    ("lines", "options", "error"),
    [
        (["", ""], {}, UnreadableFile),
        ([HEADER], {}, UnreadableFile),
        (["1,Siti,siti@example.org"], {}, UnreadableFile),
        (["nim,kursi", "1,A"], {}, UnusableMapping),
        ([HEADER, SITI], {"mapping": {"nama": "seat", "nim": "seat"}}, UnusableMapping),
        ([HEADER, SITI], {"encoding": "klingon"}, UnreadableFile),
        (["nim,nama,tiket", *(f"{n},Siti,kind {n}" for n in range(1, 102))], {}, UnusableMapping),
        (["nim,nama", "1," + "x" * 300_000], {}, UnreadableFile),
        ([HEADER, *[SITI] * 5000, "2,Bu\0di,,,,,"], {"encoding": "latin-1"}, UnreadableFile),
    ],
)  # fmt: skip
def test_a_refused_file_changes_nothing_and_is_in_the_history(
    import_csv: Import,
    database: Database,
    event: Event,
    lines: list[str],
    options: dict[str, object],
    error: type[TicketingError],
) -> None:
    with pytest.raises(error) as refusal:
        import_csv(*lines, **options)

    with database.transaction() as connection:
        (line,) = import_queries.list_imports(connection, event.id)
        written = connection.execute(select(func.count()).select_from(guests)).scalar_one()
    assert (line.state, line.message, written) == ("failed", str(refusal.value), 0)


def test_kinds_of_ticket_are_one_however_they_are_written(
    import_csv: Import, read_guests: ReadGuests
) -> None:
    import_csv("nim,nama,tiket", "1,Siti,VIP", "2,Budi,vip", "3,Joko,Vip")

    assert {person["ticket_type"] for person in read_guests().values()} == {"VIP"}


def test_progress_is_reported_to_the_last_row(
    database: Database, event: Event, now: datetime, tmp_path: Path
) -> None:
    path = tmp_path / "roster.csv"
    path.write_text("nim,nama\n" + "".join(f"{n},Guest\n" for n in range(1, 25_001)))
    told: list[tuple[int, ImportCounts]] = []

    import_roster(
        database, event, RosterFile(path), options=ImportOptions(chunk=10_000), at=now,
        by="operator", progress=lambda rows, counts: told.append((rows, counts)),
    )  # fmt: skip

    assert told[:2] == [(10_000, ImportCounts()), (20_000, ImportCounts())]
    assert told[-1] == (25_000, ImportCounts(inserted=25_000))
    assert [counts.inserted for _, counts in told] == sorted(counts.inserted for _, counts in told)


@pytest.mark.usefixtures("fresh_database_url")
def test_rows_of_the_operators_own_table_are_imported(
    database: Database, database_url: str, event: Event, now: datetime, read_guests: ReadGuests
) -> None:
    with database.transaction() as connection:
        connection.exec_driver_sql("CREATE TABLE mahasiswa (number int, name text, mail text)")
        connection.exec_driver_sql("INSERT INTO mahasiswa VALUES (7, 'Siti', 'siti@example.org')")
    query = RosterQuery(database_url, "SELECT number AS nim, name AS nama, mail FROM mahasiswa")

    first, second = (
        import_roster(database, event, query, options=ImportOptions(), at=now, by="operator")
        for _ in range(2)
    )

    assert (first.counts, second.counts) == (ImportCounts(inserted=1), ImportCounts(unchanged=1))
    assert read_guests()["id:7"]["email"] == "siti@example.org"


def test_a_query_cannot_write(
    database: Database, database_url: str, event: Event, now: datetime
) -> None:
    writing = "SELECT nextval('guests_id_seq') AS nim, 'Siti' AS nama"
    query = RosterQuery(database_url, writing)

    with pytest.raises(UnreadableFile, match="read-only"):
        import_roster(database, event, query, options=ImportOptions(), at=now, by="operator")


def test_the_same_guest_at_two_events_is_independent(
    database: Database, event: Event, import_csv: Import, read_guests: ReadGuests
) -> None:
    with database.transaction() as connection:
        kind = connection.execute(
            insert(ticket_types)
            .values(event_id=event.id, name="Regular")
            .returning(ticket_types.c.id)
        ).scalar_one()

    import_csv("nim,nama", "1,Siti")

    with database.transaction() as connection:
        used = connection.execute(select(entitlements.c.ticket_type_id)).scalar_one()
    assert (used, list(read_guests())) == (kind, ["id:1"])


cells = st.sampled_from(["", "1", "2", "3"])
rows = st.lists(
    st.tuples(
        cells,
        st.sampled_from(["Siti", "Budi", "", "  siti "]),
        st.sampled_from(["", "a@example.org", "A@Example.org", "b@example.org", "b@"]),
        st.sampled_from(["", "081234567801", "81234567801", "081234567802", "1"]),
    ).map(",".join),
    min_size=1,
    max_size=8,
)


@settings(
    max_examples=examples(15),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(rows, rows)
@example(["1,Siti,a@example.org,"], [",Siti,a@example.org,", "1,Siti,,"])
@pytest.mark.slow
def test_the_four_counts_add_up_and_a_second_import_changes_nothing(
    import_csv: Import,
    database: Database,
    read_row_versions: ReadRowVersions,
    first: list[str],
    second: list[str],
) -> None:
    with database.transaction() as connection:
        connection.exec_driver_sql("TRUNCATE guests, imports CASCADE")
    header = "nim,nama,email,hp"

    results = [import_csv(header, *lines, "9,Last,,") for lines in (first, second)]
    before = read_row_versions()
    again = import_csv(header, *second, "9,Last,,")

    assert results[1].counts.rows == results[1].total
    assert (again.counts.inserted, again.counts.updated) == (0, 0)
    assert again.counts.quarantined == results[1].counts.quarantined
    assert read_row_versions() == before
