"""Queries that find violations of sales invariants.

Each is one statement, so that it sees orders, payments and tickets at one instant. The texts of
violations are in `sales_checks.py`.
"""

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, case, exists, false, func, or_, select

from ticketing.events.model import TICKET_GRACE_PERIOD
from ticketing.orders.order import OrderState, ReviewFlag
from ticketing.orders.payment_attempt import AttemptState
from ticketing.orders.queries import ENTITLED_EARLY
from ticketing.platform.db.tables.catalogue import promos, ticket_types
from ticketing.platform.db.tables.events import events
from ticketing.platform.db.tables.orders import (
    order_idempotency_keys,
    order_lines,
    order_positions,
    order_review_flags,
    orders,
)
from ticketing.platform.db.tables.payments import order_instalments, payment_attempts
from ticketing.platform.db.tables.refunds import refunds
from ticketing.platform.db.tables.roster import entitlements
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.platform.db.tables.vouchers import packages
from ticketing.platform.kernel.money import Rupiah
from ticketing.tickets.model import TicketState

_STATES_WITH_MONEY = [
    state for state in AttemptState if state.has_taken_money and state is not AttemptState.REVERSED
]
HAS_MONEY = payment_attempts.c.state.in_(_STATES_WITH_MONEY)
_SURPLUS_FLAGS = (
    ReviewFlag.PAID_LATE,
    ReviewFlag.PAID_AFTER_CANCELLING,
    ReviewFlag.PAID_TWICE,
    ReviewFlag.AMOUNT_DIFFERS,
    ReviewFlag.MONEY_RETURNED,
    ReviewFlag.INSTALMENTS_UNFINISHED,
)


IS_PAID = orders.c.state == OrderState.PAID
IS_ON_SALE = ticket_types.c.on_sale.is_(True)
IS_PROMO = promos.c.id.is_not(None)


def count(connection: Connection, condition: ColumnElement[bool]) -> int:
    """Count the rows of one table that match the condition."""
    return connection.execute(select(func.count()).where(condition)).scalar_one()


def list_unallocated_payments(connection: Connection) -> list[tuple[str, str, Rupiah]]:
    """Return payments that pay no order, were not refunded and have no review flag.

    A row has the order's code, the attempt's key and the amount. The payment of an
    instalment belongs to its order until the rule of the plan releases it.
    """
    pays = or_(
        and_(orders.c.state == OrderState.PAID, orders.c.paid_attempt_id == payment_attempts.c.id),
        exists().where(order_instalments.c.paid_attempt_id == payment_attempts.c.id),
    )
    is_flagged = exists().where(
        order_review_flags.c.order_id == orders.c.id, order_review_flags.c.flag.in_(_SURPLUS_FLAGS)
    )
    has_refund = exists().where(refunds.c.order_id == orders.c.id)
    query = (
        select(orders.c.code, payment_attempts.c.key, payment_attempts.c.amount)
        .join(orders, orders.c.id == payment_attempts.c.order_id)
        .where(
            HAS_MONEY,
            ~func.coalesce(pays, false()),  # NULL for an order without payment
            payment_attempts.c.refunded < payment_attempts.c.amount,
            ~is_flagged,
            ~has_refund,
        )
        .order_by(payment_attempts.c.id)
    )
    rows = connection.execute(query)
    return [(code, key, Rupiah(amount)) for code, key, amount in rows]


def list_underpaid_orders(connection: Connection) -> list[str]:
    """Return codes of paid orders with a total whose payments are missing or differ from it.

    A difference that staff accepted counts as paid.
    """
    parts = select(order_instalments.c.paid_attempt_id).where(
        order_instalments.c.order_id == orders.c.id
    )
    is_full_payment = and_(
        orders.c.payment_plan_id.is_(None), payment_attempts.c.id == orders.c.paid_attempt_id
    )
    paid = (
        select(func.coalesce(func.sum(payment_attempts.c.amount), 0))
        .where(
            payment_attempts.c.order_id == orders.c.id,
            or_(is_full_payment, payment_attempts.c.id.in_(parts)),
            HAS_MONEY,
        )
        .correlate(orders)
        .scalar_subquery()
    )
    query = (
        select(orders.c.code)
        .where(
            orders.c.state == OrderState.PAID,
            orders.c.total > 0,
            paid != orders.c.total + orders.c.accepted_difference,
        )
        .order_by(orders.c.id)
    )
    return list(connection.execute(query).scalars())


