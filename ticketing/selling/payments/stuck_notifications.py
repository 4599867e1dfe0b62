"""Operations of staff on payment notifications that were not applied: list, retry, dismiss."""

from ticketing.platform.db import audit_log, quarantined_webhooks, stuck_webhooks
from ticketing.platform.db.database import Database
from ticketing.platform.db.inbox import PAYMENT_PROVIDERS
from ticketing.platform.db.stuck_webhooks import StuckWebhook
from ticketing.platform.kernel.errors import Conflict, PlanOutdated


def list_stuck_notifications(database: Database, *, limit: int) -> tuple[int, list[StuckWebhook]]:
    """Return the number of notifications that wait for a retry or a person, and the oldest."""
    with database.transaction() as connection:
        total = stuck_webhooks.count_stuck(connection, PAYMENT_PROVIDERS)
        return total, stuck_webhooks.list_stuck(connection, PAYMENT_PROVIDERS, limit=limit)


def retry_notification(database: Database, webhook_id: int, *, by: str) -> None:
    """Process a notification at once; the gateway is asked again, so nothing is booked twice."""
    with database.transaction() as connection:
        done = stuck_webhooks.retry_stuck(connection, PAYMENT_PROVIDERS, webhook_id=webhook_id)
        if not done:
            raise Conflict(f"notification {webhook_id} was processed meanwhile, or is being so")
        audit_log.record(connection, by, "notifications.retry", subject=str(webhook_id), items=1)


def retry_all_notifications(database: Database, *, expected: int, by: str) -> None:
    """Process all that wait, if they are as many as expected. Raises PlanOutdated."""
    with database.transaction() as connection:
        done = stuck_webhooks.retry_stuck(connection, PAYMENT_PROVIDERS)
        if done != expected:
            raise PlanOutdated(f"{done} notifications wait now, not {expected}; look again")
        audit_log.record(connection, by, "notifications.retry", items=done)


def dismiss_notification(database: Database, webhook_id: int, *, by: str) -> None:
    """Take a quarantined notification off the list; its content and its reason stay."""
    with database.transaction() as connection:
        found = quarantined_webhooks.find_quarantined(
            connection, webhook_id, providers=PAYMENT_PROVIDERS
        )
        if found is None:
            raise Conflict(
                f"notification {webhook_id} is not quarantined; it is tried again by itself"
            )
        quarantined_webhooks.dismiss(connection, webhook_id)
        audit_log.record(connection, by, "notifications.dismiss", subject=str(webhook_id), items=1)
