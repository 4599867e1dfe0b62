"""Which vouchers are to end, and those that are to be asked for again.

Those that another transaction holds are left for the next run: a sweep waits for nobody.

What a clean-up of an event's vouchers would end, and plans of it by their hash.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from ticketing.orders.order import OrderState
from ticketing.platform.db.tables.sales import order_lines, orders, plans, ticket_types
from ticketing.platform.db.tables.vouchers import packages, routers, vouchers
from ticketing.platform.kernel.errors import PlanOutdated
from ticketing.vouchers import transition_queries
from ticketing.vouchers.model import ValidityStart, VoucherState

EXPIRED = "expired"

_ENDED_STATES = (VoucherState.REVOKING, VoucherState.REMOVED)
_UNPLACED_STATES = (VoucherState.PENDING, VoucherState.PROVISIONING)
_ENDED_ORDER_STATES = (OrderState.CANCELLED, OrderState.EXPIRED)


def revoke_matching(
    connection: Connection,
    *conditions: ColumnElement[bool],
    reason: str,
    at: datetime,
    limit: int | None = None,
) -> int:
    """End the oldest so many of the vouchers of which all this is so, or all; gives how many."""
    query = (
        select(vouchers.c.id)
        .where(vouchers.c.state.not_in(_ENDED_STATES), *conditions)
        .order_by(vouchers.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ids = connection.execute(query).scalars().all()
    return transition_queries.revoke(connection, ids, reason=reason, at=at) if ids else 0


def is_of_order(order_id: int) -> ColumnElement[bool]:
    """Whether a voucher is an order's."""
    lines = select(order_lines.c.id).where(order_lines.c.order_id == order_id)
    return vouchers.c.order_line_id.in_(lines)


def is_of_ended_order(event_id: int | None = None) -> ColumnElement[bool]:
    """Whether a voucher is of an order that ended unpaid or was reversed; of one event, or any."""
    lines = (
        select(order_lines.c.id)
        .join(orders, orders.c.id == order_lines.c.order_id)
        .where(orders.c.state.in_(_ENDED_ORDER_STATES))
    )
    if event_id is not None:
        lines = lines.where(orders.c.event_id == event_id)
    return vouchers.c.order_line_id.in_(lines)


def is_expired(*, at: datetime) -> ColumnElement[bool]:
    """Whether a voucher that is on its router has been valid for long enough.

    One that seems never to have been used may have been since the last look at its router.
    """
    from_sale = exists().where(
        packages.c.ticket_type_id == vouchers.c.ticket_type_id,
        packages.c.counting == ValidityStart.FROM_SALE,
    )
    looked_since = exists().where(
        routers.c.id == vouchers.c.router_id, routers.c.compared_at >= vouchers.c.ends_at
    )
    return and_(
        vouchers.c.state == VoucherState.ACTIVE,
        vouchers.c.ends_at <= at,
        or_(vouchers.c.first_used_at.is_not(None), from_sale, looked_since),
    )


def requeue_order(connection: Connection, order_id: int, *, at: datetime) -> int:
    """Let the order's vouchers that wait for a later try be due now; gives how many."""
    waits = or_(vouchers.c.tries > 0, vouchers.c.next_try > at, vouchers.c.gave_up_at.is_not(None))
    due = (
        update(vouchers)
        .where(is_of_order(order_id), vouchers.c.state.in_(_UNPLACED_STATES), waits)
        .values(next_try=at, tries=0, gave_up_at=None)
    )
    return connection.execute(due).rowcount


def list_failed_order_ids(connection: Connection) -> list[int]:
    """The orders of which a voucher was given up on for now, by their number."""
    query = (
        select(order_lines.c.order_id)
        .join(vouchers, vouchers.c.order_line_id == order_lines.c.id)
        .where(vouchers.c.state.in_(_UNPLACED_STATES), vouchers.c.gave_up_at.is_not(None))
        .distinct()
        .order_by(order_lines.c.order_id)
    )
    return list(connection.execute(query).scalars())


_KIND = "clean_up"


@dataclass(frozen=True, slots=True)
class CleanupCounts:
    """So many vouchers, of so many orders; so many of them somebody has used. `newest`: its id."""

    vouchers: int
    orders: int
    used: int
    newest: int


@dataclass(frozen=True, slots=True)
class StoredCleanupPlan:
    """A plan that was kept: as of when, and how many vouchers of each kind."""

    as_of: datetime
    vouchers: Mapping[str, int]


def is_left_over(event_id: int) -> ColumnElement[bool]:
    """Whether a voucher is of an order of the event that came to nothing."""
    return is_of_ended_order(event_id)


def is_expired_of_event(event_id: int, *, as_of: datetime) -> ColumnElement[bool]:
    """Whether a voucher is of a package of the event, and out of its time."""
    sold = select(ticket_types.c.id).where(ticket_types.c.event_id == event_id)
    return is_expired(at=as_of) & vouchers.c.ticket_type_id.in_(sold)


def count_vouchers(connection: Connection, condition: ColumnElement[bool]) -> CleanupCounts:
    """How many there are to end."""
    query = (
        select(
            func.count(),
            func.count(order_lines.c.order_id.distinct()),
            func.count(vouchers.c.first_used_at),
            func.coalesce(func.max(vouchers.c.id), 0),
        )
        .select_from(vouchers)
        .outerjoin(order_lines, order_lines.c.id == vouchers.c.order_line_id)
        .where(condition, vouchers.c.state.not_in((VoucherState.REVOKING, VoucherState.REMOVED)))
    )
    return CleanupCounts(*connection.execute(query).one())


def insert_plan(
    connection: Connection,
    event_id: int,
    counts: Mapping[str, CleanupCounts],
    *,
    plan_hash: str,
    at: datetime,
    by: str,
) -> None:
    """Keep the plan; the same again changes nothing."""
    statement = insert(plans).values(
        hash=plan_hash,
        event_id=event_id,
        asked={_KIND: {kind: asdict(one) for kind, one in counts.items()}},
        made_by=by,
        made_at=at,
    )
    connection.execute(statement.on_conflict_do_nothing())


def get_plan(connection: Connection, event_id: int, plan_hash: str) -> StoredCleanupPlan:
    """The plan of that hash; refuses an unknown one."""
    query = select(plans.c.asked, plans.c.made_at).where(
        plans.c.hash == plan_hash, plans.c.event_id == event_id, plans.c.asked.has_key(_KIND)
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        raise PlanOutdated("there is no such plan; plan again")
    counted = {kind: one["vouchers"] for kind, one in row.asked[_KIND].items()}
    return StoredCleanupPlan(row.made_at, counted)
