"""Clean-up of an event's vouchers in two steps: plan, then apply by hash. Orders stay unchanged."""

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection

from ticketing.events.model import Event
from ticketing.platform.db import change_plans
from ticketing.platform.db.change_plans import PlanKind, PlanSubject
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.change_plan import plan_outdated
from ticketing.platform.kernel.digest import digest
from ticketing.vouchers import cleanup_queries
from ticketing.vouchers.cleanup_queries import EXPIRED, CleanupCounts
from ticketing.vouchers.maintenance import CLEAN_UP_ACTION, CleanupResult, revoke_in_chunks
from ticketing.vouchers.transition_queries import CLEANED_UP

LEFT_OVER = "left_over"


@dataclass(frozen=True, slots=True)
class CleanupPlan:
    """Vouchers that a clean-up would revoke, by kind; `plan_hash` identifies the plan."""

    event: str
    left_over: CleanupCounts  # of orders that ended unpaid or were reversed
    expired: CleanupCounts
    plan_hash: str


def plan_clean_up(database: Database, event: Event, *, at: datetime, by: str) -> CleanupPlan:
    """Count the vouchers to revoke and store the plan under its hash."""
    with database.transaction() as connection:
        counted = _count_by_kind(connection, event, as_of=at)
        plan_hash = digest([event.uid, {kind: asdict(one) for kind, one in counted.items()}])
        change_plans.store_plan(
            connection,
            PlanSubject(event.id),
            PlanKind.VOUCHER_CLEANUP,
            {kind: asdict(one) for kind, one in counted.items()},
            plan_hash=plan_hash,
            at=at,
            by=by,
        )
    return CleanupPlan(event.slug, counted[LEFT_OVER], counted[EXPIRED], plan_hash)


def apply_clean_up(
    database: Database, event: Event, *, plan_hash: str, at: datetime, by: str
) -> CleanupResult:
    """Revoke the planned vouchers; a repeated call continues after an interruption.

    Raise PlanOutdated if there are more vouchers to revoke than planned. Vouchers that expired
    after the plan are left for the next one.
    """
    with database.transaction() as connection:
        plan = change_plans.get_plan(
            connection, PlanSubject(event.id), PlanKind.VOUCHER_CLEANUP, plan_hash
        )
        counted = _count_by_kind(connection, event, as_of=plan.created_at)
    for kind, one in counted.items():
        planned: int = plan.parameters[kind]["vouchers"]
        if one.vouchers > planned:
            effect = (
                f"{one.vouchers:,} vouchers ({kind.replace('_', ' ')}) would be revoked, and"
                f" {planned:,} were planned"
            )
            raise plan_outdated(event.slug, effect)
    revoked = {
        kind: revoke_in_chunks(
            database,
            condition,
            reason=CLEANED_UP if kind == LEFT_OVER else EXPIRED,
            action=CLEAN_UP_ACTION,
            at=at,
            by=by,
        )
        for kind, condition in _conditions_by_kind(event, as_of=plan.created_at).items()
    }
    return CleanupResult(revoked[LEFT_OVER], revoked[EXPIRED])


def _count_by_kind(
    connection: Connection, event: Event, *, as_of: datetime
) -> dict[str, CleanupCounts]:
    kinds = _conditions_by_kind(event, as_of=as_of)
    return {
        kind: cleanup_queries.count_vouchers(connection, condition)
        for kind, condition in kinds.items()
    }


def _conditions_by_kind(event: Event, *, as_of: datetime) -> dict[str, ColumnElement[bool]]:
    return {
        LEFT_OVER: cleanup_queries.is_of_ended_order(event.id),
        EXPIRED: cleanup_queries.is_expired_of_event(event.id, as_of=as_of),
    }
