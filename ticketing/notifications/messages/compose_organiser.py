"""What whoever answers for the events is told and given.

Alerts, batches and sendings that have ended, and sheets of an event.
"""

from datetime import datetime

from sqlalchemy import Connection

from ticketing.events.model import Event
from ticketing.notifications.campaigns import queries as campaign_queries
from ticketing.notifications.claim_queries import Claimed
from ticketing.notifications.delivery import DeliveryState
from ticketing.notifications.messages.context import Desk, Draft, event_facts, wrong
from ticketing.notifications.messages.message import Attachment, Declined, Later
from ticketing.platform.db import outbox
from ticketing.platform.export_names import Export
from ticketing.platform.kernel.csv_writer import SheetInMemory, SheetTooLarge
from ticketing.reporting.export import write_rows
from ticketing.tickets import eligibility_queries
from ticketing.tickets.batches import queries as batch_queries
from ticketing.tickets.missing import is_over

HOUSE_LANGUAGE, HOUSE_ZONE = "id", "Asia/Jakarta"  # of what belongs to no event


def house_message(desk: Desk, claimed: Claimed) -> Draft | Declined:
    """What is about no event: the digest of what went wrong."""
    if claimed.purpose != outbox.ALERTS:
        return wrong(f"a message about {claimed.purpose} belongs to no event")
    alerts = [str(each) for each in claimed.payload["alerts"]]
    return Draft(
        "alert_digest",
        {
            "timeZone": HOUSE_ZONE, "organiser": desk.organiser or "Ticketing", "url": "",
            "number": len(alerts), "since": datetime.fromisoformat(claimed.payload["since"]),
            "first": alerts[0], "alerts": alerts,
        },
    )  # fmt: skip


def batch_message(
    connection: Connection, desk: Desk, event: Event, claimed: Claimed
) -> Draft | Declined | Later:
    """How a batch ended that nobody watched."""
    batch = batch_queries.find(connection, claimed.subject)
    if batch is None:
        return wrong(f"there is no batch {claimed.subject}")
    if batch.completed_at is None:
        return Later("the batch is under way again", "batch")
    over = is_over(event, batch.completed_at)
    facts = event_facts(desk, event) | {
        "batchCode": batch.batch_key, "finishedAt": batch.completed_at,
        "generated": batch.rendered_count, "failed": batch.failed_count,
        "missing": eligibility_queries.gap(connection, event.id, over=over).missing,
        "reasons": [
            f"{times}x {why}" for why, times in batch_queries.failures(connection, batch.id)
        ],
        "url": "",
    }  # fmt: skip
    return Draft("batch_finished", facts)


def blast_message(connection: Connection, desk: Desk, event: Event, claimed: Claimed) -> Draft:
    """How the sending of an event's tickets ended."""
    ends = campaign_queries.ends_of(connection, event.id, claimed.subject)
    failed, unknown = ends[DeliveryState.FAILED], ends[DeliveryState.UNKNOWN]
    facts = event_facts(desk, event) | {
        "sent": ends.total() - failed - unknown, "failed": failed, "unknown": unknown,
        "command": f"ticketing deliveries {event.slug} --failed", "url": "",
    }  # fmt: skip
    return Draft("tickets_sent", facts)


def export_message(
    connection: Connection, desk: Desk, event: Event, claimed: Claimed
) -> Draft | Declined:
    """A sheet of the event, as its rows are at this moment."""
    export, sheet = Export(claimed.payload["export"]), SheetInMemory(desk.largest_files)
    asked_at = datetime.fromisoformat(claimed.payload["asked"])
    try:
        rows = write_rows(connection, event, export, sheet, at=asked_at)
    except SheetTooLarge as error:
        return wrong(f"{error}, too much for a mail: `ticketing export {event.slug} {export}`")
    file = Attachment(export.file_of(event.slug), sheet.content, "text/csv")
    facts = event_facts(desk, event) | {"file": file.name, "rows": rows, "url": ""}
    return Draft("export_ready", facts, (file,))
