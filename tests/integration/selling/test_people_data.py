"""A person is exported, erased and kept away: nothing names it any more, and all figures stay."""

import json
import re
import signal
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from sqlalchemy import Connection, Table, Text, cast, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from tests.plugins.billing_source import FAST, School, spp
from ticketing.app.billing_source import skip_erased
from ticketing.billing.sync.control import cancel_run, start_run
from ticketing.billing.sync.drive import BillingConnector, drive_next
from ticketing.billing.sync.run import SyncRun
from ticketing.catalogue.stock import Stock
from ticketing.crypto.keyring import KeyRing
from ticketing.documents.file_store import DocumentFolder
from ticketing.events.model import Event
from ticketing.notifications.campaigns.opt_out import opt_out_address
from ticketing.notifications.delivery import Channel
from ticketing.notifications.outbox_queries import NewDelivery, insert_deliveries
from ticketing.orders import review_flag_queries
from ticketing.orders.order import Buyer, ReviewFlag
from ticketing.orders.payment_attempt import AttemptState
from ticketing.people_data.allow_contacts import allow_contacts
from ticketing.people_data.apply_retention import RETENTION_ACTION, Retention
from ticketing.people_data.erase_person import ErasureRefused, PersonEraser
from ticketing.people_data.export_person import export_person
from ticketing.people_data.field_class import FieldClass
from ticketing.people_data.person import AmbiguousPerson
from ticketing.people_data.set_retention import set_retention
from ticketing.people_data.stored_files import CopyFolders
from ticketing.platform.db import incidents
from ticketing.platform.db.database import Database
from ticketing.platform.db.incidents import IncidentKind, Occurrence
from ticketing.platform.db.schema import metadata
from ticketing.platform.db.tables.billing import billing_sources, students
from ticketing.platform.db.tables.inbound_webhooks import inbound_webhooks
from ticketing.platform.db.tables.ledger import order_ledger
from ticketing.platform.db.tables.notifications import opt_outs
from ticketing.platform.db.tables.operations import audit_log
from ticketing.platform.db.tables.outbox import outbox
from ticketing.platform.db.tables.people import erasures
from ticketing.platform.db.tables.roster import guests
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.reporting.sales_invariant_queries import list_orders_with_mismatched_places
from ticketing.roster.erased_contacts import ERASED_REASON, ErasedContacts
from ticketing.roster.guests.edit_guest import edit_guest
from ticketing.roster.import_result import ImportOptions, ImportResult
from ticketing.roster.import_roster import import_roster
from ticketing.roster.model import RosterField
from ticketing.roster.sources.csv_file import RosterFile
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.selling.contacts.correct_contact import correct_contact
from ticketing.selling.ledger.queries import check_ledger_matches_sales
from ticketing.selling.payments import attempt_queries
from ticketing.selling.payments.attempt_queries import PaymentAttempt
from ticketing.selling.waiting_list.join_list import join_waiting_list
from ticketing.tickets.issuing.issue import issue_tickets
from ticketing.tickets.missing import count_eligibility

SITI = Buyer("email:siti@example.org", "Siti Rahmawati", "siti@example.org", "+6281234567890")
NEEDLES = re.compile(
    r"siti(?!on)|rahmawati|81234567890|NIM-777|87700001111|teknik nuklir", re.IGNORECASE
)
ROSTER = """nim,nama,email,hp,Fakultas
NIM-777,Siti Rahmawati,siti@example.org,0812-3456-7890,Teknik Nuklir
NIM-778,Budi Santoso,budi@example.org,,Hukum
NIM-779,,siti@example.org,,
NIM-780,Dewi,dewi@example.org,0812 salah,Hukum
"""
PDF = "wisuda-2026/TC-1.pdf"
KILLED = """
import os, pathlib, signal, sys
from datetime import datetime
from sqlalchemy import event
from ticketing.crypto.keyring import KeyRing
from ticketing.documents.file_store import DocumentFolder
from ticketing.people_data.apply_retention import RETENTION_ACTION, Retention
from ticketing.people_data.erase_person import ErasureRefused, PersonEraser
from ticketing.people_data.set_retention import set_retention
from ticketing.people_data.stored_files import CopyFolders
from ticketing.platform.db.database import Database

url, folder, at, plan, when = sys.argv[1:]
database = Database.from_url(url)
folder = pathlib.Path(folder)
if when == "before commit":
    event.listen(database.engine, "commit", lambda _: os.kill(os.getpid(), signal.SIGKILL))
eraser = PersonEraser(database, KeyRing(bytes(range(32))), DocumentFolder(folder),
                      CopyFolders([folder / "rejected"]))
eraser.apply(["siti@example.org"], plan, at=datetime.fromisoformat(at), by="test")
os.kill(os.getpid(), signal.SIGKILL)
"""

