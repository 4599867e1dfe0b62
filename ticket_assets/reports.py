"""What a person files: the event's tickets in a table, and on paper."""

from datetime import UTC, datetime

import dagster as dg

from ticket_assets import exhibits
from ticket_assets.attempts import attempt
from ticket_assets.documents import ticket_pdfs
from ticket_assets.owners import OWNERS
from ticket_assets.partitions import EVENTS, event_of
from ticketing.actions.report import Report, write_report
from ticketing.application import Application
from ticketing.documents.folder import DocumentFolder


@dg.asset(
    partitions_def=EVENTS,
    deps=[ticket_pdfs],
    group_name="tickets",
    kinds={"csv", "pdf"},
    owners=OWNERS,
    code_version="1",
)
def generation_report(
    context: dg.AssetExecutionContext, application: dg.ResourceParam[Application]
) -> dg.MaterializeResult:
    """Generated against failed and missing, person by person, as CSV and PDF. As of its run."""
    with attempt(context):
        event = event_of(context, application)
        report = write_report(
            application.database,
            event,
            root=application.get(DocumentFolder).root,
            at=datetime.now(UTC),
        )
    context.log.info("event %s: %s of %s generated", event.id, report.generated, report.entitled)
    return dg.MaterializeResult(metadata=_metadata(report))


def _metadata(report: Report) -> exhibits.Metadata:
    people = [
        (entry.line.external_id or entry.line.attendee_id, entry.line.full_name, entry.reason)
        for entry in report.not_generated
    ]
    return {
        "entitled": report.entitled,
        "generated": report.generated,
        "failed": report.failed,
        "missing": report.missing,
        "without a PDF": exhibits.table(
            ["id", "name", "why"], people, total=report.failed + report.missing
        ),
        "csv": dg.MetadataValue.path(report.files.csv.resolve()),
        "pdf": dg.MetadataValue.path(report.files.pdf.resolve()),
    }
