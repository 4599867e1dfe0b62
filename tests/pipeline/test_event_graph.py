"""Tests of the whole graph for one event: from guests to tickets, PDFs and report."""

import csv
import os
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import func, select, update

from ticketing.documents.file_store import DocumentFolder
from ticketing.events import queries as event_queries
from ticketing.events.model import Event
from ticketing.platform.application import Application
from ticketing.platform.db.tables.roster import entitlements
from ticketing.platform.db.tables.tickets import batches, generated_tickets
from ticketing.tickets.issuing.reissue import plan_reissue
from ticketing.tickets.reports import queries as report_queries

LIST = """\
id;nama;email;jenis
30001;Citra Dewi;citra@example.org;Wisudawan
30002;Dimas Putra;dimas@example.org;Wisudawan
30003;;tanpa.nama@example.org;Wisudawan
"""


@pytest.fixture
def roster_file(tmp_path: Path) -> Path:
    """Write a roster of two more guests and a row without a name."""
    path = tmp_path / "list.csv"
    path.write_text(LIST, encoding="utf-8")
    return path


def test_one_run_gives_each_guest_a_ticket_a_pdf_and_a_line_in_the_report(
    location: dg.Definitions, instance: dg.DagsterInstance, application: Application, roster: Event
) -> None:
    job = location.resolve_job_def("issue_event_tickets")

    result = job.execute_in_process(instance=instance, partition_key=roster.slug)

    with application.database.transaction() as connection:
        printed = list(report_queries.iter_live_tickets(connection, roster.id))
    assert len(printed) == 5
    assert all(
        application.get(DocumentFolder).exists(ticket.pdf_file_path or "") for ticket in printed
    )
    report = result.asset_materializations_for_node("generation_report")[0].metadata
    assert (report["entitled"].value, report["generated"].value) == (5, 5)
    counted = {
        event.materialization.asset_key.to_user_string(): event.materialization.metadata[
            "dagster/row_count"
        ].value
        for event in result.get_asset_materialization_events()
    }
    assert counted == dict.fromkeys(
        ("entitlements", "tickets", "ticket_pdfs", "generation_report"), 5
    ) | {"missing_tickets": 5, "payment_matches": 0}
    assert [
        check.check_name for check in result.get_asset_check_evaluations() if not check.passed
    ] == []


def test_the_launchpad_reissues_the_named_guests_by_a_plan_and_refuses_a_stale_one(
    location: dg.Definitions, instance: dg.DagsterInstance, application: Application, issued: Event
) -> None:
    with application.database.transaction() as connection:
        ids = list(connection.execute(select(generated_tickets.c.guest_id).limit(2)).scalars())
        event = event_queries.get(connection, issued.slug)
    plan = plan_reissue(application.database, event, guest_ids=ids)
    config = {"ids": ids, "reissue_plan": plan.plan_hash}

    applied, repeated = (
        location.resolve_job_def("issue_event_tickets").execute_in_process(
            instance=instance,
            partition_key=issued.slug,
            asset_selection=[dg.AssetKey("tickets")],
            run_config={"ops": {"tickets": {"config": config}}},
            raise_on_error=False,
        )
        for _ in range(2)
    )

    (done,) = applied.asset_materializations_for_node("tickets")
    assert done.metadata["reissued"].value == 2
    assert done.metadata["dagster/row_count"].value == 5
    assert not repeated.success


def test_a_second_run_makes_nothing(
    location: dg.Definitions, instance: dg.DagsterInstance, issued_by_run: Event
) -> None:
    job = location.resolve_job_def("issue_event_tickets")

    again = job.execute_in_process(instance=instance, partition_key=issued_by_run.slug)

    tickets = again.asset_materializations_for_node("tickets")[0].metadata
    pdfs = again.asset_materializations_for_node("ticket_pdfs")[0].metadata
    assert (tickets["created"].value, tickets["skipped"].value) == (0, 5)
    assert (pdfs["rendered"].value, pdfs["unchanged"].value) == (0, 5)


@pytest.mark.usefixtures("issued_by_run")
def test_a_run_is_one_completed_batch(application: Application) -> None:
    with application.database.transaction() as connection:
        (batch,) = connection.execute(select(batches)).mappings().all()

    assert batch["state"] == "completed"
    assert (batch["created_count"], batch["rendered_count"]) == (5, 5)
    assert batch["dagster_run_id"] in batch["batch_key"]


def test_a_guest_on_hold_is_missing_with_the_reason(
    location: dg.Definitions, instance: dg.DagsterInstance, application: Application, roster: Event
) -> None:
    with application.database.transaction() as connection:
        first = select(func.min(entitlements.c.id)).scalar_subquery()
        person = update(entitlements).where(entitlements.c.id == first)
        connection.execute(person.values(hold_reason="fee unpaid"))
    job = location.resolve_job_def("issue_event_tickets")

    result = job.execute_in_process(instance=instance, partition_key=roster.slug)

    gap = result.asset_materializations_for_node("missing_tickets")[0].metadata
    report = result.asset_materializations_for_node("generation_report")[0].metadata
    assert (gap["missing"].value, gap["on hold"].value) == (4, 1)
    assert "fee unpaid" in report["without a PDF"].value
    assert all(check.passed for check in result.get_asset_check_evaluations())


def test_the_report_lists_every_guest_once(issued_by_run: Event, application: Application) -> None:
    path = (
        application.get(DocumentFolder).root
        / issued_by_run.slug
        / "report"
        / "generation-report.csv"
    )

    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))

    assert [row["external_id"] for row in rows] == [f"2026{number}" for number in range(5)]
    assert {row["verdict"] for row in rows} == {"generated"}


@pytest.mark.usefixtures("issued_by_run")
def test_no_token_reaches_a_log_line_or_metadata(
    instance: dg.DagsterInstance, application: Application
) -> None:
    with application.database.transaction() as connection:
        tokens = connection.execute(select(generated_tickets.c.qr_code_data)).scalars().all()

    (run,) = instance.get_runs()
    told = "\n".join(str(entry) for entry in instance.all_logs(run.run_id))

    assert [token for token in tokens if token in told] == []


def test_a_roster_file_adds_guests_and_counts_every_row(
    location: dg.Definitions, instance: dg.DagsterInstance, roster: Event, roster_file: Path
) -> None:
    job = location.resolve_job_def("import_roster")

    result = job.execute_in_process(
        instance=instance,
        partition_key=roster.slug,
        run_config={"ops": {"entitlements": {"config": {"path": os.fspath(roster_file)}}}},
    )

    said = result.asset_materializations_for_node("entitlements")[0].metadata
    counts = [said[name].value for name in ("rows", "inserted", "rejected", "entitled")]
    assert counts == [3, 2, 1, 7]  # five were there before
    assert all(check.passed for check in result.get_asset_check_evaluations())


def test_an_invalid_file_fails_at_once_with_our_error(
    location: dg.Definitions, instance: dg.DagsterInstance, roster: Event, tmp_path: Path
) -> None:
    result = location.resolve_job_def("import_roster").execute_in_process(
        instance=instance,
        partition_key=roster.slug,
        raise_on_error=False,
        run_config={
            "ops": {"entitlements": {"config": {"path": os.fspath(tmp_path / "nowhere.csv")}}}
        },
    )

    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert "nowhere.csv" in failure.step_failure_data.user_failure_data.description
    assert not [event for event in result.all_events if event.is_step_up_for_retry]
