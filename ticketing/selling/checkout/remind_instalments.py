"""Remind buyers of instalments that are due soon."""

from datetime import datetime, timedelta

from ticketing.orders import instalment_queries
from ticketing.platform.db import outbox
from ticketing.platform.db.database import Database

REMIND_BEFORE = timedelta(days=3)
REMINDERS_PER_TRANSACTION = 500


def enqueue_instalment_reminders(database: Database, *, at: datetime) -> int:
    """Enqueue one message per instalment that is due soon; return their number. Safe to repeat."""
    reminded = 0
    while True:
        with database.transaction() as connection:
            due = instalment_queries.list_due_for_reminder(
                connection, due_by=at + REMIND_BEFORE, limit=REMINDERS_PER_TRANSACTION
            )
            for order, instalment in due:
                if order.buyer is not None:
                    outbox.enqueue(
                        connection,
                        event_id=order.event_id,
                        purpose=outbox.INSTALMENT_DUE,
                        subject=instalment_queries.instalment_reference(
                            order.code, instalment.number
                        ),
                        recipient=order.buyer.contact,
                        payload={
                            "order": order.code,
                            "part": instalment.number,
                            "amount": instalment.amount.amount,
                            "due": instalment.due_at.isoformat(),
                        },
                    )
        reminded += len(due)
        if len(due) < REMINDERS_PER_TRANSACTION:
            return reminded
