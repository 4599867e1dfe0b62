"""Cancellations of events, read by every capability that sells or refunds."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from ticketing.orders.refund import RefundFee
from ticketing.platform.db.tables.refunds import event_cancellations as table
from ticketing.platform.kernel.money import Rupiah


@dataclass(frozen=True, slots=True)
class EventCancellation:
    """The decision to cancel an event; `completed_at` is set when nothing is left to do."""

    event_id: int
    plan_hash: str
    reason: str
    fee: RefundFee
    started_by: str
    started_at: datetime
    completed_at: datetime | None


def find(connection: Connection, event_id: int) -> EventCancellation | None:
    """Return the cancellation of an event, or None."""
    row = connection.execute(select(table).where(table.c.event_id == event_id)).one_or_none()
    if row is None:
        return None
    return EventCancellation(
        event_id=row.event_id,
        plan_hash=row.plan_hash,
        reason=row.reason,
        fee=RefundFee(row.fee_percent, Rupiah(row.fee_each)),
        started_by=row.started_by,
        started_at=row.started_at,
        completed_at=row.completed_at,
    )
