"""Cleaning an event's vouchers up: planned, then applied; orders stay as they are for ever."""

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection

from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.digest import digest
from ticketing.platform.kernel.errors import PlanOutdated
from ticketing.vouchers import cleanup_queries
from ticketing.vouchers.cleanup_queries import EXPIRED, CleanupCounts
from ticketing.vouchers.maintenance import CLEAN_UP_ACTION, CleanupResult, revoke_in_chunks
from ticketing.vouchers.transition_queries import CLEANED_UP

LEFT_OVER = "left_over"


@dataclass(frozen=True, slots=True)
class CleanupPlan:
    """What a clean-up would end; `plan_hash` names it."""

    event: str
    left_over: CleanupCounts  # of orders that came to nothing
    expired: CleanupCounts
    plan_hash: str


def plan_clean_up(database: Database, event: Event, *, at: datetime, by: str) -> CleanupPlan:
    """What cleaning up would end. The plan is kept under its hash, for applying it."""
    with database.transaction() as connection:
        counted = _count_by_kind(connection, event, as_of=at)
        plan_hash = digest([event.uid, {kind: asdict(one) for kind, one in counted.items()}])
        cleanup_queries.insert_plan(
            connection, event.id, counted, plan_hash=plan_hash, at=at, by=by
        )
    return CleanupPlan(event.slug, counted[LEFT_OVER], counted[EXPIRED], plan_hash)


def apply_clean_up(
    database: Database, event: Event, *, plan_hash: str, at: datetime, by: str
) -> CleanupResult:
    """End what was planned; killed anywhere, the same again goes on.

    Refuses when there is more to end than was planned. What has run out since is the next plan's.
    """
    with database.transaction() as connection:
        planned = cleanup_queries.get_plan(connection, event.id, plan_hash)
        now = _count_by_kind(connection, event, as_of=planned.as_of)
    for kind, one in now.items():
        if one.vouchers > planned.vouchers[kind]:
            raise PlanOutdated(
                f"{event.slug} has changed since the plan: now {one.vouchers:,} vouchers"
                f" ({kind.replace('_', ' ')}) would end, and {planned.vouchers[kind]:,} were"
                " planned; plan again"
            )
    ended = {
        kind: revoke_in_chunks(
            database,
            these,
            reason=CLEANED_UP if kind == LEFT_OVER else EXPIRED,
            action=CLEAN_UP_ACTION,
            at=at,
            by=by,
        )
        for kind, these in _conditions_by_kind(event, as_of=planned.as_of).items()
    }
    return CleanupResult(ended[LEFT_OVER], ended[EXPIRED])


def _count_by_kind(
    connection: Connection, event: Event, *, as_of: datetime
) -> dict[str, CleanupCounts]:
    kinds = _conditions_by_kind(event, as_of=as_of)
    return {
        kind: cleanup_queries.count_vouchers(connection, these) for kind, these in kinds.items()
    }


def _conditions_by_kind(event: Event, *, as_of: datetime) -> dict[str, ColumnElement[bool]]:
    return {
        LEFT_OVER: cleanup_queries.is_left_over(event.id),
        EXPIRED: cleanup_queries.is_expired_of_event(event.id, as_of=as_of),
    }
