"""The asset of ticket PDFs."""

from datetime import UTC, datetime

import dagster as dg
from pydantic import Field

from ticket_assets import metadata
from ticket_assets.batch import run_batch
from ticket_assets.partitions import NO_TICKETS, event_asset, has_no_tickets, partition_event
from ticket_assets.retries import TIME_LIMIT_DESCRIPTION, TIME_LIMIT_SECONDS, run_attempt
from ticket_assets.tickets import tickets
from ticketing.documents.file_store import DocumentFolder
from ticketing.documents.pdf_inspection import picture_of
from ticketing.documents.renderer import Renderer
from ticketing.documents.template_context import sample_ticket
from ticketing.events.model import Event
from ticketing.platform.application import Application
from ticketing.tickets.rendering.render import render_tickets

PREVIEW_DPI = 60


class RenderConfig(dg.Config):
    """Options of rendering; by default missing and stale PDFs are rendered."""

    ids: list[int] = Field(default=[], description="Only these guests, by id; empty is all.")
    overwrite: bool = Field(
        default=False, description="Render every PDF again; codes and QR codes stay the same."
    )
    chunk: int = Field(default=100, ge=1, le=10_000, description="PDFs per transaction.")
    limit_seconds: float = Field(
        default=TIME_LIMIT_SECONDS, gt=0, description=TIME_LIMIT_DESCRIPTION
    )


@event_asset(
    deps=[tickets],
    group_name="tickets",
    code=["ticketing.documents", "ticketing.tickets.rendering"],
    kinds={"python", "pdf"},
)
def ticket_pdfs(
    context: dg.AssetExecutionContext,
    config: RenderConfig,
    application: dg.ResourceParam[Application],
) -> dg.MaterializeResult:
    """PDFs of live tickets, rendered again when data, template or fonts change. As of the run."""
    with run_attempt(context, config.limit_seconds) as deadline:
        event = partition_event(context, application)
        if has_no_tickets(application, event):
            return dg.MaterializeResult(metadata=NO_TICKETS)
        with run_batch(context, application, event, notify_organiser=True) as job:
            done = render_tickets(
                application.database, event, renderer=application.get(Renderer),
                folder=application.get(DocumentFolder),
                at=datetime.now(UTC), job_id=job, overwrite=config.overwrite, chunk=config.chunk,
                guest_ids=config.ids or None,
                on_progress=lambda now: deadline(
                    now.rendered + now.unchanged + len(now.failed), now.total
                ),
            )  # fmt: skip
    context.log.info("batch %s: %s rendered, %s failed", job, done.rendered, len(done.failed))
    return dg.MaterializeResult(
        metadata={
            **metadata.row_count(done.rendered + done.unchanged),
            "rendered": done.rendered,
            "unchanged": done.unchanged,
            "failed": len(done.failed),
            "batch id": str(job),
            "failures": metadata.markdown_table(
                ["guest", "ticket", "reason"],
                [(failure.guest_id, failure.ticket_id, failure.message) for failure in done.failed],
                total=len(done.failed),
            ),
            **deadline.metadata("PDFs"),
            **_preview_metadata(application, event),
        }
    )


def _preview_metadata(application: Application, event: Event) -> metadata.Metadata:
    """Return the folder and a preview with sample data, because a real QR code grants admission."""
    sample = application.get(Renderer).render(sample_ticket(event), event.template_id)
    image = picture_of(sample, dpi=PREVIEW_DPI)
    folder = application.get(DocumentFolder).root.resolve() / event.slug
    return {
        "dagster/uri": folder.as_uri(),
        "folder": dg.MetadataValue.path(folder),
        "preview": metadata.inline_image(image, label="sample ticket of this event"),
    }
