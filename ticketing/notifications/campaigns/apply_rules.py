"""Create, preview, disable and apply sending rules.

A due rule is applied in one transaction with the messages of its plan, under a lock of its row: a
killed run has applied it completely or not at all, and no ticket gets two messages of one rule.
"""

from datetime import datetime

from sqlalchemy import Connection

from ticketing.backup import restore_queries
from ticketing.events import queries as event_queries
from ticketing.events.model import Event
from ticketing.notifications.campaigns import rule_queries
from ticketing.notifications.campaigns.send_tickets import (
    CampaignPlan,
    build_plan,
    enqueue_plan,
)
from ticketing.notifications.campaigns.sending_rule import (
    Audience,
    NewRule,
    RuleState,
    SendingRule,
    UnusableRule,
)
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import ImpossibleTransition
from ticketing.platform.kernel.wall_clock import format_clock


def create_rule(
    database: Database, event: Event, new: NewRule, *, at: datetime, by: str
) -> SendingRule:
    """Store a rule; refuses one that would be due in the past or after the event."""
    due = new.time.due_at(event)
    if not at < due < event.ends_at:
        raise UnusableRule(
            f"the rule would be due at {format_clock(due)}; choose a time between now and the end"
            f" of {event.slug}"
        )
    if new.audience is Audience.UNSENT:
        raise UnusableRule("the audience `unsent` is that of `ticketing campaigns plan`")
    with database.transaction() as connection:
        rule = rule_queries.insert_rule(connection, event.id, new, at=at, by=by)
        _record(connection, rule, "campaign_rules.create", by=by)
    return rule


def preview_rule(database: Database, event: Event, rule_id: int) -> CampaignPlan:
    """Return what the rule would send if it were due now. Changes nothing."""
    with database.transaction() as connection:
        rule = rule_queries.lock(connection, event.id, rule_id)
        return _plan(connection, event, rule)


def disable_rule(database: Database, event: Event, rule_id: int, *, at: datetime, by: str) -> None:
    """Never apply a rule; safe to repeat. Refuses one that was applied."""
    with database.transaction() as connection:
        rule = rule_queries.lock(connection, event.id, rule_id)
        state = rule.state(event, at=at)
        if state is RuleState.APPLIED:
            raise ImpossibleTransition(
                f"rule {rule_id} was applied; `ticketing deliveries cancel` stops its messages"
            )
        if state is not RuleState.DISABLED:
            rule_queries.set_disabled(connection, rule_id, at=at)
            _record(connection, rule, "campaign_rules.disable", by=by)


def apply_due_rules(database: Database, *, at: datetime, by: str) -> int:
    """Apply all due rules; return the number of messages. Safe to repeat and to run at once.

    None after a restore until staff have decided: a rule may have been applied after the backup.
    """
    if database.run(restore_queries.is_unfinished):
        return 0
    due = database.run(list_due_rules, at=at)
    return sum(database.run(_apply, rule_id, at=at, by=by) for rule_id in due)


def list_due_rules(connection: Connection, *, at: datetime) -> list[int]:
    """Return the ids of the rules that have to be applied now."""
    return [
        rule.id
        for rule in rule_queries.list_waiting(connection, at=at)
        if rule.is_due(event_queries.get(connection, str(rule.event_id)), at=at)
    ]


def _apply(connection: Connection, rule_id: int, *, at: datetime, by: str) -> int:
    """Apply one rule, unless another process does; return the number of messages."""
    rule = rule_queries.lock_if_free(connection, rule_id)
    if rule is None:
        return 0
    event = event_queries.get(connection, str(rule.event_id))
    if not rule.is_due(event, at=at):  # applied or disabled meanwhile
        return 0
    plan = _plan(connection, event, rule)
    enqueue_plan(connection, event, plan, revision=rule.revision, message=rule.message)
    rule_queries.set_applied(connection, rule.id, ticket_count=len(plan.tickets), at=at)
    _record(connection, rule, "campaign_rules.apply", by=by, items=len(plan.tickets))
    return len(plan.tickets)


def _plan(connection: Connection, event: Event, rule: SendingRule) -> CampaignPlan:
    return build_plan(connection, event, rule.channels, rule.audience, heading=f"rule {rule.id}")


def _record(
    connection: Connection, rule: SendingRule, action: str, *, by: str, items: int = 0
) -> None:
    audit_log.record(
        connection, by, action, event_id=rule.event_id, subject=f"rule {rule.id}", items=items,
        details={"audience": rule.audience, "message": rule.message, "by": list(rule.channels)},
    )  # fmt: skip
