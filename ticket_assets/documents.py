"""The tickets as PDFs."""

from dataclasses import replace
from datetime import UTC, datetime

import dagster as dg
from pydantic import Field

from ticket_assets import exhibits
from ticket_assets.attempts import LIMIT_SECONDS, WHEN_TIME_IS_UP, attempt
from ticket_assets.batch import batch_of
from ticket_assets.owners import OWNERS
from ticket_assets.partitions import EVENTS, event_of
from ticket_assets.tickets import tickets
from ticketing.actions.render import RenderResult, render_tickets
from ticketing.application import Application
from ticketing.documents.folder import DocumentFolder
from ticketing.documents.inspect import picture_of
from ticketing.documents.renderer import Renderer
from ticketing.documents.sample import SAMPLE
from ticketing.domain.events import Event

PREVIEW_DPI = 60


class Printing(dg.Config):
    """How to print. As it is, what is missing or stale is printed."""

    overwrite: bool = Field(
        default=False, description="Print everything anew; codes and QRs stay as they are."
    )
    chunk: int = Field(default=100, ge=1, le=10_000, description="PDFs a transaction.")
    limit_seconds: float = Field(default=LIMIT_SECONDS, gt=0, description=WHEN_TIME_IS_UP)


@dg.asset(
    partitions_def=EVENTS,
    deps=[tickets],
    group_name="tickets",
    kinds={"python", "pdf"},
    owners=OWNERS,
    code_version="1",
)
def ticket_pdfs(
    context: dg.AssetExecutionContext, config: Printing, application: dg.ResourceParam[Application]
) -> dg.MaterializeResult:
    """A PDF for every live ticket, printed anew when its data, template or fonts changed."""
    with attempt(context, config.limit_seconds) as watch:
        event = event_of(context, application)
        with batch_of(context, application, event, is_last=True) as job:
            done = render_tickets(
                application.database, event, renderer=application.get(Renderer),
                folder=application.get(DocumentFolder),
                at=datetime.now(UTC), job_id=job, overwrite=config.overwrite, chunk=config.chunk,
                progress=lambda now: watch(_handled(now), now.total),
            )  # fmt: skip
    context.log.info("job %s: %s printed, %s failed", job, done.rendered, len(done.failed))
    return dg.MaterializeResult(
        metadata={**_printed(done, job), **watch.metadata("PDFs"), **_on_disk(application, event)}
    )


def _handled(done: RenderResult) -> int:
    return done.rendered + done.unchanged + len(done.failed)


def _printed(done: RenderResult, job_id: int) -> exhibits.Metadata:
    return {
        "printed": done.rendered,
        "unchanged": done.unchanged,
        "failed": len(done.failed),
        "job id": str(job_id),
        "failures": exhibits.table(
            ["person", "ticket", "why"],
            [(failure.guest_id, failure.ticket_id, failure.message) for failure in done.failed],
            total=len(done.failed),
        ),
    }


def _on_disk(application: Application, event: Event) -> exhibits.Metadata:
    """Where the files are, and how one looks: a made-up guest's, for a real QR opens doors."""
    specimen = replace(
        SAMPLE, event_slug=event.slug, event_name=event.name, starts_at=event.starts_at,
        ends_at=event.ends_at, time_zone=event.time_zone, locale=event.locale, venue=event.venue,
    )  # fmt: skip
    image = picture_of(
        application.get(Renderer).render(specimen, event.template_id), dpi=PREVIEW_DPI
    )
    return {
        "folder": dg.MetadataValue.path(
            application.get(DocumentFolder).root.resolve() / event.slug
        ),
        "preview": exhibits.picture(image, about="a made-up ticket of this event"),
    }
