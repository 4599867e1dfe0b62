"""Asset checks of an event's roster, tickets, PDFs and report.

The queries are in `ticketing/tickets/reports/checks.py`. The sensor `check_failures` reports a
failed check. A blocking one also stops the assets after its own: no ticket is issued from a roster
that was imported in part, and no PDF is made of a ticket with a wrong signature or of a duplicate.
"""

from datetime import UTC, datetime

import dagster as dg
from pydantic import Field

from ticket_assets.check_results import to_check_result
from ticket_assets.documents import ticket_pdfs
from ticket_assets.partitions import EVENT_PARTITIONS, partition_event
from ticket_assets.reports import generation_report
from ticket_assets.roster import entitlements
from ticket_assets.tickets import tickets
from ticketing.documents.file_store import DocumentFolder
from ticketing.platform.application import Application
from ticketing.tickets.reports import checks as report_checks


class SignatureSample(dg.Config):
    """Sample size; verifying one signature takes about 0.1 ms."""

    sample: int = Field(default=5000, ge=1, description="Number of random tickets to verify.")
    full: bool = Field(default=False, description="Verify every ticket.")


class DocumentSample(dg.Config):
    """Sample size; decoding one QR code from a page takes about 50 ms."""

    sample: int = Field(default=50, ge=1, description="Number of random PDFs to verify.")
    full: bool = Field(default=False, description="Verify every PDF.")


@dg.asset_check(asset=entitlements, partitions_def=EVENT_PARTITIONS, blocking=True)
def import_totals_match(
    context: dg.AssetCheckExecutionContext, application: dg.ResourceParam[Application]
) -> dg.AssetCheckResult:
    """New, changed, unchanged and rejected rows of the last roster add up to the file's rows."""
    event = partition_event(context, application)
    found = report_checks.check_import_totals(application.database, event)
    return to_check_result(found, "rows", f"ticketing import FILE --event {event.slug}")


@dg.asset_check(asset=tickets, partitions_def=EVENT_PARTITIONS)
def no_missing_tickets(
    context: dg.AssetCheckExecutionContext, application: dg.ResourceParam[Application]
) -> dg.AssetCheckResult:
    """Every entitled guest has a ticket, or a known reason for not having one."""
    event = partition_event(context, application)
    found = report_checks.check_unexplained_missing(
        application.database, event, at=datetime.now(UTC)
    )
    return to_check_result(found, "guests", f"ticketing generate-tickets --event {event.slug}")


@dg.asset_check(asset=tickets, partitions_def=EVENT_PARTITIONS, blocking=True)
def no_duplicate_tickets(
    context: dg.AssetCheckExecutionContext, application: dg.ResourceParam[Application]
) -> dg.AssetCheckResult:
    """No entitlement has more than one live ticket."""
    event = partition_event(context, application)
    found = report_checks.check_duplicate_tickets(application.database, event)
    return to_check_result(
        found, "tickets", f"ticketing tickets explain PERSON --event {event.slug}"
    )


@dg.asset_check(asset=tickets, partitions_def=EVENT_PARTITIONS, blocking=True)
def ticket_signatures_valid(
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
def ticket_pdfs_exist(
    context: dg.AssetCheckExecutionContext, application: dg.ResourceParam[Application]
) -> dg.AssetCheckResult:
    """Every live ticket has its PDF in the document folder."""
    event = partition_event(context, application)
    found = report_checks.check_missing_documents(
        application.database, event, application.get(DocumentFolder)
    )
    return to_check_result(found, "PDFs", f"ticketing generate-tickets --event {event.slug}")


@dg.asset_check(asset=ticket_pdfs, partitions_def=EVENT_PARTITIONS)
def ticket_pdfs_unaltered(
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
    return to_check_result(found, "PDFs", f"ticketing generate-tickets --event {event.slug}")


@dg.asset_check(asset=generation_report, partitions_def=EVENT_PARTITIONS)
def report_matches_tickets(
    context: dg.AssetCheckExecutionContext, application: dg.ResourceParam[Application]
) -> dg.AssetCheckResult:
    """The report lists every entitled guest once, with the current state."""
    event = partition_event(context, application)
    found = report_checks.check_report(
        application.database, event, application.get(DocumentFolder), at=datetime.now(UTC)
    )
    return to_check_result(found, "guests", "materialise generation_report")


CHECKS = [
    import_totals_match,
    no_missing_tickets,
    no_duplicate_tickets,
    ticket_signatures_valid,
    ticket_pdfs_exist,
    ticket_pdfs_unaltered,
    report_matches_tickets,
]
