"""Set and delete retention rules, with an entry in the audit log."""

from datetime import datetime

from ticketing.events.model import Event
from ticketing.people_data import retention_queries as queries
from ticketing.people_data.field_class import FieldClass
from ticketing.people_data.retention import RetentionRule
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import NotFound

SET_ACTION = "people.set_retention"


class UnknownRetentionRule(NotFound):
    """No rule is set for that class and event."""


def set_retention(
    database: Database,
    field_class: FieldClass,
    event: Event | None,
    days: int | None,
    *,
    by: str,
    at: datetime,
) -> None:
    """Keep a class for some days after the end of an event, or of every event.

    For one event None keeps the class for ever, whatever the rule of every event says.
    """
    event_id = event.id if event else None
    with database.transaction() as connection:
        rule = RetentionRule(field_class, event_id, days)
        queries.replace_rule(connection, rule, by=by, at=at)
        audit_log.record(
            connection, by, SET_ACTION, event_id=event_id,
            details={"class": field_class, "days": days},
        )  # fmt: skip


def clear_retention(
    database: Database, field_class: FieldClass, event: Event | None, *, by: str
) -> None:
    """Delete a rule. Raises UnknownRetentionRule."""
    event_id = event.id if event else None
    with database.transaction() as connection:
        if not queries.delete_rule(connection, field_class, event_id):
            whose = f"event {event.slug}" if event else "every event"
            raise UnknownRetentionRule(
                f"no rule for {field_class} of {whose}; see `ticketing people retention show`"
            )
        audit_log.record(
            connection, by, SET_ACTION, event_id=event_id,
            details={"class": field_class, "deleted": True},
        )  # fmt: skip
