"""Tests of the asset and the check of payment matches."""

from datetime import UTC, datetime

import dagster as dg
import pytest
from sqlalchemy import text

from tests.plugins.billing_source import FAST, School, spp
from ticketing.billing.sync.control import start_run
from ticketing.billing.sync.drive import BillingConnector, drive_next
from ticketing.events.model import Event
from ticketing.platform.application import Application


def sync(application: Application) -> None:
    """Sync the payment records of the source in memory."""
    start_run(application.database, "school", limit=FAST, by="test", at=datetime.now(UTC))
    connector = application.get(BillingConnector)
    drive_next(application.database, connector, clock=lambda: datetime.now(UTC))


@pytest.fixture
def settled(application: Application, roster: Event, school: School) -> Event:
    """Let the event require settled payments, which four of five guests have made."""
    for number in range(5):
        school.bills[f"2026{number}"] = [spp(paid=350_000 if number else 0)]
    application.register_value(
        BillingConnector, BillingConnector("school", lambda _gate: school, FAST, 4)
    )
    sync(application)
    with application.database.transaction() as connection:
        connection.execute(text("UPDATE events SET payment_rule = 'no-arrears'"))
    return roster


def test_only_the_settled_get_a_ticket_and_later_arrears_are_reported(
    location: dg.Definitions, instance: dg.DagsterInstance, application: Application,
    settled: Event, school: School,
) -> None:  # fmt: skip
    job = location.resolve_job_def("issue_event_tickets")
    run = job.execute_in_process(instance=instance, partition_key=settled.slug)
    matches, missing = (
        run.asset_materializations_for_node(name)[0].metadata
        for name in ("payment_matches", "missing_tickets")
    )
    school.bills["20261"] = [spp()]
    sync(application)
    job.execute_in_process(instance=instance, partition_key=settled.slug)
    checked = location.resolve_job_def("check_event").execute_in_process(
        instance=instance, partition_key=settled.slug, raise_on_error=False
    )

    assert (matches["settled"].value, matches["on hold"].value) == (4, 1)
    assert (missing["missing"].value, missing["on hold"].value) == (4, 1)
    [found] = [
        one for one in checked.get_asset_check_evaluations()
        if one.check_name == "ticket_holders_have_settled"
    ]  # fmt: skip
    assert not found.passed
    assert found.severity is dg.AssetCheckSeverity.WARN
    assert "unpaid: SPP" in str(found.description)
    with application.database.transaction() as connection:
        live = connection.execute(
            text("SELECT count(*) FROM generated_tickets WHERE state = 'live'")
        )
        assert live.scalar_one() == 4
