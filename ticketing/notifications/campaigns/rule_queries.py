"""Queries for sending rules."""

from datetime import datetime

from sqlalchemy import Connection, RowMapping, insert, select, update

from ticketing.notifications.campaigns.sending_rule import (
    Audience,
    NewRule,
    RuleMessage,
    RuleTime,
    SendingRule,
)
from ticketing.notifications.delivery import Channel
from ticketing.platform.db.tables.campaigns import campaign_rules as rules
from ticketing.platform.db.tables.events import events
from ticketing.platform.kernel.errors import UnknownRule


def insert_rule(
    connection: Connection, event_id: int, new: NewRule, *, at: datetime, by: str
) -> SendingRule:
    """Store a rule."""
    statement = insert(rules).values(
        event_id=event_id,
        days_before=new.time.days_before,
        hours_before=new.time.hours_before,
        send_at=new.time.send_at,
        audience=new.audience,
        channels=",".join(new.channels),
        message=new.message,
        created_by=by,
        created_at=at,
    )
    return _rule_from_row(connection.execute(statement.returning(rules)).mappings().one())


def list_for_event(connection: Connection, event_id: int) -> list[SendingRule]:
    """Return the rules of an event, oldest first."""
    query = select(rules).where(rules.c.event_id == event_id).order_by(rules.c.id)
    return [_rule_from_row(row) for row in connection.execute(query).mappings()]


def list_waiting(connection: Connection, *, at: datetime) -> list[SendingRule]:
    """Return the rules of events that are not over, not applied and not disabled, oldest first."""
    query = (
        select(rules)
        .join(events, events.c.id == rules.c.event_id)
        .where(rules.c.applied_at.is_(None), rules.c.disabled_at.is_(None), events.c.ends_at > at)
        .order_by(rules.c.id)
    )
    return [_rule_from_row(row) for row in connection.execute(query).mappings()]


def lock(connection: Connection, event_id: int, rule_id: int) -> SendingRule:
    """Return a rule of an event, locked until the transaction ends. Raises UnknownRule."""
    query = select(rules).where(rules.c.id == rule_id, rules.c.event_id == event_id)
    row = connection.execute(query.with_for_update()).mappings().one_or_none()
    if row is None:
        raise UnknownRule(f"no rule {rule_id}; `ticketing campaigns rules list` shows the rules")
    return _rule_from_row(row)


def lock_if_free(connection: Connection, rule_id: int) -> SendingRule | None:
    """Return a locked rule; None if another process works on it."""
    query = select(rules).where(rules.c.id == rule_id).with_for_update(skip_locked=True)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else _rule_from_row(row)


def set_applied(connection: Connection, rule_id: int, *, ticket_count: int, at: datetime) -> None:
    """Record that a locked rule was applied."""
    values = {"applied_at": at, "ticket_count": ticket_count}
    connection.execute(update(rules).where(rules.c.id == rule_id).values(values))


def set_disabled(connection: Connection, rule_id: int, *, at: datetime) -> None:
    """Record that a locked rule will not be applied."""
    connection.execute(update(rules).where(rules.c.id == rule_id).values(disabled_at=at))


def _rule_from_row(row: RowMapping) -> SendingRule:
    return SendingRule(
        id=row["id"],
        event_id=row["event_id"],
        time=RuleTime(row["days_before"], row["hours_before"], row["send_at"]),
        audience=Audience(row["audience"]),
        channels=tuple(Channel(name) for name in row["channels"].split(",")),
        message=RuleMessage(row["message"]),
        disabled_at=row["disabled_at"],
        applied_at=row["applied_at"],
        ticket_count=row["ticket_count"],
    )
