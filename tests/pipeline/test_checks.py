"""Tests of the asset checks of an event: each detects its kind of damage, and only that."""

from collections.abc import Callable
from datetime import datetime
from hashlib import sha256
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import func, insert, select, text, update

from sensors.run_failures import run_failures
from ticketing.documents.file_store import DocumentFolder
from ticketing.events.model import Event
from ticketing.platform.application import Application
from ticketing.platform.db import incidents
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.roster import entitlements, imports
from ticketing.platform.db.tables.tickets import generated_tickets

Examination = Callable[[], dict[str, dg.AssetCheckEvaluation]]


@pytest.fixture
def pdfs(application: Application, issued: Event) -> list[Path]:
    """Return the event's PDFs on disk, in the order of their codes."""
    return sorted(
        (application.get(DocumentFolder).root / issued.slug).glob("*/TC-*.pdf"),
        key=lambda pdf: pdf.name,
    )


def test_correct_results_pass_every_check(check_results: Examination) -> None:
    verdicts = check_results()

    assert len(verdicts) == 8
    assert [name for name, check in verdicts.items() if not check.passed] == []


def test_a_wrong_signature_stops_the_pdfs_and_is_no_failed_run(
    location: dg.Definitions,
    instance: dg.DagsterInstance,
    application: Application,
    issued: Event,
) -> None:
    with application.database.transaction() as connection:
        forged = func.overlay(generated_tickets.c.qr_code_data, "AAAAAAAA", 80)
        connection.execute(update(generated_tickets).values(qr_code_data=forged))

    run = location.resolve_job_def("issue_event_tickets").execute_in_process(
        instance=instance,
        partition_key=issued.slug,
        asset_selection=[dg.AssetKey("tickets"), dg.AssetKey("ticket_pdfs")],
        raise_on_error=False,
    )
    run_failures(dg.build_sensor_context(instance=instance, resources={"application": application}))

    assert not run.success
    assert [
        event.materialization.asset_key.to_user_string()
        for event in run.get_asset_materialization_events()
    ] == ["tickets"]
    assert application.database.run(incidents.list_open) == []


def test_a_check_covers_its_event_alone(
    check_results: Examination, instance: dg.DagsterInstance, issued: Event
) -> None:
    key = check_results()["ticket_pdfs_exist"].asset_check_key

    known = instance.event_log_storage.get_asset_check_partition_info([key])

    assert [info.partition_key for info in known] == [issued.slug]


def test_a_deleted_pdf_is_missed(check_results: Examination, pdfs: list[Path]) -> None:
    pdfs[0].unlink()

    check = check_results()["ticket_pdfs_exist"]

    assert not check.passed
    assert check.metadata["violations"].value == 1
    assert pdfs[0].stem in (check.description or "")
    assert (check.description or "").endswith("ticketing generate-tickets --event wisuda-2026")


def test_an_altered_pdf_is_noticed(check_results: Examination, pdfs: list[Path]) -> None:
    pdfs[0].write_bytes(pdfs[0].read_bytes() + b"%")

    verdicts = check_results()

    assert verdicts["ticket_pdfs_exist"].passed
    assert not verdicts["ticket_pdfs_unaltered"].passed


def test_a_pdf_with_another_tickets_qr_is_noticed(
    check_results: Examination, pdfs: list[Path], database: Database
) -> None:
    pdfs[0].write_bytes(pdfs[1].read_bytes())
    digest = sha256(pdfs[1].read_bytes()).hexdigest()
    with database.transaction() as connection:
        tickets = update(generated_tickets).values(pdf_sha256=digest)
        connection.execute(tickets.where(generated_tickets.c.ticket_code == pdfs[0].stem))

    check = check_results()["ticket_pdfs_unaltered"]

    assert not check.passed
    assert "the QR code of another ticket" in (check.description or "")


def test_a_forged_signature_is_noticed(check_results: Examination, database: Database) -> None:
    with database.transaction() as connection:
        forged = func.overlay(generated_tickets.c.qr_code_data, "AAAAAAAA", 80)
        first = select(func.min(generated_tickets.c.id)).scalar_subquery()
        ticket = update(generated_tickets).where(generated_tickets.c.id == first)
        connection.execute(ticket.values(qr_code_data=forged))

    check = check_results()["ticket_signatures_valid"]

    assert not check.passed
    assert "bad signature" in (check.description or "")


def test_a_revoked_ticket_is_a_missing_ticket(
    check_results: Examination, database: Database, now: datetime
) -> None:
    with database.transaction() as connection:
        first = select(func.min(generated_tickets.c.id)).scalar_subquery()
        ticket = update(generated_tickets).where(generated_tickets.c.id == first)
        connection.execute(ticket.values(state="revoked", revoked_at=now))

    verdicts = check_results()

    assert not verdicts["no_missing_tickets"].passed
    assert verdicts["ticket_signatures_valid"].metadata["total"].value == 4


@pytest.mark.usefixtures("fresh_database_url")
def test_two_live_tickets_of_one_guest_are_noticed_without_the_index(
    check_results: Examination, database: Database
) -> None:
    with database.transaction() as connection:
        connection.execute(text("DROP INDEX uq_generated_tickets_live_entitlement"))
        first = select(func.min(entitlements.c.id)).scalar_subquery()
        whose = select(entitlements.c.guest_id).where(entitlements.c.id == first).scalar_subquery()
        connection.execute(update(generated_tickets).values(entitlement_id=first, guest_id=whose))

    check = check_results()["no_duplicate_tickets"]

    assert not check.passed
    assert "5 live tickets" in (check.description or "")


def test_an_outdated_report_fails_its_check(check_results: Examination, database: Database) -> None:
    with database.transaction() as connection:
        first = select(func.min(entitlements.c.id)).scalar_subquery()
        person = update(entitlements).where(entitlements.c.id == first)
        connection.execute(person.values(state="withdrawn"))

    check = check_results()["report_matches_tickets"]

    assert not check.passed
    assert check.metadata["violations"].value == 1


def test_a_lost_rejected_row_is_noticed(
    check_results: Examination, database: Database, issued: Event, now: datetime
) -> None:
    with database.transaction() as connection:
        connection.execute(
            insert(imports).values(
                event_id=issued.id, source_kind="file", source_name="list.csv", state="completed",
                total_rows=6, inserted=5, rejected=1, requested_by="test", started_at=now,
            )
        )  # fmt: skip

    check = check_results()["import_totals_match"]

    assert not check.passed
    assert "1 rows were rejected, 0 are kept" in (check.description or "")
