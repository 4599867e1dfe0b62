"""Vouchers whose money goes back, or was never ours, end; the package has its stock again."""

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

Made = Callable[[], list[Voucher]]


@pytest.fixture
def give_back(database: Database, now: datetime) -> Callable[..., RefundPlan]:
    """Refunds an order, all of it or some places."""

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
def states(made: Made) -> Callable[[], list[tuple[str, str]]]:
    """How every voucher stands, and why it ends."""
    return lambda: [(one.state.value, one.revoked_reason) for one in made()]


@pytest.fixture
def look(database: Database) -> Callable[[Order, StoredPackage], tuple[OrderState, Stock]]:
    """How an order stands, and its package's stock."""

    def ask(order: Order, package: StoredPackage) -> tuple[OrderState, Stock]:
        with database.transaction() as connection:
            now_is = order_queries.lock(connection, order.id)
            return now_is.state, stock_queries.get_stock(connection, package.ticket_type_id)

    return ask


def test_a_refund_takes_vouchers_off_the_router_and_frees_their_stock(
    offer: Callable[..., StoredPackage],
    buy: Callable[..., Order],
    provision: Callable[[], ProvisionResult],
    give_back: Callable[..., RefundPlan],
    device: RouterOsSimulator,
    states: Callable[[], list[tuple[str, str]]],
    look: Callable[[Order, StoredPackage], tuple[OrderState, Stock]],
) -> None:
    package = offer()
    order = buy(package, 3)
    provision()

    planned = give_back(order, 2)

    assert [(place.number, place.worth) for place in planned.places] == [(2, Rupiah(5_000))]
    assert (planned.places_left, planned.ends_order) == (2, False)
    assert states() == [("present", ""), ("ending", "refunded"), ("present", "")]
    assert look(order, package) == (OrderState.PAID, Stock(None, 0, 2))
    provision()
    assert states()[1] == ("gone", "refunded")
    assert len(device.users()) == 2

    rest = give_back(order)

    assert [place.number for place in rest.places] == [1, 3]
    assert look(order, package) == (OrderState.CANCELLED, Stock(None, 0, 0))
    provision()
    assert device.users() == []


def test_a_voucher_that_was_used_is_named_before_its_money_goes_back(
    offer: Callable[..., StoredPackage],
    buy: Callable[..., Order],
    give_back: Callable[..., RefundPlan],
    made: Made,
    database: Database,
    now: datetime,
    states: Callable[[], list[tuple[str, str]]],
) -> None:
    order = buy(offer(), 2)
    with database.transaction() as connection:
        known = made()[1]
        row = {"first_used_at": now, "state": "gone", "gone_at": now, "ending_why": "used up"}
        connection.execute(update(vouchers).where(vouchers.c.id == known.id).values(row))

    planned = give_back(order)

    assert planned.notes[-1] == "1 of 2 vouchers were used already: 2"
    assert [place.used for place in planned.places] == [False, True]
    assert states() == [("gone", "refunded")] * 2


def test_money_that_the_bank_took_back_ends_vouchers_that_are_made_and_those_that_are_not(
    offer: Callable[..., StoredPackage],
    buy: Callable[..., Order],
    provision: Callable[[], ProvisionResult],
    device: RouterOsSimulator,
    database: Database,
    now: datetime,
    states: Callable[[], list[tuple[str, str]]],
    look: Callable[[Order, StoredPackage], tuple[OrderState, Stock]],
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

    assert states() == [("gone", "reversed")] * 2
    assert device.users() == []
    assert look(first, package) == (OrderState.CANCELLED, Stock(None, 0, 0))


def test_orders_of_vouchers_are_sound_to_whoever_examines_sales(
    offer: Callable[..., StoredPackage],
    buy: Callable[..., Order],
    give_back: Callable[..., RefundPlan],
    database: Database,
    now: datetime,
) -> None:
    order = buy(offer(), 2)
    give_back(order, 1)

    later = now + timedelta(hours=1)
    with database.transaction() as connection:
        told = order_history_queries.get_history(
            connection, order_queries.lock(connection, order.id)
        )

    assert check_orders_fulfilled(database, at=later).violations == []
    assert check_stock_counts(database).violations == []
    assert [(one.number, one.voucher, one.ending_why) for one in told.places] == [
        (1, VoucherState.REMOVED, "refunded"),
        (2, VoucherState.PENDING, ""),
    ]
