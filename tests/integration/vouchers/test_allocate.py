"""Who has paid for vouchers is owed them: with a code each, before any router is asked."""

import os
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import select

from simulators.routeros.server import RouterOsSimulator
from ticketing.orders.order import Order
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.roster import attendees
from ticketing.platform.db.tables.vouchers import voucher_history
from ticketing.vouchers import queries as voucher_queries
from ticketing.vouchers.allocate import allocate_vouchers, store_vouchers
from ticketing.vouchers.model import VoucherState
from ticketing.vouchers.package_queries import StoredPackage


def test_a_paid_order_is_owed_a_voucher_for_each_it_asked_for(
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


def test_nobody_is_put_on_the_list_of_guests_for_a_voucher(
    database: Database, offer: Callable[..., StoredPackage], buy: Callable[..., Order]
) -> None:
    buy(offer(), 2)

    with database.transaction() as connection:
        assert connection.execute(select(attendees.c.id)).all() == []


def test_owing_again_owes_nothing_more(
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


def test_a_code_that_was_somebody_elses_before_is_drawn_anew(
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


def test_every_move_of_a_voucher_is_in_its_story(
    database: Database, offer: Callable[..., StoredPackage], buy: Callable[..., Order]
) -> None:
    buy(offer())

    with database.transaction() as connection:
        story = connection.execute(select(voucher_history.c.state, voucher_history.c.actor)).all()
    assert [tuple(row) for row in story] == [("owed", "gateway")]
