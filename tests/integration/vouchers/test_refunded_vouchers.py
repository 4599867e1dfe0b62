"""Tests of vouchers of refunded or reversed orders: revoked, and the stock is released."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import update

from simulators.routeros.server import RouterOsSimulator
from ticketing.catalogue import stock_queries
from ticketing.catalogue.stock import Stock
from ticketing.orders import queries as order_queries
from ticketing.orders.order import Order, OrderState
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.vouchers import vouchers
from ticketing.platform.kernel.money import Rupiah
from ticketing.reporting.sales_checks import check_orders_fulfilled, check_stock_counts
from ticketing.selling.payments.complete_order import reverse_order
from ticketing.selling.refunds import order_history_queries
from ticketing.selling.refunds.decide_refund import decide_refund
from ticketing.selling.refunds.refund_plan import RefundPlan, RefundRequest
from ticketing.selling.refunds.service import build_refund_plan
from ticketing.vouchers.model import VoucherState
from ticketing.vouchers.package_queries import StoredPackage
from ticketing.vouchers.provisioning.context import ProvisionResult
from ticketing.vouchers.queries import Voucher

ListVouchers = Callable[[], list[Voucher]]


@pytest.fixture
def refund(database: Database, now: datetime) -> Callable[..., RefundPlan]:
    """Return a function that refunds an order or some of its places."""

    def decide(order: Order, *places: int) -> RefundPlan:
        with database.transaction() as connection:
            locked = order_queries.lock(connection, order.id)
            planned = build_refund_plan(
                connection, locked, RefundRequest(places=places or None), at=now
            )
            decide_refund(connection, locked, planned, at=now, by="operator")
        return planned

    return decide


@pytest.fixture
def states(list_vouchers: ListVouchers) -> Callable[[], list[tuple[str, str]]]:
    """Return a function that reads state and reason of every voucher."""
    return lambda: [(one.state.value, one.revoked_reason) for one in list_vouchers()]


@pytest.fixture
def order_and_stock(
    database: Database,
) -> Callable[[Order, StoredPackage], tuple[OrderState, Stock]]:
    """Return a function that reads the state of an order and the stock of its package."""

    def ask(order: Order, package: StoredPackage) -> tuple[OrderState, Stock]:
        with database.transaction() as connection:
            now_is = order_queries.lock(connection, order.id)
            return now_is.state, stock_queries.get_stock(connection, package.ticket_type_id)

    return ask


def test_a_refund_removes_vouchers_and_releases_their_stock(
    offer: Callable[..., StoredPackage],
    buy: Callable[..., Order],
    provision: Callable[[], ProvisionResult],
    refund: Callable[..., RefundPlan],
    device: RouterOsSimulator,
    states: Callable[[], list[tuple[str, str]]],
    order_and_stock: Callable[[Order, StoredPackage], tuple[OrderState, Stock]],
) -> None:
    package = offer()
    order = buy(package, 3)
    provision()

    planned = refund(order, 2)

    assert [(place.number, place.worth) for place in planned.places] == [(2, Rupiah(5_000))]
    assert (planned.places_left, planned.ends_order) == (2, False)
    assert states() == [("active", ""), ("revoking", "refunded"), ("active", "")]
    assert order_and_stock(order, package) == (OrderState.PAID, Stock(None, 0, 2))
    provision()
    assert states()[1] == ("removed", "refunded")
    assert len(device.users()) == 2

    rest = refund(order)

    assert [place.number for place in rest.places] == [1, 3]
    assert order_and_stock(order, package) == (OrderState.CANCELLED, Stock(None, 0, 0))
    provision()
    assert device.users() == []


def test_a_refund_plan_names_used_vouchers(
    offer: Callable[..., StoredPackage],
    buy: Callable[..., Order],
    refund: Callable[..., RefundPlan],
    list_vouchers: ListVouchers,
    database: Database,
    now: datetime,
    states: Callable[[], list[tuple[str, str]]],
) -> None:
    order = buy(offer(), 2)
    with database.transaction() as connection:
        known = list_vouchers()[1]
        row = {
            "first_used_at": now,
            "state": "removed",
            "removed_at": now,
            "revoked_reason": "used up",
        }
        connection.execute(update(vouchers).where(vouchers.c.id == known.id).values(row))

    planned = refund(order)

    assert planned.notes[-1] == "1 of 2 vouchers were used already: 2"
    assert [place.used for place in planned.places] == [False, True]
    assert states() == [("removed", "refunded")] * 2


def test_a_reversed_payment_ends_active_and_pending_vouchers(
    offer: Callable[..., StoredPackage],
    buy: Callable[..., Order],
    provision: Callable[[], ProvisionResult],
    device: RouterOsSimulator,
    database: Database,
    now: datetime,
    states: Callable[[], list[tuple[str, str]]],
    order_and_stock: Callable[[Order, StoredPackage], tuple[OrderState, Stock]],
) -> None:
    package = offer()
    first = buy(package)
    provision()
    second = buy(package)

    with database.transaction() as connection:
        for order in (first, second):
            reverse_order(
                connection, order_queries.lock(connection, order.id), at=now, by="gateway"
            )
    provision()

    assert states() == [("removed", "reversed")] * 2
    assert device.users() == []
    assert order_and_stock(first, package) == (OrderState.CANCELLED, Stock(None, 0, 0))


def test_voucher_orders_violate_no_sales_invariant(
    offer: Callable[..., StoredPackage],
    buy: Callable[..., Order],
    refund: Callable[..., RefundPlan],
    database: Database,
    now: datetime,
) -> None:
    order = buy(offer(), 2)
    refund(order, 1)

    later = now + timedelta(hours=1)
    with database.transaction() as connection:
        told = order_history_queries.get_history(
            connection, order_queries.lock(connection, order.id)
        )

    assert check_orders_fulfilled(database, at=later).violations == []
    assert check_stock_counts(database).violations == []
    assert [(one.number, one.voucher, one.revoked_reason) for one in told.places] == [
        (1, VoucherState.REMOVED, "refunded"),
        (2, VoucherState.PENDING, ""),
    ]
