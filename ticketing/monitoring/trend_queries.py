"""What went on with vouchers hour by hour or day by day, and how often a person had to help."""

from datetime import datetime, tzinfo
from typing import Any, NamedTuple

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

from ticketing.monitoring.dashboard_queries import in_all, of_event
from ticketing.monitoring.purchase_queries import HANDED_OVER, UNSERVED
from ticketing.monitoring.rates import Repairs
from ticketing.orders.order import OrderState
from ticketing.platform.db.outbox import VOUCHERS
from ticketing.platform.db.tables.notifications import deliveries
from ticketing.platform.db.tables.operations import audit_log
from ticketing.platform.db.tables.sales import order_lines, orders, outbox, ticket_types
from ticketing.platform.db.tables.vouchers import packages, voucher_history, vouchers
from ticketing.platform.kernel.time_span import Span, Step
from ticketing.vouchers.model import VoucherState

# what a person does to a purchase that should not need one
_HELPED = ("vouchers.regenerate", "vouchers.reissue")
_SENT_AGAIN = "deliveries.resend"
_DOORS = ("api:", "cli:")  # of people; what runs by itself has other names


class Point(NamedTuple):
    """What was paid for in one step of a curve, and what was made in it or went wrong."""

    at: datetime
    purchases: int = 0
    revenue: int = 0
    made: int = 0
    failed_tries: int = 0


def repairs(connection: Connection, span: Span) -> Repairs:
    """What took a person in the span, and what came right after a failure without one."""
    resent = case((audit_log.c.action == _SENT_AGAIN, audit_log.c.subject))
    deeds = (
        select(func.count())
        .select_from(audit_log)
        .outerjoin(deliveries, deliveries.c.id == cast(resent, BigInteger))
        .outerjoin(outbox, outbox.c.id == deliveries.c.outbox_id)
        .where(
            or_(audit_log.c.action.in_(_HELPED), outbox.c.purpose == VOUCHERS),
            or_(*(audit_log.c.actor.startswith(door) for door in _DOORS)),
            span.has(audit_log.c.at),
        )
    )
    stumbled = (
        select(func.count(voucher_history.c.voucher_id.distinct()))
        .join(vouchers, vouchers.c.id == voucher_history.c.voucher_id)
        .where(
            _has_stumbled(),
            span.has(voucher_history.c.at),
            vouchers.c.state.not_in(UNSERVED),
        )
    )
    sent_again = (
        select(func.count())
        .select_from(deliveries)
        .join(outbox, outbox.c.id == deliveries.c.outbox_id)
        .where(
            outbox.c.purpose == VOUCHERS,
            deliveries.c.tries > 1,
            deliveries.c.state.in_(HANDED_OVER),
            span.has(deliveries.c.ended_at),
        )
    )
    by_person, overcome, arrived = (
        connection.execute(query).scalar_one() for query in (deeds, stumbled, sent_again)
    )
    return Repairs(by_person, overcome + arrived)


def curve(
    connection: Connection, event_id: int | None, span: Span, step: Step, zone: tzinfo
) -> dict[datetime, Point]:
    """The steps in which anything happened, by their beginning."""
    points: dict[datetime, Point] = {}

    def note(query: Select[Any], *names: str) -> None:
        for at, *numbers in connection.execute(query):
            begun = at.astimezone(zone)
            known = points.get(begun, Point(begun))
            points[begun] = known._replace(**dict(zip(names, numbers, strict=True)))

    def stepped(column: ColumnElement[Any], *counted: ColumnElement[Any]) -> Select[Any]:
        began = func.date_trunc(step.value, column, str(zone)).label("began")
        return select(began, *counted).where(span.has(column)).group_by(began)

    bought = orders.c.id.in_(
        select(order_lines.c.order_id).join(
            packages, packages.c.ticket_type_id == order_lines.c.ticket_type_id
        )
    )
    paid = stepped(orders.c.paid_at, func.count(), in_all(orders.c.total - orders.c.refunded))
    paid = paid.where(orders.c.state == OrderState.PAID, bought, *of_event(event_id))
    note(paid, "purchases", "revenue")
    history = stepped(
        voucher_history.c.at,
        func.count().filter(voucher_history.c.state == VoucherState.PRESENT),
        func.count().filter(_has_stumbled()),
    )
    if event_id is not None:
        history = (
            history.join(vouchers, vouchers.c.id == voucher_history.c.voucher_id)
            .join(ticket_types, ticket_types.c.id == vouchers.c.ticket_type_id)
            .where(ticket_types.c.event_id == event_id)
        )
    note(history, "made", "failed_tries")
    return points


def _has_stumbled() -> ColumnElement[bool]:
    """Whether a line of the history says that a router would not, or gave no answer."""
    return and_(voucher_history.c.state == VoucherState.OWED, voucher_history.c.why != "")
