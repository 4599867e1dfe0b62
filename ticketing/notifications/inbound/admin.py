"""Operations of staff on quarantined WhatsApp webhooks: list, retry, assign, dismiss."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from ticketing.notifications.campaigns import queries as campaign_queries
from ticketing.notifications.campaigns.opt_out import parse_address
from ticketing.notifications.delivery import is_opt_out_request
from ticketing.notifications.inbound.process_webhooks import (
    QUARANTINE_CAUSE,
    WHATSAPP_INBOX_SOURCES,
)
from ticketing.notifications.whatsapp.providers import WhatsAppProvider, parse_status_webhook
from ticketing.notifications.whatsapp.webhook_items import InboundMessage
from ticketing.platform.db import audit_log, incidents, quarantined_webhooks
from ticketing.platform.db.database import Database
from ticketing.platform.db.quarantined_webhooks import QuarantinedWebhook
from ticketing.platform.kernel.errors import Refused, UnreadableReport


@dataclass(frozen=True, slots=True)
class QuarantinedReply:
    """A quarantined webhook; `senders` are the ids of those who wrote STOP without a number."""

    id: int
    provider: str
    reason: str
    received_at: datetime
    senders: tuple[str, ...] = field(default=(), repr=False)


def list_quarantined(database: Database, *, limit: int = 100) -> list[QuarantinedReply]:
    """Return the webhooks that need a decision, newest first."""
    with database.transaction() as connection:
        found = quarantined_webhooks.list_quarantined(
            connection, limit, providers=WHATSAPP_INBOX_SOURCES
        )
    return [
        QuarantinedReply(each.id, each.provider, each.reason, each.received_at, _senders(each))
        for each in found
    ]


def _senders(webhook: QuarantinedWebhook) -> tuple[str, ...]:
    try:
        items = parse_status_webhook(WhatsAppProvider(webhook.external_reference), webhook.body)
    except UnreadableReport:
        return ()
    return tuple(
        item.sender_id
        for item in items
        if isinstance(item, InboundMessage) and not item.sender and is_opt_out_request(item.text)
    )


def read_body(database: Database, webhook_id: int) -> str:
    """Return the stored text of a quarantined webhook."""
    with database.transaction() as connection:
        return _get(connection, webhook_id).body.decode("utf-8", "replace")


def retry_webhook(database: Database, webhook_id: int, *, at: datetime, by: str) -> None:
    """Let the worker process a quarantined webhook again, for example after an update."""
    with database.transaction() as connection:
        _get(connection, webhook_id)
        quarantined_webhooks.reopen(connection, webhook_id)
        _end(connection, webhook_id, "retry", at=at, by=by)


def dismiss_webhook(database: Database, webhook_id: int, *, at: datetime, by: str) -> None:
    """Take a webhook off the list without an effect; its content is kept."""
    with database.transaction() as connection:
        _get(connection, webhook_id)
        quarantined_webhooks.dismiss(connection, webhook_id)
        _end(connection, webhook_id, "dismiss", at=at, by=by)


def assign_opt_out(
    database: Database, webhook_id: int, number: str, *, at: datetime, by: str
) -> str:
    """Exclude the number that staff found for a STOP; return it in E.164 form."""
    known = parse_address(number)
    with database.transaction() as connection:
        if not _senders(_get(connection, webhook_id)):
            raise Refused(
                f"webhook {webhook_id} has no STOP without a number;"
                f" `ticketing deliveries inbound dismiss {webhook_id}` takes it off the list"
            )
        campaign_queries.insert_opt_out(connection, known, at=at)
        quarantined_webhooks.dismiss(connection, webhook_id)
        _end(connection, webhook_id, "opt_out", at=at, by=by)
    return known


def _get(connection: Connection, webhook_id: int) -> QuarantinedWebhook:
    found = quarantined_webhooks.find_quarantined(
        connection, webhook_id, providers=WHATSAPP_INBOX_SOURCES
    )
    if found is None:
        raise Refused(
            f"no quarantined webhook {webhook_id}; see `ticketing deliveries inbound list`"
        )
    return found


def _end(connection: Connection, webhook_id: int, what: str, *, at: datetime, by: str) -> None:
    if not quarantined_webhooks.list_quarantined(connection, 1, providers=WHATSAPP_INBOX_SOURCES):
        incidents.resolve(connection, QUARANTINE_CAUSE, at=at)
    audit_log.record(
        connection, actor=by, action=f"deliveries.inbound.{what}", subject=str(webhook_id)
    )
