"""Asset checks of an event's roster, tickets, PDFs and report.

The queries are in `ticketing/tickets/reports/checks.py`. A failed check stops no run; the sensor
`check_failures` reports it.
"""

import warnings
from datetime import UTC, datetime

import dagster as dg
from pydantic import Field

from ticket_assets.check_results import to_check_result
from ticket_assets.documents import ticket_pdfs
from ticket_assets.partitions import EVENT_PARTITIONS, partition_event
from ticket_assets.reports import generation_report
from ticket_assets.roster import attendees
from ticket_assets.tickets import tickets
from ticketing.documents.file_store import DocumentFolder
from ticketing.platform.application import Application
from ticketing.tickets.reports import checks as report_checks

# Without its own partitions a check has one verdict for all events, and the last event's covers the
# others'. They are a preview feature of dagster 1.13; a test fails if they stop working.
warnings.filterwarnings("ignore", category=dg.PreviewWarning, message=".*partitions_def.*")


class SignatureSample(dg.Config):
    """Sample size; verifying one signature takes about 0.1 ms."""

    sample: int = Field(default=5000, ge=1, description="Tickets looked at, drawn at random.")
    full: bool = Field(default=False, description="Look at every ticket.")


class DocumentSample(dg.Config):
    """Sample size; decoding one QR code from a page takes about 50 ms."""

    sample: int = Field(default=50, ge=1, description="PDFs looked at, drawn at random.")
    full: bool = Field(default=False, description="Look at every PDF.")


@dg.asset_check(asset=attendees, partitions_def=EVENT_PARTITIONS)
def every_row_is_accounted_for(
    context: dg.AssetCheckExecutionContext, application: dg.ResourceParam[Application]
) -> dg.AssetCheckResult:
    """New, changed, unchanged and rejected rows of the last roster add up to the file's rows."""
    event = partition_event(context, application)
    found = report_checks.check_import_totals(application.database, event)
    return to_check_result(
        found, "rows", f"import the roster again: ticketing import FILE --event {event.slug}"
    )


@dg.asset_check(asset=tickets, partitions_def=EVENT_PARTITIONS)
def nobody_is_forgotten(
    context: dg.AssetCheckExecutionContext, application: dg.ResourceParam[Application]
) -> dg.AssetCheckResult:
    """Every entitled guest has a ticket, or a known reason for not having one."""
    event = partition_event(context, application)
    found = report_checks.check_unexplained_missing(
        application.database, event, at=datetime.now(UTC)
    )
    return to_check_result(found, "people", f"ticketing generate-tickets --event {event.slug}")


@dg.asset_check(asset=tickets, partitions_def=EVENT_PARTITIONS)
def one_live_ticket_each(
    context: dg.AssetCheckExecutionContext, application: dg.ResourceParam[Application]
) -> dg.AssetCheckResult:
    """No entitlement has more than one live ticket."""
    event = partition_event(context, application)
    found = report_checks.check_duplicate_tickets(application.database, event)
    return to_check_result(
        found, "tickets", f"see whose: ticketing tickets explain PERSON --event {event.slug}"
    )


@dg.asset_check(asset=tickets, partitions_def=EVENT_PARTITIONS)
def every_signature_verifies(
    context: dg.AssetCheckExecutionContext,
    config: SignatureSample,
    application: dg.ResourceParam[Application],
) -> dg.AssetCheckResult:
    """Every QR code is signed with its event's key and names its own event and ticket."""
    event = partition_event(context, application)
    found = report_checks.check_forged_tickets(
        application.database,
        event,
        sample=None if config.full else config.sample,
        seed=context.run.run_id,
    )
    return to_check_result(
        found, "tickets", f"ticketing generate-tickets --event {event.slug} --reissue"
    )


@dg.asset_check(asset=ticket_pdfs, partitions_def=EVENT_PARTITIONS)
def every_pdf_is_there(
    context: dg.AssetCheckExecutionContext, application: dg.ResourceParam[Application]
) -> dg.AssetCheckResult:
    """Every recorded PDF exists in the document folder."""
    event = partition_event(context, application)
    found = report_checks.check_missing_documents(
        application.database, event, application.get(DocumentFolder)
    )
    return to_check_result(found, "PDFs", f"ticketing generate-tickets --event {event.slug}")


@dg.asset_check(asset=ticket_pdfs, partitions_def=EVENT_PARTITIONS)
def every_qr_is_its_own(
    context: dg.AssetCheckExecutionContext,
    config: DocumentSample,
    application: dg.ResourceParam[Application],
) -> dg.AssetCheckResult:
    """Every PDF is unchanged since it was written, and its QR code belongs to its ticket."""
    event = partition_event(context, application)
    found = report_checks.check_altered_documents(
        application.database,
        event,
        application.get(DocumentFolder),
        sample=None if config.full else config.sample,
        seed=context.run.run_id,
    )
    return to_check_result(
        found, "PDFs", f"ticketing generate-tickets --event {event.slug} --overwrite"
    )


@dg.asset_check(asset=generation_report, partitions_def=EVENT_PARTITIONS)
def the_report_adds_up(
    context: dg.AssetCheckExecutionContext, application: dg.ResourceParam[Application]
) -> dg.AssetCheckResult:
    """The report lists every entitled guest once, with the current state."""
    event = partition_event(context, application)
    found = report_checks.check_report(
        application.database, event, application.get(DocumentFolder), at=datetime.now(UTC)
    )
    return to_check_result(found, "people", "materialize generation_report again")


CHECKS = [
    every_row_is_accounted_for,
    nobody_is_forgotten,
    one_live_ticket_each,
    every_signature_verifies,
    every_pdf_is_there,
    every_qr_is_its_own,
    the_report_adds_up,
]
