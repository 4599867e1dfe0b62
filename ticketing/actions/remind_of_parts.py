"""Telling buyers that the next part of their order is due: one message a part."""

from datetime import datetime, timedelta

from ticketing.store import order_parts, outbox
from ticketing.store.database import Database

BEFORE = timedelta(days=3)
CHUNK = 500


def remind_of_parts(database: Database, *, at: datetime) -> int:
    """Leave a message for every part that is due soon and was not told of; safe to repeat."""
    told = 0
    while True:
        with database.transaction() as connection:
            due = order_parts.to_remind_of(connection, due_by=at + BEFORE, limit=CHUNK)
            for order, part in due:
                if order.buyer is not None:
                    outbox.add(
                        connection,
                        event_id=order.event_id,
                        purpose=outbox.PART_DUE,
                        subject=order_parts.name_of(order.code, part.number),
                        recipient=order.buyer.email or order.buyer.phone,
                        payload={
                            "order": order.code,
                            "part": part.number,
                            "amount": part.amount.amount,
                            "due": part.due_at.isoformat(),
                        },
                    )
        told += len(due)
        if len(due) < CHUNK:
            return told
