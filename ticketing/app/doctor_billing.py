"""Doctor's check of the billing system: whether it answers, and how old the records are."""

import asyncio
from collections.abc import Iterator

from ticketing.app.findings import DoctorFinding, failed, ok, warning
from ticketing.billing.sources.contract import SourceError
from ticketing.billing.sync.drive import BillingConnector
from ticketing.monitoring import billing_queries
from ticketing.platform.application import Application
from ticketing.platform.kernel.wall_clock import format_clock

TIMEOUT_SECONDS = 20.0
_SUBJECT, _SYNC = "billing", "`ticketing sync-payments`"


def check_billing(application: Application) -> Iterator[DoctorFinding]:
    """Ask for the first student of the list; nothing is stored.

    A rehearsal's simulator has an address only while `ticketing up` runs.
    """
    connector, settings = application.find(BillingConnector), application.settings
    if connector is None or not (settings.billing_url or settings.billing_database_url):
        return
    try:
        first = asyncio.run(_find_first_student(connector))
    except (SourceError, TimeoutError) as error:
        reason = str(error) or f"no answer within {TIMEOUT_SECONDS:g} s"
        hint = "correct BILLING_URL and its credentials"
        yield failed(_SUBJECT, f"{connector.name}: {reason}", hint)
        return
    if first is None:
        yield warning(_SUBJECT, f"{connector.name} lists no students", "check the mapping file")
        return
    yield from _describe_records(application, connector)


async def _find_first_student(connector: BillingConnector) -> str | None:
    async def pass_at_once() -> None:
        """Let the request through: it is one."""

    source = connector.open_source(pass_at_once)
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            async for student in source.list_students():
                return student.external_id
            return None
    finally:
        await source.aclose()


def _describe_records(
    application: Application, connector: BillingConnector
) -> Iterator[DoctorFinding]:
    figures = application.database.run(billing_queries.list_sync_figures)
    known = next((one for one in figures if one.source == connector.name), None)
    if known is None or known.completed_at is None:
        yield _describe_unsynced(application, connector)
        return
    detail = (
        f"{connector.name} answers; {known.students:,} students, last sync"
        f" {format_clock(known.completed_at)}, {known.failed:,} failed"
    )
    if known.failed:
        yield warning(_SUBJECT, detail, f"{_SYNC} --failed")
    else:
        yield ok(_SUBJECT, detail)


def _describe_unsynced(application: Application, connector: BillingConnector) -> DoctorFinding:
    detail = f"{connector.name} answers; no sync was completed"
    if application.settings.midtrans_environment == "simulator":
        return ok(_SUBJECT, detail)
    return warning(_SUBJECT, detail, _SYNC)
