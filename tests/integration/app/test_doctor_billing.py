"""Tests of the doctor's check of the billing system."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.plugins.billing_source import FAST, School
from ticketing.app.container import open_application
from ticketing.app.doctor_billing import check_billing
from ticketing.app.findings import DoctorStatus
from ticketing.billing.sources.contract import FailureClass, SourceError
from ticketing.billing.sync.control import start_run
from ticketing.billing.sync.drive import BillingConnector, drive_next
from ticketing.platform.application import Application
from ticketing.platform.settings import Settings


@pytest.fixture
def application(tmp_path: Path, database_url: str, school: School) -> Iterator[Application]:
    """Open an installation in production with a source in memory."""
    settings = Settings(
        _env_file=None, data_path=tmp_path, database_url=SecretStr(database_url),
        master_secret=SecretStr("5e" * 32), midtrans_environment="sandbox",
        billing_url="http://school.invalid",
    )  # fmt: skip
    connector = BillingConnector("school", lambda _gate: school, FAST, 4)
    with open_application(settings) as opened:
        opened.register_value(BillingConnector, connector)
        yield opened


def sync(application: Application, _: School) -> None:
    """Complete a sync."""
    start_run(application.database, "school", limit=FAST, by="test", at=datetime.now(UTC))
    connector = application.get(BillingConnector)
    drive_next(application.database, connector, clock=lambda: datetime.now(UTC))


def break_list(_: Application, school: School) -> None:
    """Let the source refuse the list."""
    school.bills.clear()
    school.list_failure = SourceError(FailureClass.REFUSED, "the key was refused")


@pytest.mark.parametrize(
    ("prepare", "status", "detail"),
    [
        (sync, DoctorStatus.OK, "3 students, last sync"),
        (lambda *_: None, DoctorStatus.WARNING, "no sync was completed"),
        (break_list, DoctorStatus.FAILED, "the key was refused"),
    ],
)
def test_the_doctor_asks_the_source_and_says_how_the_last_sync_went(
    prepare: Callable[[Application, School], None], status: DoctorStatus, detail: str,
    application: Application, school: School,
) -> None:  # fmt: skip
    school.enrol(3)
    prepare(application, school)

    [finding] = check_billing(application)

    assert (finding.status, detail in finding.detail) == (status, True)
