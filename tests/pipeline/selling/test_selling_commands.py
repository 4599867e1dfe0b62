"""Tests of the commands that do the work of the sales schedules."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from subprocess import CompletedProcess

import pytest
from sqlalchemy import update

from simulators.midtrans.faults import MidtransResponseFault
from simulators.midtrans.server import MidtransSimulator
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.orders import orders
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.selling.payments.attempt_queries import PaymentAttempt

Pay = Callable[..., PlacedOrder]
Ticketing = Callable[..., CompletedProcess[str]]


@pytest.mark.slow
def test_a_lost_notification_is_reconciled_by_command(
    ticketing: Ticketing, pay: Pay, count_printed: Callable[[], int]
) -> None:
    pay(places=2, notified=False)

    reconciled = ticketing("payments", "reconcile")
    served = ticketing("worker", "--once")

    assert reconciled.stdout == "checked: 1, corrected: 1, agreed: 0, unused: 0\nmismatches: 0\n"
    assert (reconciled.returncode, served.returncode) == (0, 0)
    assert count_printed() == 2


def test_a_day_is_reconciled_and_differences_are_exit_code_1(
    ticketing: Ticketing, pay: Pay
) -> None:
    pay(places=1, notified=False)
    today = datetime.now(UTC) + timedelta(hours=7)

    compared = ticketing("payments", "reconcile", "--day", f"{today:%Y-%m-%d}", "--json")

    said = json.loads(compared.stdout)
    assert (said["attempts"], said["received"], said["receivedByGateway"]) == (1, 0, 50_000)
    assert said["mismatches"][0]["problem"] == "created here, settlement at the gateway"
    assert compared.returncode == 1


def test_overdue_orders_are_expired_by_command(
    database: Database,
    ticketing: Ticketing,
    order_positions: Callable[..., PlacedOrder],
    begin_payment: Callable[[PlacedOrder], PaymentAttempt],
) -> None:
    begin_payment(order_positions(2))
    with database.transaction() as connection:
        connection.execute(update(orders).values(expires_at=datetime.now(UTC)))

    done = ticketing("expire-orders")

    assert done.stdout == (
        "1 orders expired, 0 were paid after all, 0 unclear.\n0 buyers reminded of an instalment.\n"
    )
    assert done.returncode == 0


def test_an_unavailable_gateway_is_exit_code_1(
    database: Database,
    midtrans: MidtransSimulator,
    ticketing: Ticketing,
    order_positions: Callable[..., PlacedOrder],
    begin_payment: Callable[[PlacedOrder], PaymentAttempt],
) -> None:
    begin_payment(order_positions(2))
    midtrans.faults.set(answers=[MidtransResponseFault("error", times=3, path="/status")])
    with database.transaction() as connection:
        connection.execute(update(orders).values(expires_at=datetime.now(UTC)))

    done = ticketing("expire-orders", "--json")

    assert json.loads(done.stdout) == {"expired": 0, "left": 0, "reminded": 0, "stuck": 1}
    assert done.returncode == 1


def test_counts_are_recounted_by_command(
    database: Database, ticketing: Ticketing, pay: Pay
) -> None:
    pay(places=1)
    with database.transaction() as connection:
        connection.execute(update(ticket_types).values(pending=9))

    done = ticketing("orders", "recount", "--event", "wisuda-2026")

    assert done.stdout == "Corrected 1 ticket types and 0 promo codes.\n"