Import = Callable[..., ImportResult]


@pytest.fixture
def bring_in(
    database: Database, event: Event, keys: KeyRing, now: datetime, tmp_path: Path
) -> Import:
    """Return a function that imports the roster as the commands do, two weeks later or never."""

    def import_file(*, dry_run: bool = False) -> ImportResult:
        path = tmp_path / "roster.csv"
        path.write_text(ROSTER)
        rejected = tmp_path / "rejected" / "roster.rejected.csv"
        options = ImportOptions(
            kept=["Fakultas"], dry_run=dry_run, quarantine_path=None if dry_run else rejected
        )
        return import_roster(
            database, event, RosterFile(path), options=options, at=now, by="operator",
            erased=ErasedContacts(keys),
        )  # fmt: skip

    return import_file


@pytest.fixture
def siti(
    *,
    database: Database,
    event: Event,
    sell: Callable[..., int],
    bring_in: Import,
    place: Callable[..., PlacedOrder],
    begin_payment: Callable[[PlacedOrder], PaymentAttempt],
    store_notification: Callable[..., bool],
    receive_status: Callable[..., object],
    keys: KeyRing,
    job_id: int,
    now: datetime,
    tmp_path: Path,
) -> int:
    """Let Siti leave traces everywhere; return the ticket type of her order."""
    vip = sell("VIP", capacity=2)
    bring_in()
    edit_guest(
        database, event, "NIM-777", {RosterField.PHONE: "+6287700001111"}, by="office", at=now
    )
    placed = place((vip, 2), buyer=SITI)
    attempt = begin_payment(placed)
    body = {"order_id": attempt.key, "gross_amount": "100000.00", "customer": "Siti Rahmawati"}
    store_notification(attempt.key, "with a name", json.dumps(body).encode())
    receive_status(attempt, AttemptState.SETTLED, amount=100_000)
    correct_contact(
        database, keys, placed.order.code, "siti.baru@example.org", by="office", at=now,
        reason="Siti Rahmawati called from 0812 3456 7890",
    )  # fmt: skip
    join_waiting_list(database, event, vip, quantity=1, buyer=SITI, at=now, by="buyer")
    issue_tickets(database, event, keys=keys, job_id=job_id, at=now, by="test")
    opt_out_address(database, "siti@example.org", at=now, by="whatsapp")
    problem = "ticket of siti@example.org: no glyph"
    with database.transaction() as connection:
        incidents.record_occurrence(
            connection, Occurrence("document 1", IncidentKind.DOCUMENT, problem, now)
        )
        _send_everything(connection, now)
        first = select(func.min(generated_tickets.c.id)).scalar_subquery()
        connection.execute(
            update(generated_tickets)
            .where(generated_tickets.c.id == first)
            .values(pdf_file_path=PDF)
        )
    DocumentFolder(tmp_path, min_free_disk=0).write(PDF, b"%PDF-")
    return vip


def _send_everything(connection: Connection, now: datetime) -> None:
    rows = connection.execute(select(outbox.c.id, outbox.c.event_id, outbox.c.recipient)).all()
    failure = "550 <siti@example.org> unknown"
    insert_deliveries(
        connection,
        [
            NewDelivery(row.id, row.event_id, Channel.MAIL, row.recipient, failure=failure)
            for row in rows
        ],
        at=now,
    )


@pytest.fixture
def eraser(database: Database, keys: KeyRing, tmp_path: Path) -> PersonEraser:
    documents = DocumentFolder(tmp_path, min_free_disk=0)
    return PersonEraser(database, keys, documents, CopyFolders([tmp_path / "rejected"]))


@pytest.fixture
def afterwards(event: Event) -> datetime:
    return event.ends_at + timedelta(days=1)


def _texts(connection: Connection) -> Iterator[tuple[str, str]]:
    """Yield every row of every table as one text, stored bytes included."""
    for table in metadata.sorted_tables:
        body = [
            column
            for column in table.c
            if str(column.type) == "BLOB" or "BYTEA" in str(column.type)
        ]
        raw = [func.encode(column, "escape") for column in body]
        whole = func.to_jsonb(text(f'"{table.name}"'))
        for row in connection.execute(select(cast(whole, Text), *raw).select_from(table)):
            yield table.name, " ".join(str(value) for value in row)


