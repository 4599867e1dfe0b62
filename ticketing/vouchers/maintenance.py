"""Voucher maintenance: poll routers, revoke expired and left-over vouchers, fill pools, clean up.

Validity is counted here, because a router counts only the time a device is online. Left-over
vouchers are those of orders that ended unpaid or were reversed. Orders and rows of vouchers are
never deleted.
"""

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection

from ticketing.events.model import Event
from ticketing.orders import queries as order_queries
from ticketing.orders.order import OrderState
from ticketing.platform.db import audit_log, change_plans
from ticketing.platform.db.change_plans import PlanKind, PlanSubject
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.change_plan import digest, plan_outdated
from ticketing.platform.kernel.errors import StillOwed
from ticketing.vouchers import cleanup_queries
from ticketing.vouchers.allocate import PoolResult, fill_pools
from ticketing.vouchers.cleanup_queries import EXPIRED, CleanupCounts
from ticketing.vouchers.provisioning.poll_usage import Clock, PollResult, poll_routers
from ticketing.vouchers.provisioning.router_clients import RouterClientPool
from ticketing.vouchers.transition_queries import CLEANED_UP

CHUNK = 500


def expire_vouchers(database: Database, *, at: datetime, by: str, chunk: int = CHUNK) -> int:
    """Revoke every expired voucher. Safe to repeat, to run concurrently and to interrupt."""
    condition = cleanup_queries.is_expired(at=at)
    return revoke_in_chunks(
        database, condition, reason=EXPIRED, action="vouchers.expire", at=at, by=by, chunk=chunk
    )


def revoke_in_chunks(
    database: Database,
    condition: ColumnElement[bool],
    *,
    reason: str,
    action: str,
    at: datetime,
    by: str,
    chunk: int = CHUNK,
) -> int:
    """Revoke the matching vouchers in chunks, each with an audit entry; return their number."""
    total = 0
    while True:
        with database.transaction() as connection:
            revoked = cleanup_queries.revoke_matching(
                connection, condition, reason=reason, at=at, limit=chunk
            )
            if not revoked:
                return total
            audit_log.record(connection, actor=by, action=action, items=revoked)
        total += revoked


CLEAN_UP_ACTION = "vouchers.clean_up"


@dataclass(frozen=True, slots=True)
class CleanupResult:
    """Number of vouchers revoked by kind."""

    left_over: int = 0  # of orders that ended unpaid or were reversed
    expired: int = 0


def clean_up_order(database: Database, order_id: int, *, at: datetime, by: str) -> CleanupResult:
    """Revoke the vouchers of an order that ended unpaid or was reversed; safe to repeat.

    Raise StillOwed if the order is paid or can still be paid.
    """
    with database.transaction() as connection:
        order = order_queries.lock(connection, order_id)
        if order.state is OrderState.PAID:
            raise StillOwed(f"order {order.code} is paid; regenerate its vouchers or refund it")
        if order.state is OrderState.PENDING:
            raise StillOwed(f"order {order.code} can still be paid; cancel it first")
        revoked = cleanup_queries.revoke_matching(
            connection, cleanup_queries.is_of_order(order.id), reason=CLEANED_UP, at=at
        )
        if revoked:
            audit_log.record(
                connection,
                actor=by,
                action=CLEAN_UP_ACTION,
                event_id=order.event_id,
                subject=order.code,
                items=revoked,
            )
    return CleanupResult(left_over=revoked)


def clean_up_expired(database: Database, *, at: datetime, by: str) -> CleanupResult:
    """Revoke the left-over vouchers of all ended orders and every expired voucher."""
    condition = cleanup_queries.is_of_ended_order()
    left_over = revoke_in_chunks(
        database, condition, reason=CLEANED_UP, action=CLEAN_UP_ACTION, at=at, by=by
    )
    return CleanupResult(left_over, expire_vouchers(database, at=at, by=by))


@dataclass(frozen=True, slots=True)
class MaintenanceReport:
    """Result of each maintenance step."""

    polls: list[PollResult]
    clean_up: CleanupResult
    pools: PoolResult


def maintain_vouchers(
    database: Database, clients: RouterClientPool, *, clock: Clock, by: str
) -> MaintenanceReport:
    """Poll, revoke, fill the pools. Safe to repeat, run concurrently and interrupt."""
    polls = poll_routers(database, clients, clock=clock, by=by)
    at = clock()
    return MaintenanceReport(
        polls,
        clean_up_expired(database, at=at, by=by),
        fill_pools(database, at=at, by=by),
    )


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
        EXPIRED: cleanup_queries.is_expired(event.id, at=as_of),
    }
