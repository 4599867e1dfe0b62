"""The asset of an event's generation report."""

from datetime import UTC, datetime

import dagster as dg

from ticket_assets import metadata
from ticket_assets.documents import ticket_pdfs
from ticket_assets.partitions import NO_TICKETS, event_asset, has_no_tickets, partition_event
from ticket_assets.retries import run_attempt
from ticketing.documents.file_store import DocumentFolder
from ticketing.platform.application import Application
from ticketing.tickets.reports.report import GenerationReport, write_report


@event_asset(
    deps=[ticket_pdfs],
    group_name="tickets",
    code=["ticketing.tickets.reports"],
    kinds={"csv", "pdf"},
)
def generation_report(
    context: dg.AssetExecutionContext, application: dg.ResourceParam[Application]
) -> dg.MaterializeResult:
    """Generated, failed and missing tickets by guest, as CSV and PDF. As of the run."""
    with run_attempt(context):
        event = partition_event(context, application)
        if has_no_tickets(application, event):
            return dg.MaterializeResult(metadata=NO_TICKETS)
        report = write_report(
            application.database,
            event,
            root=application.get(DocumentFolder).root,
            at=datetime.now(UTC),
            delimiter=application.settings.csv_delimiter_character,
        )
    context.log.info("event %s: %s of %s generated", event.id, report.generated, report.entitled)
    return dg.MaterializeResult(metadata=_report_metadata(report))


def _report_metadata(report: GenerationReport) -> metadata.Metadata:
    guests = [
        (entry.line.external_id or entry.line.entitlement_id, entry.line.full_name, entry.reason)
        for entry in report.not_generated
    ]
    return {
        **metadata.row_count(report.entitled),
        "entitled": report.entitled,
        "generated": report.generated,
        "failed": report.failed,
        "missing": report.missing,
        "test": report.test,
        "without a PDF": metadata.markdown_table(
            ["id", "name", "reason"], guests, total=report.failed + report.missing
        ),
        "dagster/uri": report.files.csv.resolve().as_uri(),
        "csv": dg.MetadataValue.path(report.files.csv.resolve()),
        "pdf": dg.MetadataValue.path(report.files.pdf.resolve()),
    }
