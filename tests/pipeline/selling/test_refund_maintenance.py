"""Tests of the scheduled retry of refunds that did not reach the gateway."""

from collections.abc import Callable
from datetime import UTC, datetime

import dagster as dg
import pytest

from simulators.midtrans.faults import MidtransResponseFault
from simulators.midtrans.server import MidtransSimulator
from ticketing.orders.refund import RefundState
from ticketing.platform.db.database import Database
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.selling.payments.attempt_queries import PaymentAttempt
from ticketing.selling.payments.midtrans.client import Midtrans
from ticketing.selling.payments.settle import settle
from ticketing.selling.refunds.refund_plan import RefundRequest
from ticketing.selling.refunds.service import apply_refund, list_order_refunds, plan_refund


@pytest.mark.slow
@pytest.mark.usefixtures("impatient_gateway")
def test_refunds_waiting_for_the_gateway_are_sent_by_the_hourly_reconciliation(
    location: dg.Definitions,
    database: Database,
    gateway: Midtrans,
    midtrans: MidtransSimulator,
    order_positions: Callable[..., PlacedOrder],
    begin_payment: Callable[[PlacedOrder], PaymentAttempt],
    notify: Callable[[PaymentAttempt], None],
) -> None:
    placed, now = order_positions(2), datetime.now(UTC)
    attempt = begin_payment(placed)
    midtrans.push(attempt.key, "pay", "gopay")
    notify(attempt)
    settle(database, gateway, at=now, by="worker")
    planned = plan_refund(database, placed.order.code, RefundRequest(), at=now, by="operator")
    midtrans.faults.set(answers=[MidtransResponseFault("error", times=3)])
    apply_refund(
        database, gateway, placed.order.code, plan_hash=planned.plan_hash, at=now, by="operator"
    )
    waiting = list_order_refunds(database, placed.order.id)[1]

    done = location.resolve_job_def("payment_reconciliation").execute_in_process()

    assert done.success
    assert [one.state for one in waiting] == [RefundState.REQUESTED]
    assert [one.state for one in list_order_refunds(database, placed.order.id)[1]] == [
        RefundState.DONE
    ]
    assert midtrans.bank.status(attempt.key)["refund_amount"] == "100000.00"
