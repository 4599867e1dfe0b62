"""The audit log of orders."""

from collections.abc import Mapping

from sqlalchemy import Connection

from ticketing.orders.order import Order
from ticketing.platform.db import audit_log


def record(
    connection: Connection,
    order: Order,
    actor: str,
    action: str,
    *,
    items: int = 0,
    details: Mapping[str, object] | None = None,
) -> None:
    """Add an entry about an order in the caller's transaction."""
    audit_log.record(
        connection, actor, action, event_id=order.event_id, subject=order.code, items=items,
        details=details,
    )  # fmt: skip