def _naming(database: Database) -> dict[str, str]:
    with database.transaction() as connection:
        return {name: row for name, row in _texts(connection) if NEEDLES.search(row)}


def _figures(database: Database, stock: Stock) -> object:
    """Return the ledger, the stock, the differences of the books, and the rows of every table."""
    changed = {"audit_log", "erasures", "erased_contacts", "opt_outs"}

    def count(connection: Connection, table: Table) -> int:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()

    with database.transaction() as connection:
        ledger = connection.execute(select(order_ledger).order_by(order_ledger.c.id)).all()
        rows = {
            table.name: count(connection, table)
            for table in metadata.sorted_tables
            if table.name not in changed
        }
    return ledger, stock, check_ledger_matches_sales(database), rows


@pytest.mark.usefixtures("siti")
def test_everything_of_a_person_is_exported_without_secrets_and_the_export_is_recorded(
    database: Database, now: datetime
) -> None:
    found = export_person(database, ["siti@example.org"], all_matches=False, at=now, by="office")

    with zipfile.ZipFile(BytesIO(found.as_zip(";"))) as archive:
        document = json.loads(archive.read("person.json"))
        assert b"Siti Rahmawati" in archive.read("guests.csv")
    assert set(document["records"]) >= {
        "guests", "guest_changes", "entitlements", "generated_tickets", "orders", "order_lines",
        "payment_attempts", "order_ledger", "outbox", "deliveries", "waiting_list_entries",
        "opt_outs", "audit_log", "inbound_webhooks", "import_rejected_rows", "incidents",
    }  # fmt: skip
    assert "budi" not in found.as_json().lower()
    assert not found.as_json().count("qr_code_data") + found.as_json().count("token_hash")
    with database.transaction() as connection:
        query = select(*audit_log.c["actor", "items"]).where(audit_log.c.action == "people.export")
        assert connection.execute(query).all() == [("office", found.rows)]


def test_after_an_erasure_no_column_names_the_person_and_every_figure_is_the_same(
    *,
    database: Database,
    siti: int,
    eraser: PersonEraser,
    afterwards: datetime,
    stock_of: Callable[[int], Stock],
    bring_in: Import,
    tmp_path: Path,
) -> None:
    before = _figures(database, stock_of(siti))
    plan = eraser.plan(["siti@example.org"], at=afterwards)
    done = eraser.apply(["siti@example.org"], plan.plan_hash, at=afterwards, by="office")

    assert _naming(database) == {}
    assert _figures(database, stock_of(siti)) == before
    assert [path.name for path in tmp_path.rglob("*.pdf")] == []
    assert [path.name for path in tmp_path.rglob("*.rejected.csv")] == []
    assert done.counts == plan.counts
    assert eraser.apply(["siti@example.org"], plan.plan_hash, at=afterwards, by="x").repeated
    again = bring_in(dry_run=True)
    assert "1 row brings back" in " ".join(again.warnings)
    assert {one.field for one in again.row_warnings if one.reason == ERASED_REASON} == {
        "email", "phone", "external_id",
    }  # fmt: skip
    bring_in()
    assert allow_contacts(database, eraser.keys, ["siti@example.org"], by="office") == 5
    assert ERASED_REASON not in {one.reason for one in bring_in(dry_run=True).row_warnings}
    with database.transaction() as connection:
        assert list(connection.execute(select(opt_outs.c.address)).scalars()) == [
            "siti@example.org"
        ]


@pytest.mark.usefixtures("siti")
def test_synced_payment_records_are_exported_by_the_id_of_the_guest(
    database: Database, now: datetime
) -> None:
    with database.transaction() as connection:
        source = {"name": "school", "rate": 1.0, "is_learning": False, "refusals": 0}
        times = {"next_slot_at": now, "rate_changed_at": now}
        connection.execute(insert(billing_sources).values(source | times))
        of_siti = guests.c.full_name.startswith("Siti") & guests.c.external_id.is_not(None)
        listed = select(guests.c.external_id).where(of_siti).limit(1).scalar_subquery()
        known = {"source": "school", "name": "Siti", "listed_first_at": now}
        connection.execute(insert(students).values(known | {"external_id": listed}))
        connection.execute(insert(students).values(known | {"external_id": "somebody else"}))

    found = export_person(database, ["siti@example.org"], all_matches=False, at=now, by="office")

    assert [row["source"] for row in found.records["students"]] == ["school"]


