"""Erase the classes of fields whose time is over, event by event; safe to kill, and to repeat.

Each chunk of rows is one transaction with an entry in the audit log: the evidence of what was
erased, when, and by which rule.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from ticketing.people_data import retention_queries as queries
from ticketing.people_data.field_class import FieldClass
from ticketing.people_data.field_queries import FieldErasure, list_erasures
from ticketing.people_data.retention import DueErasure, RetentionRule, cutoff, list_due, rule_for
from ticketing.people_data.stored_files import CopyFolders, delete_files
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database

RETENTION_ACTION = "people.retention"
CHUNK = 5_000
_ALL = 1_000_000_000  # rows in a preview


@dataclass(frozen=True, slots=True)
class RetentionResult:
    """Rows and files of one class erased, or to be erased, by one rule."""

    field_class: FieldClass
    event: str  # empty: of no event
    days: int
    rows: int
    waiting_orders: int = 0  # unfinished: nothing was erased


@dataclass(frozen=True, slots=True)
class Retention:
    """Applies the rules, or with `preview` counts what they would erase."""

    database: Database
    copies: CopyFolders
    at: datetime
    by: str
    preview: bool = False

    def apply(self) -> list[RetentionResult]:
        """Apply every rule; return the results that are not empty."""
        rules = self.database.run(queries.list_rules)
        events = self.database.run(queries.list_ended_events, at=self.at)
        results = [self._apply_to_event(due) for due in list_due(rules, events, at=self.at)]
        results += self._apply_to_no_event(rules)
        return [one for one in results if one.rows or one.waiting_orders]

    def _apply_to_event(self, due: DueErasure) -> RetentionResult:
        rule, event = due.rule, due.event
        rows = 0
        if not event.unfinished_orders:
            for erasure in list_erasures(rule.field_class):
                rows += self._erase(erasure, due)
            if rule.field_class is FieldClass.NOTIFICATIONS:
                rows += self._reduce(rule, event.id)
        return RetentionResult(
            rule.field_class, event.slug, rule.days or 0, rows, event.unfinished_orders
        )

    def _apply_to_no_event(self, rules: Iterable[RetentionRule]) -> Iterable[RetentionResult]:
        """Erase what belongs to no event by its age, under the rules of every event."""
        known = list(rules)
        if rule := rule_for(known, FieldClass.NOTIFICATIONS, None):
            yield RetentionResult(rule.field_class, "", rule.days or 0, self._reduce(rule, None))
        if rule := rule_for(known, FieldClass.REJECTED_ROWS, None):
            yield RetentionResult(rule.field_class, "", rule.days or 0, self._delete_copies(rule))

    def _erase(self, erasure: FieldErasure, due: DueErasure) -> int:
        if self.preview:
            return self.database.run(queries.count_fields, erasure, due.event.id)
        total = 0
        while True:
            with self.database.transaction() as connection:
                rows = queries.erase_fields(connection, erasure, due.event.id, limit=CHUNK)
                if not rows:
                    return total
                audit_log.record(
                    connection, self.by, RETENTION_ACTION, event_id=due.event.id,
                    subject=due.event.slug, items=rows,
                    details=_details(due.rule) | {"table": erasure.table.name},
                )  # fmt: skip
            total += rows

    def _reduce(self, rule: RetentionRule, event_id: int | None) -> int:
        total, limit = 0, _ALL if self.preview else CHUNK
        while True:
            with self.database.transaction() as connection:
                found = queries.list_notifications(
                    connection, event_id, before=cutoff(rule, self.at), limit=limit
                )
                if not found or self.preview:
                    return total + len(found)
                queries.reduce_notifications(connection, found)
                audit_log.record(
                    connection, self.by, RETENTION_ACTION, event_id=event_id, items=len(found),
                    details=_details(rule) | {"table": "inbound_webhooks"},
                )  # fmt: skip
            total += len(found)

    def _delete_copies(self, rule: RetentionRule) -> int:
        """Delete old copies of rosters; return their number."""
        found = self.copies.list_older(cutoff(rule, self.at).timestamp())
        if found and not self.preview:
            # recorded first: a run that is killed leaves too much evidence, never too little
            with self.database.transaction() as connection:
                audit_log.record(
                    connection, self.by, RETENTION_ACTION, items=len(found),
                    details=_details(rule) | {"table": "files"},
                )  # fmt: skip
            delete_files(found)
        return len(found)


def _details(rule: RetentionRule) -> dict[str, object]:
    return {
        "class": rule.field_class, "days": rule.days,
        "rule": "event" if rule.event_id is not None else "default",
    }  # fmt: skip
