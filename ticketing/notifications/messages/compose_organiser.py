"""Messages to the organiser: alert digest, batch and campaign reports, exports."""

from datetime import datetime
from decimal import Decimal
from textwrap import shorten

from sqlalchemy import Connection

from ticketing.events.model import Event
from ticketing.notifications.campaigns import queries as campaign_queries
from ticketing.notifications.claim_queries import ClaimedDelivery
from ticketing.notifications.delivery import Channel, DeliveryState
from ticketing.notifications.messages.context import (
    MessageContext,
    MessageDraft,
    drop_overtaken,
    event_variables,
    reject_message,
)
from ticketing.notifications.messages.message import Attachment, Deferred, Rejected
from ticketing.platform.db import incidents, outbox
from ticketing.platform.export_names import ExportKind
from ticketing.platform.kernel.csv_writer import InMemorySheet, SheetTooLarge
from ticketing.platform.kernel.money import Rupiah
from ticketing.reporting.export import write_export_rows
from ticketing.tickets import eligibility_queries
from ticketing.tickets.batches import queries as batch_queries
from ticketing.tickets.missing import is_event_over

MAX_ALERT_LENGTH = 300  # of the one in a WhatsApp message, which may have 1,024 in all
SYSTEM_LANGUAGE, SYSTEM_TIME_ZONE = "id", "Asia/Jakarta"  # of messages without an event


def draft_system_message(
    connection: Connection, context: MessageContext, claimed: ClaimedDelivery
) -> MessageDraft | Rejected:
    """Return the alert digest or the statement of a sync, which belong to no event."""
    if claimed.purpose == outbox.PAYMENT_STATEMENT:
        return _draft_payment_statement(context, claimed)
    if claimed.purpose != outbox.ALERTS:
        return reject_message(f"a message about {claimed.purpose} belongs to no event")
    ids = claimed.payload.get("incidents", ())
    if claimed.channel is Channel.WHATSAPP and not incidents.is_any_open(connection, ids):
        # it may have waited for WhatsApp itself to be repaired
        return drop_overtaken("the incidents are resolved by now")
    alerts = [str(each) for each in claimed.payload["alerts"]]
    return MessageDraft(
        "alert_digest",
        {
            "timeZone": SYSTEM_TIME_ZONE,
            "organiser": context.organiser_name or "Ticketing",
            "url": context.console_url("/incidents"),
            "number": len(alerts),
            "since": datetime.fromisoformat(claimed.payload["since"]),
            "first": shorten(alerts[0], MAX_ALERT_LENGTH, placeholder="…"),
            "alerts": alerts,
        },
    )


def _draft_payment_statement(context: MessageContext, claimed: ClaimedDelivery) -> MessageDraft:
    given = claimed.payload
    names = ("students", "first", "appeared", "changed", "vanished", "failed", "inArrears")
    return MessageDraft(
        "payment_statement",
        {
            "timeZone": SYSTEM_TIME_ZONE,
            "organiser": context.organiser_name or "Ticketing",
            "url": context.page_url("/admin/sync-pembayaran"),
            "finishedAt": datetime.fromisoformat(given["finished"]),
            "arrears": Rupiah(round(Decimal(given["arrears"]))),
            **{name: int(given[name]) for name in names},
        },
    )


def draft_batch_report(
    connection: Connection, context: MessageContext, event: Event, claimed: ClaimedDelivery
) -> MessageDraft | Rejected | Deferred:
    """Return the report of a finished batch."""
    batch = batch_queries.find_by_key(connection, claimed.subject)
    if batch is None:
        return reject_message(f"there is no batch {claimed.subject}")
    if batch.completed_at is None:
        return Deferred("the batch is running again", "batch")
    is_over = is_event_over(event, batch.completed_at)
    facts = event_variables(context, event) | {
        "batchCode": batch.batch_key,
        "finishedAt": batch.completed_at,
        "generated": batch.rendered_count,
        "failed": batch.failed_count,
        "missing": eligibility_queries.count_by_status(
            connection, event.id, event_over=is_over
        ).missing,
        "reasons": [
            f"{times}x {why}"
            for why, times in batch_queries.count_failures_by_message(connection, batch.id)
        ],
        "url": context.console_url(f"/batches/{batch.id}"),
    }
    return MessageDraft("batch_finished", facts)


def draft_campaign_report(
    connection: Connection, context: MessageContext, event: Event, claimed: ClaimedDelivery
) -> MessageDraft:
    """Return the report of a finished campaign."""
    ends = campaign_queries.count_deliveries_by_state(connection, event.id, claimed.subject)
    failed, unknown = ends[DeliveryState.FAILED], ends[DeliveryState.UNKNOWN]
    facts = event_variables(context, event) | {
        "sent": ends.total() - failed - unknown, "failed": failed, "unknown": unknown,
        "command": f"ticketing deliveries list --event {event.slug} --failed",
        "url": context.console_url(f"/events/{event.slug}"),
    }  # fmt: skip
    return MessageDraft("tickets_sent", facts)


def draft_export(
    connection: Connection, context: MessageContext, event: Event, claimed: ClaimedDelivery
) -> MessageDraft | Rejected:
    """Return an export of the event's current data."""
    export, sheet = (
        ExportKind(claimed.payload["export"]),
        InMemorySheet(context.max_attachment_bytes),
    )
    asked_at = datetime.fromisoformat(claimed.payload["asked"])
    try:
        rows = write_export_rows(
            connection, event, export, sheet, at=asked_at, delimiter=context.csv_delimiter
        )
    except SheetTooLarge as error:
        return reject_message(
            f"{error}, too large for a mail: use `ticketing export {event.slug} {export}`"
        )
    file = Attachment(export.file_name(event.slug), sheet.content, "text/csv")
    facts = event_variables(context, event) | {"file": file.name, "rows": rows}
    facts |= {"url": context.console_url(f"/events/{event.slug}")}
    return MessageDraft("export_ready", facts, (file,))
