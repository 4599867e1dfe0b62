"""Queries for the trend of vouchers per hour or day, and for manual interventions."""

from datetime import datetime, tzinfo
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    and_,
    case,
    cast,
    func,
    or_,
    select,
)

from ticketing.monitoring.dashboard_queries import event_conditions, sum_or_zero
from ticketing.monitoring.purchase_queries import SENT_STATES
from ticketing.monitoring.rates import intervention_stats
from ticketing.monitoring.schemas_dashboard import InterventionStatsResponse, TrendPointResponse
from ticketing.orders.order import OrderState
from ticketing.platform.db.conditions import is_within
from ticketing.platform.db.outbox import VOUCHERS_READY
from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.notifications import deliveries
from ticketing.platform.db.tables.operations import audit_log
from ticketing.platform.db.tables.orders import order_lines, orders
from ticketing.platform.db.tables.outbox import outbox
from ticketing.platform.db.tables.vouchers import packages, voucher_history, vouchers
from ticketing.platform.kernel.time_span import TimeSpan, TimeStep
from ticketing.vouchers.model import UNPLACED_STATES, VoucherState

# manual actions that a purchase normally does not need
_MANUAL_ACTIONS = ("vouchers.regenerate", "vouchers.reissue")
_RESEND_ACTION = "deliveries.resend"
_HUMAN_ACTOR_PREFIXES = ("api:", "cli:")  # of people; automatic processes have other names


def count_interventions(connection: Connection, span: TimeSpan) -> InterventionStatsResponse:
    """Count manual interventions and failures resolved by retries in the span."""
    resent = case((audit_log.c.action == _RESEND_ACTION, audit_log.c.subject))
    manual_actions = (
        select(func.count())
        .select_from(audit_log)
        .outerjoin(deliveries, deliveries.c.id == cast(resent, BigInteger))
        .outerjoin(outbox, outbox.c.id == deliveries.c.outbox_id)
        .where(
            or_(audit_log.c.action.in_(_MANUAL_ACTIONS), outbox.c.purpose == VOUCHERS_READY),
            or_(*(audit_log.c.actor.startswith(prefix) for prefix in _HUMAN_ACTOR_PREFIXES)),
            is_within(audit_log.c.at, span),
        )
    )
    retried_vouchers = (
        select(func.count(voucher_history.c.voucher_id.distinct()))
        .join(vouchers, vouchers.c.id == voucher_history.c.voucher_id)
        .where(
            _is_failed_attempt(),
            is_within(voucher_history.c.at, span),
            vouchers.c.state.not_in(UNPLACED_STATES),
        )
    )
    retried_messages = (
        select(func.count())
        .select_from(deliveries)
        .join(outbox, outbox.c.id == deliveries.c.outbox_id)
        .where(
            outbox.c.purpose == VOUCHERS_READY,
            deliveries.c.attempt_count > 1,
            deliveries.c.state.in_(SENT_STATES),
            is_within(deliveries.c.completed_at, span),
        )
    )
    manual, provisioned, sent = (
        connection.execute(query).scalar_one()
        for query in (manual_actions, retried_vouchers, retried_messages)
    )
    return intervention_stats(manual, provisioned + sent)


def list_trend_points(
    connection: Connection, event_id: int | None, span: TimeSpan, step: TimeStep, zone: tzinfo
) -> dict[datetime, TrendPointResponse]:
    """Return the steps with activity, by their start."""
    points: dict[datetime, TrendPointResponse] = {}

    def add_points(query: Select[Any], *names: str) -> None:
        for at, *numbers in connection.execute(query):
            step_start = at.astimezone(zone)
            known = points.get(step_start, TrendPointResponse(at=step_start))
            counted = dict(zip(names, numbers, strict=True))
            points[step_start] = known.model_copy(update=counted)

    def stepped(column: ColumnElement[Any], *counted: ColumnElement[Any]) -> Select[Any]:
        began = func.date_trunc(step.value, column, str(zone)).label("began")
        return select(began, *counted).where(is_within(column, span)).group_by(began)

    bought = orders.c.id.in_(
        select(order_lines.c.order_id).join(
            packages, packages.c.ticket_type_id == order_lines.c.ticket_type_id
        )
    )
    paid = stepped(orders.c.paid_at, func.count(), sum_or_zero(orders.c.total - orders.c.refunded))
    paid = paid.where(orders.c.state == OrderState.PAID, bought, *event_conditions(event_id))
    add_points(paid, "purchases", "revenue")
    history = stepped(
        voucher_history.c.at,
        func.count().filter(voucher_history.c.state == VoucherState.ACTIVE),
        func.count().filter(_is_failed_attempt()),
    )
    if event_id is not None:
        history = (
            history.join(vouchers, vouchers.c.id == voucher_history.c.voucher_id)
            .join(ticket_types, ticket_types.c.id == vouchers.c.ticket_type_id)
            .where(ticket_types.c.event_id == event_id)
        )
    add_points(history, "vouchers_made", "failed_tries")
    return points


def _is_failed_attempt() -> ColumnElement[bool]:
    """Return the condition: the history entry is a refusal by a router or a missing reply."""
    return and_(voucher_history.c.state == VoucherState.PENDING, voucher_history.c.reason != "")
