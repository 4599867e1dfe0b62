"""The job that deletes expired documents."""

from datetime import UTC, datetime

import dagster as dg
from pydantic import Field

from ticket_assets.batch import ACTOR
from ticket_assets.retries import run_attempt
from ticketing.documents.file_store import DocumentFolder
from ticketing.platform.application import Application
from ticketing.tickets.rendering.retention import delete_expired_documents


class RetentionConfig(dg.Config):
    """Options of deletion."""

    dry_run: bool = Field(default=False, description="Only report; delete nothing.")


@dg.op
def remove_expired_documents(
    context: dg.OpExecutionContext,
    config: RetentionConfig,
    application: dg.ResourceParam[Application],
) -> None:
    """Delete the PDFs of past events; the tickets' rows stay."""
    with run_attempt(context):
        removed = delete_expired_documents(
            application.database, application.get(DocumentFolder), at=datetime.now(UTC),
            days=application.settings.retention_days, by=ACTOR, dry_run=config.dry_run,
        )  # fmt: skip
    for event in removed:
        context.log.info(
            "event %s: %s PDFs, %s bytes%s", event.event_slug, event.documents, event.size,
            " would be deleted" if config.dry_run else " deleted",
        )  # fmt: skip
    context.add_output_metadata({"PDFs": sum(event.documents for event in removed)})


@dg.job
def document_retention() -> None:
    """Deletes PDFs of events that ended DOCUMENT_RETENTION_DAYS ago. Safe to run again."""
    remove_expired_documents()
