"""The whole schema: importing this module registers every table in `metadata`."""

from ticketing.platform.db.tables import (
    access,
    catalogue,
    change_plans,
    events,
    inbound_webhooks,
    ledger,
    notifications,
    operations,
    orders,
    outbox,
    payments,
    refunds,
    roster,
    tickets,
    vouchers,
    webhooks,
)
from ticketing.platform.db.tables.metadata import metadata

__all__ = [
    "access",
    "catalogue",
    "change_plans",
    "events",
    "inbound_webhooks",
    "ledger",
    "metadata",
    "notifications",
    "operations",
    "orders",
    "outbox",
    "payments",
    "refunds",
    "roster",
    "tickets",
    "vouchers",
    "webhooks",
]