def list_unflagged_duplicate_payments(connection: Connection) -> list[str]:
    """Return codes of orders, or of their instalments, paid several times without a review flag."""
    is_flagged = exists().where(
        order_review_flags.c.order_id == orders.c.id,
        order_review_flags.c.flag.in_((ReviewFlag.PAID_TWICE, ReviewFlag.AMOUNT_DIFFERS)),
    )
    query = (
        select(orders.c.code)
        .join(payment_attempts, payment_attempts.c.order_id == orders.c.id)
        .where(
            HAS_MONEY,
            payment_attempts.c.refunded < payment_attempts.c.amount,
            ~is_flagged,
            # an instalment charged back by the bank is paid again, with a review flag
            or_(
                payment_attempts.c.instalment_sequence.is_(None),
                payment_attempts.c.state != AttemptState.CHARGED_BACK,
            ),
        )
        .group_by(orders.c.id, payment_attempts.c.instalment_sequence)
        .having(func.count() > 1)
        .order_by(orders.c.id)
    )
    return list(connection.execute(query).scalars())


def list_orders_with_mismatched_places(
    connection: Connection, *, paid_before: datetime, at: datetime
) -> list[tuple[str, str, int, int, int, int]]:
    """Return orders of current events with unequal positions, entitlements, tickets and PDFs.

    A paid order has one of each per position not returned, any other none, except if its plan
    releases tickets with the first instalment. Orders paid after `paid_before` are still in
    progress, and entitlements on hold get their ticket later. A row has the code and the state of
    the order, and the four counts.
    """
    live = and_(
        generated_tickets.c.entitlement_id == entitlements.c.id,
        generated_tickets.c.state == TicketState.LIVE,
    )
    has_pdf = or_(
        generated_tickets.c.generated_at.is_not(None),
        generated_tickets.c.pdf_removed_at.is_not(None),
    )
    entitled = and_(entitlements.c.state == "entitled", order_positions.c.returned_at.is_(None))
    on_hold = and_(entitled, entitlements.c.hold_reason.is_not(None))
    position_counts = (
        select(
            order_lines.c.order_id,
            func.count().filter(entitled).label("entitled"),
            func.count(generated_tickets.c.id).label("live"),
            func.count().filter(has_pdf).label("printed"),
            func.count().filter(on_hold).label("on_hold"),
        )
        .select_from(order_lines)
        .join(order_positions, order_positions.c.order_line_id == order_lines.c.id)
        .join(entitlements, entitlements.c.id == order_positions.c.entitlement_id)
        .outerjoin(generated_tickets, live)
        .group_by(order_lines.c.order_id)
        .subquery()
    )
    sold = (
        select(
            order_lines.c.order_id,
            func.sum(order_lines.c.quantity - order_lines.c.returned).label("places"),
        )
        .outerjoin(packages, packages.c.ticket_type_id == order_lines.c.ticket_type_id)
        .where(packages.c.ticket_type_id.is_(None))  # vouchers are not positions
        .group_by(order_lines.c.order_id)
        .subquery()
    )
    early = exists().where(
        order_idempotency_keys.c.order_id == orders.c.id,
        order_idempotency_keys.c.key == ENTITLED_EARLY,
    )
    pending_early = and_(orders.c.state == OrderState.PENDING, early)
    has_places = or_(orders.c.state == OrderState.PAID, pending_early)
    places = case((has_places, sold.c.places), else_=0)
    due = places - func.coalesce(position_counts.c.on_hold, 0)
    counts = [func.coalesce(position_counts.c[name], 0) for name in ("entitled", "live", "printed")]
    query = (
        select(orders.c.code, orders.c.state, places, *counts)
        .join(events, events.c.id == orders.c.event_id)
        .join(sold, sold.c.order_id == orders.c.id)
        .outerjoin(position_counts, position_counts.c.order_id == orders.c.id)
        .where(
            events.c.ends_at + TICKET_GRACE_PERIOD >= at,
            or_(orders.c.paid_at.is_(None), orders.c.paid_at <= paid_before),
            ~and_(pending_early, early.where(order_idempotency_keys.c.created_at > paid_before)),
            or_(counts[0] != places, counts[1] != due, counts[2] != due),
        )
        .order_by(orders.c.id)
    )
    rows = connection.execute(query)
    return [(code, state, *map(int, numbers)) for code, state, *numbers in rows]
