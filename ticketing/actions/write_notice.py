"""What whoever answers for the events is told of the house: alerts, and batches that have ended."""

from datetime import datetime

from sqlalchemy import Connection

from ticketing.actions.desk import Desk, Draft, event_facts, wrong
from ticketing.actions.missing import is_over
from ticketing.domain.events import Event
from ticketing.domain.messages import Declined, Later
from ticketing.store import batches, job_tickets, missing, outbox
from ticketing.store.deliveries import Claimed

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
    batch = batches.find(connection, claimed.subject)
    if batch is None:
        return wrong(f"there is no batch {claimed.subject}")
    if batch.completed_at is None:
        return Later("the batch is under way again", "batch")
    over = is_over(event, batch.completed_at)
    facts = event_facts(desk, event) | {
        "batchCode": batch.batch_key, "finishedAt": batch.completed_at,
        "generated": batch.rendered_count, "failed": batch.failed_count,
        "missing": missing.gap(connection, event.id, over=over).missing,
        "reasons": [f"{times}x {why}" for why, times in job_tickets.failures(connection, batch.id)],
        "url": "",
    }  # fmt: skip
    return Draft("batch_finished", facts)
