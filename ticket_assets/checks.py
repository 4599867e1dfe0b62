"""What must hold, as asset checks: one verdict an event, the first offenders, the way to repair.

What is looked at, and how, is in `ticketing/actions/examine.py`. A check that fails stops nothing:
the sensor `check_failures` tells of it.
"""

import warnings
from datetime import UTC, datetime

import dagster as dg
from pydantic import Field

from ticket_assets.documents import ticket_pdfs
from ticket_assets.partitions import EVENTS, event_of
from ticket_assets.reports import generation_report
from ticket_assets.roster import attendees
from ticket_assets.tickets import tickets
from ticket_assets.verdicts import verdict
from ticketing.actions import examine
from ticketing.application import Application
from ticketing.documents.folder import DocumentFolder

# Without its own partitions a check has one verdict for all events, and the last event's covers the
# others'. They are a preview feature of dagster 1.13; a test fails if they stop working.
warnings.filterwarnings("ignore", category=dg.PreviewWarning, message=".*partitions_def.*")


class SignatureSample(dg.Config):
    """How thorough: a signature takes about 0.1 ms."""

    sample: int = Field(default=5000, ge=1, description="Tickets looked at, drawn at random.")
    full: bool = Field(default=False, description="Look at every ticket.")


class DocumentSample(dg.Config):
    """How thorough: reading a QR from a page takes about 50 ms."""

    sample: int = Field(default=50, ge=1, description="PDFs looked at, drawn at random.")
    full: bool = Field(default=False, description="Look at every PDF.")


@dg.asset_check(asset=attendees, partitions_def=EVENTS)
def every_row_is_accounted_for(
    context: dg.AssetCheckExecutionContext, application: dg.ResourceParam[Application]
) -> dg.AssetCheckResult:
    """New, changed, unchanged and quarantined rows of the last roster add up to the file's."""
    event = event_of(context, application)
    found = examine.wrong_import_sums(application.database, event)
    return verdict(
        found, "rows", f"import the roster again: ticketing import FILE --event {event.slug}"
    )


@dg.asset_check(asset=tickets, partitions_def=EVENTS)
def nobody_is_forgotten(
    context: dg.AssetCheckExecutionContext, application: dg.ResourceParam[Application]
) -> dg.AssetCheckResult:
    """Everyone entitled has a ticket, or there is a reason why not."""
    event = event_of(context, application)
    found = examine.unexplained_gaps(application.database, event, at=datetime.now(UTC))
    return verdict(found, "people", f"ticketing generate-tickets --event {event.slug}")


@dg.asset_check(asset=tickets, partitions_def=EVENTS)
def one_live_ticket_each(
    context: dg.AssetCheckExecutionContext, application: dg.ResourceParam[Application]
) -> dg.AssetCheckResult:
    """Nobody has two live tickets for one entitlement."""
    event = event_of(context, application)
    found = examine.doubled_tickets(application.database, event)
    return verdict(found, "tickets", f"see whose: ticketing why PERSON --event {event.slug}")


@dg.asset_check(asset=tickets, partitions_def=EVENTS)
def every_signature_verifies(
    context: dg.AssetCheckExecutionContext,
    config: SignatureSample,
    application: dg.ResourceParam[Application],
) -> dg.AssetCheckResult:
    """Every QR is signed by its event's own key, and speaks of its own event and ticket."""
    event = event_of(context, application)
    found = examine.forged_tickets(
        application.database,
        event,
        sample=None if config.full else config.sample,
        seed=context.run.run_id,
    )
    return verdict(found, "tickets", f"ticketing generate-tickets --event {event.slug} --reissue")


@dg.asset_check(asset=ticket_pdfs, partitions_def=EVENTS)
def every_pdf_is_there(
    context: dg.AssetCheckExecutionContext, application: dg.ResourceParam[Application]
) -> dg.AssetCheckResult:
    """Every PDF on record is in the document folder."""
    event = event_of(context, application)
    found = examine.lost_documents(application.database, event, application.get(DocumentFolder))
    return verdict(found, "PDFs", f"ticketing generate-tickets --event {event.slug}")


@dg.asset_check(asset=ticket_pdfs, partitions_def=EVENTS)
def every_qr_is_its_own(
    context: dg.AssetCheckExecutionContext,
    config: DocumentSample,
    application: dg.ResourceParam[Application],
) -> dg.AssetCheckResult:
    """Every PDF has the bytes that were written, and its QR decodes to its own ticket."""
    event = event_of(context, application)
    found = examine.altered_documents(
        application.database,
        event,
        application.get(DocumentFolder),
        sample=None if config.full else config.sample,
        seed=context.run.run_id,
    )
    return verdict(found, "PDFs", f"ticketing generate-tickets --event {event.slug} --overwrite")


@dg.asset_check(asset=generation_report, partitions_def=EVENTS)
def the_report_adds_up(
    context: dg.AssetCheckExecutionContext, application: dg.ResourceParam[Application]
) -> dg.AssetCheckResult:
    """The report's file has everyone entitled once, and says of each what is so now."""
    event = event_of(context, application)
    found = examine.wrong_report(
        application.database, event, application.get(DocumentFolder), at=datetime.now(UTC)
    )
    return verdict(found, "people", "materialize generation_report again")


CHECKS = [
    every_row_is_accounted_for,
    nobody_is_forgotten,
    one_live_ticket_each,
    every_signature_verifies,
    every_pdf_is_there,
    every_qr_is_its_own,
    the_report_adds_up,
]