@pytest.mark.usefixtures("siti")
def test_an_erasure_deletes_the_synced_student_who_does_not_come_back_with_the_next_sync(
    database: Database, eraser: PersonEraser, afterwards: datetime, school: School
) -> None:
    connector = BillingConnector("school", lambda _gate: school, limit=FAST)
    connector = skip_erased(connector, lambda: eraser.keys)

    def sync() -> SyncRun:
        at = datetime.now(UTC)
        start_run(database, "school", limit=FAST, by="test", at=at)
        run = drive_next(database, connector, clock=lambda: datetime.now(UTC))
        assert run is not None
        return run

    def synced() -> set[str]:
        with database.transaction() as connection:
            return set(connection.execute(select(students.c.external_id)).scalars())

    school.bills = {"NIM-777": [spp()], "NIM-779": [spp()], "NIM-9": [spp()]}
    sync()
    with database.transaction() as connection:
        named = students.c.external_id == "NIM-777"
        connection.execute(update(students).where(named).values(name="SITI Rahmawati"))
    plan = eraser.plan(["siti@example.org"], at=afterwards)
    start_run(database, "school", limit=FAST, by="test", at=afterwards)
    with pytest.raises(ErasureRefused, match="a sync of payment records is running"):
        eraser.apply(["siti@example.org"], plan.plan_hash, at=afterwards, by="office")
    cancel_run(database, "school", by="test", at=afterwards)
    eraser.apply(["siti@example.org"], plan.plan_hash, at=afterwards, by="office")
    after = synced()
    again = sync()

    assert plan.counts["students"] == 1  # an id alone, of an event without a rule, is nobody's
    assert after == {"NIM-779", "NIM-9"}
    assert synced() == after
    assert (again.total, again.succeeded) == (2, 2)


@pytest.mark.usefixtures("siti")
def test_live_tickets_prevent_an_erasure_unless_they_are_revoked(
    database: Database, event: Event, eraser: PersonEraser, now: datetime
) -> None:
    plan = eraser.plan(["siti@example.org"], at=now)
    assert ["live tickets of wisuda-2026" in each for each in plan.obstacles] == [True]
    with pytest.raises(ErasureRefused, match="--revoke-tickets"):
        eraser.apply(["siti@example.org"], plan.plan_hash, at=now, by="office")

    revoking = PersonEraser(
        database, eraser.keys, eraser.documents, eraser.copies, revoke_tickets=True
    )
    plan = revoking.plan(["siti@example.org"], at=now)
    revoking.apply(["siti@example.org"], plan.plan_hash, at=now, by="office")

    assert plan.live_tickets == 3
    assert _naming(database) == {}
    counts = count_eligibility(database, event, at=now)
    assert (counts.missing, counts.on_hold) == (0, 3)
    with database.transaction() as connection:
        assert not list_orders_with_mismatched_places(connection, paid_before=now, at=now)


def test_an_unfinished_order_prevents_an_erasure_and_each_reason_has_its_way_out(
    *,
    database: Database,
    sell: Callable[..., int],
    place: Callable[..., PlacedOrder],
    begin_payment: Callable[[PlacedOrder], PaymentAttempt],
    store_notification: Callable[..., bool],
    eraser: PersonEraser,
    now: datetime,
) -> None:
    placed = place((sell("VIP"), 1), buyer=SITI)
    order, attempt = placed.order, begin_payment(placed)
    store_notification(attempt.key, "not read yet")
    with database.transaction() as connection:
        pending = replace(attempt, state=AttemptState.PENDING)
        attempt_queries.update_attempt(connection, pending, at=now)
        review_flag_queries.raise_flag(
            connection, order.id, ReviewFlag.AMOUNT_DIFFERS, "paid too much", at=now
        )
        number = connection.execute(select(inbound_webhooks.c.id)).scalar_one()

    obstacles = eraser.plan([f"order:{order.code}"], at=now).obstacles

    assert [each.partition(";")[0] for each in obstacles] == [
        f"order {order.code} waits for its payment",
        f"order {order.code} has a payment that may still arrive",
        f"order {order.code} has an open question",
        f"notification {number} of the gateway is not processed yet",
    ]


