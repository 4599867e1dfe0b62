"""Deleting what must not be kept: a job of its own, for it makes nothing."""

from datetime import UTC, datetime

import dagster as dg
from pydantic import Field

from ticket_assets.attempts import attempt
from ticket_assets.batch import BY
from ticketing.actions.document_retention import remove_old_documents
from ticketing.application import Application
from ticketing.documents.folder import DocumentFolder


class Retention(dg.Config):
    """How to delete."""

    dry_run: bool = Field(default=False, description="Say what would go, and delete nothing.")


@dg.op
def remove_expired_documents(
    context: dg.OpExecutionContext, config: Retention, application: dg.ResourceParam[Application]
) -> None:
    """Delete the PDFs of events that are long over; the tickets' rows stay."""
    with attempt(context):
        removed = remove_old_documents(
            application.database, application.get(DocumentFolder), at=datetime.now(UTC),
            days=application.settings.retention_days, by=BY, dry_run=config.dry_run,
        )  # fmt: skip
    for event in removed:
        context.log.info(
            "event %s: %s PDFs, %s bytes%s", event.event_slug, event.documents, event.size,
            " would go" if config.dry_run else " deleted",
        )  # fmt: skip
    context.add_output_metadata({"PDFs": sum(event.documents for event in removed)})


@dg.job(executor_def=dg.in_process_executor)
def document_retention() -> None:
    """Deletes the PDFs of events that ended longer ago than DOCUMENT_RETENTION_DAYS."""
    remove_expired_documents()
