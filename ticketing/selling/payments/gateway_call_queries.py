"""Queries for the numbers of requests to the gateway, by payment attempt and kind."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import BigInteger, Connection, Text, func, literal, select
from sqlalchemy.dialects.postgresql import insert

from ticketing.platform.db.tables.orders import orders
from ticketing.platform.db.tables.payments import gateway_calls, payment_attempts
from ticketing.selling.payments.midtrans.call_count import GatewayCall


@dataclass(frozen=True, slots=True)
class PaidOrderCalls:
    """The number of orders that were paid at the gateway, and the requests for them by kind."""

    orders: int = 0
    calls: Mapping[GatewayCall, int] = field(default_factory=dict)


def add(connection: Connection, attempt_key: str, calls: Mapping[GatewayCall, int]) -> None:
    """Add requests to an attempt's numbers; none if no attempt has the key."""
    for kind, number in sorted(calls.items()):
        counted = select(
            payment_attempts.c.id, literal(kind.value, Text), literal(number, BigInteger)
        ).where(payment_attempts.c.key == attempt_key)
        new = insert(gateway_calls).from_select(["attempt_id", "kind", "calls"], counted)
        connection.execute(
            new.on_conflict_do_update(
                index_elements=["attempt_id", "kind"],
                set_={"calls": gateway_calls.c.calls + new.excluded.calls},
            )
        )


def count_for_paid_orders(connection: Connection) -> PaidOrderCalls:
    """Count the paid orders whose requests were counted, and these requests."""
    counted = (
        select(payment_attempts.c.order_id, gateway_calls.c.kind, gateway_calls.c.calls)
        .join(payment_attempts, payment_attempts.c.id == gateway_calls.c.attempt_id)
        .join(orders, orders.c.id == payment_attempts.c.order_id)
        .where(orders.c.paid_attempt_id.is_not(None))
        .cte("counted")
    )
    number = connection.execute(select(func.count(counted.c.order_id.distinct()))).scalar_one()
    by_kind = select(counted.c.kind, func.sum(counted.c.calls)).group_by(counted.c.kind)
    calls = {GatewayCall(kind): int(total) for kind, total in connection.execute(by_kind)}
    return PaidOrderCalls(number, calls)