@pytest.mark.kill
@pytest.mark.usefixtures("siti")
@pytest.mark.parametrize("when", ["before commit", "after commit"])
def test_a_killed_erasure_is_continued_by_the_same_plan(
    *,
    database: Database,
    database_url: str,
    eraser: PersonEraser,
    afterwards: datetime,
    run_script: Callable[..., CompletedProcess[str]],
    tmp_path: Path,
    when: str,
) -> None:
    plan = eraser.plan(["siti@example.org"], at=afterwards).plan_hash
    killed = run_script(KILLED, database_url, str(tmp_path), afterwards.isoformat(), plan, when)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not (tmp_path / PDF).exists()
    assert bool(_naming(database)) == (when == "before commit")

    done = eraser.apply(["siti@example.org"], plan, at=afterwards, by="office")

    assert done.repeated == (when == "after commit")
    assert _naming(database) == {}


@pytest.mark.usefixtures("siti")
def test_people_who_share_a_contact_are_never_merged(
    database: Database, event: Event, eraser: PersonEraser, afterwards: datetime
) -> None:
    edit_guest(
        database, event, "NIM-778", {RosterField.PHONE: "+6281234567890"}, by="x", at=afterwards
    )

    with pytest.raises(AmbiguousPerson, match="--all-matches") as refused:
        eraser.plan(["0812-3456-7890"], at=afterwards)

    assert "Budi Santoso" in {match.name for match in refused.value.matches}


def test_a_former_contact_that_somebody_else_has_now_stays_with_them(
    database: Database, event: Event, bring_in: Import, eraser: PersonEraser, afterwards: datetime
) -> None:
    bring_in()
    for who, phone in (("NIM-777", "+6287700001111"), ("NIM-778", "+6281234567890")):
        edit_guest(database, event, who, {RosterField.PHONE: phone}, by="office", at=afterwards)

    plan = eraser.plan(["siti@example.org"], at=afterwards)
    eraser.apply(["siti@example.org"], plan.plan_hash, at=afterwards, by="office")

    query = select(guests.c.full_name, guests.c.phone).order_by(guests.c.id)
    with database.transaction() as connection:
        assert connection.execute(query).all()[:2] == [
            ("[erased]", ""), ("Budi Santoso", "+6281234567890"),
        ]  # fmt: skip


def test_no_transaction_but_the_one_of_an_erasure_changes_the_audit_log(
    database: Database,
) -> None:
    recorded = insert(erasures).values(plan_hash="x", guest_ids=[], order_ids=[], erased_by="x")
    name_it = text("SELECT set_config('ticketing.erasure', max(id)::text, false) FROM erasures")
    change_actor, change_subject = (
        update(audit_log).values({it: ""}) for it in ("actor", "subject")
    )
    with database.transaction() as connection:
        connection.execute(recorded)
        connection.execute(name_it)
        connection.execute(insert(audit_log).values(actor="x", action="y"))
        connection.execute(change_subject)
        with pytest.raises(DBAPIError, match="only subject"), connection.begin_nested():
            connection.execute(change_actor)

    with pytest.raises(DBAPIError, match="append-only"):
        database.run(lambda connection: connection.execute(change_subject))


def test_retention_erases_what_its_rules_say_of_ended_events_and_records_each_step(
    *,
    database: Database,
    event: Event,
    siti: int,
    now: datetime,
    afterwards: datetime,
    stock_of: Callable[[int], Stock],
    tmp_path: Path,
) -> None:
    for field_class in FieldClass:
        set_retention(database, field_class, None, 1, by="office", at=afterwards)
    set_retention(database, FieldClass.NAMES, event, None, by="office", at=afterwards)
    before, copies = _figures(database, stock_of(siti)), CopyFolders([tmp_path / "rejected"])
    later = max(afterwards, datetime.now(UTC)) + timedelta(days=2)

    early = Retention(database, copies, now, "test").apply()
    preview = Retention(database, copies, later, "test", preview=True).apply()
    assert early == []
    assert _naming(database)
    done = Retention(database, copies, later, "test").apply()

    assert done == preview
    assert {one.field_class for one in done} == set(FieldClass) - {FieldClass.NAMES}
    assert _figures(database, stock_of(siti)) == before
    names_only = NEEDLES.pattern.replace(r"siti(?!on)|rahmawati|", "").replace("|NIM-777", "")
    left = {name for name, row in _naming(database).items() if re.search(names_only, row)}
    assert left <= {"audit_log"}
    with database.transaction() as connection:
        query = select(func.sum(audit_log.c["items"])).where(audit_log.c.action == RETENTION_ACTION)
        assert connection.execute(query).scalar_one() == sum(one.rows for one in done)
    assert Retention(database, copies, later, "test").apply() == []
