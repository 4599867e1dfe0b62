"""What the rate limit of WhatsApp allows: sent in a day, waiting, and when the last one goes."""

from dataclasses import dataclass
from datetime import datetime

from ticketing.notifications import channel_queries
from ticketing.notifications.channel_policy import estimate_last_send_at
from ticketing.notifications.delivery import Channel
from ticketing.notifications.rate_limit import RateLimit
from ticketing.platform.http.services import Services


@dataclass(frozen=True, slots=True)
class MessageBudget:
    """`per_day` None is no limit; `last_at` None means that nothing waits, or nothing may go."""

    sent: int
    per_day: int | None
    queued: int
    last_at: datetime | None


def get_budget(services: Services, *, at: datetime) -> MessageBudget:
    """Return the budget of WhatsApp, whose providers ban numbers that send too much."""
    limit = services.get(RateLimit)
    with services.database.transaction() as connection:
        sent = channel_queries.list_recent_send_times(
            connection, Channel.WHATSAPP, at=at, most=limit.per_day or 1
        )
        queued = sum(channel_queries.count_queued(connection, Channel.WHATSAPP))
    last_at = estimate_last_send_at(services.database, limit, at=at) if queued else None
    return MessageBudget(len(sent), limit.per_day, queued, last_at)
