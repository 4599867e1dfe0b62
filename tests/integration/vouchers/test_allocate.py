"""Tests of allocating vouchers to paid orders, each with a code, before a router is called."""

import os
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import select

from simulators.routeros.server import RouterOsSimulator
from ticketing.orders.order import Order
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.roster import entitlements
from ticketing.platform.db.tables.vouchers import voucher_history
from ticketing.vouchers import queries as voucher_queries
from ticketing.vouchers.allocate import allocate_vouchers, store_vouchers
from ticketing.vouchers.model import VoucherState
from ticketing.vouchers.package_queries import StoredPackage


def test_a_paid_order_has_a_pending_voucher_for_each_ordered_one(
    database: Database,
    device: RouterOsSimulator,
    offer: Callable[..., StoredPackage],
    buy: Callable[..., Order],
    now: datetime,
) -> None:
    order = buy(offer(), 3)

    with database.transaction() as connection:
        owed = voucher_queries.list_of_order(connection, order.id)
    assert [(one.number, one.state, one.sold_at) for one in owed] == [
        (number, VoucherState.PENDING, now) for number in (1, 2, 3)
    ]
    assert len({one.credentials.name for one in owed}) == 3
    assert device.users() == []


def test_a_voucher_order_adds_no_guest(
    database: Database, offer: Callable[..., StoredPackage], buy: Callable[..., Order]
) -> None:
    buy(offer(), 2)

    with database.transaction() as connection:
        assert connection.execute(select(entitlements.c.id)).all() == []


def test_allocating_again_adds_no_voucher(
    database: Database,
    offer: Callable[..., StoredPackage],
    buy: Callable[..., Order],
    now: datetime,
) -> None:
    order = buy(offer(), 2)

    with database.transaction() as connection:
        again = allocate_vouchers(connection, order, at=now)

    with database.transaction() as connection:
        assert (again, len(voucher_queries.list_of_order(connection, order.id))) == (0, 2)


def test_a_code_used_before_is_replaced_by_a_new_one(
    database: Database,
    offer: Callable[..., StoredPackage],
    buy: Callable[..., Order],
    now: datetime,
) -> None:
    package = offer()
    theirs = buy(package)
    with database.transaction() as connection:
        (known,) = voucher_queries.list_of_order(connection, theirs.id)
        wanted = voucher_queries.NewVoucher(
            "VNEW", package.ticket_type_id, package.router_id, known.credentials
        )

        store_vouchers(connection, [wanted], package.rule, at=now, randomness=os.urandom)

        new = voucher_queries.list_where(connection)[-1]
    assert new.key == "VNEW"
    assert new.credentials.name not in {"", known.credentials.name}


def test_every_transition_of_a_voucher_is_in_its_history(
    database: Database, offer: Callable[..., StoredPackage], buy: Callable[..., Order]
) -> None:
    buy(offer())

    with database.transaction() as connection:
        history = connection.execute(select(voucher_history.c.state, voucher_history.c.actor)).all()
    assert [tuple(row) for row in history] == [("pending", "gateway")]
