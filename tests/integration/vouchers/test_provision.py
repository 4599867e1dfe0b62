"""Vouchers that are owed come to be on their router, each once, and their buyers are told."""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import select

from simulators.routeros.clock import StoppedClock
from simulators.routeros.faults import RouterFault
from simulators.routeros.server import RouterOsSimulator
from ticketing.crypto.keyring import KeyRing
from ticketing.orders.order import Order
from ticketing.platform.db.database import Database
from ticketing.platform.db.incidents import Incident
from ticketing.platform.db.tables.vouchers import voucher_history
from ticketing.routers.model import Marker
from ticketing.vouchers import order_queries, transition_queries
from ticketing.vouchers.model import ValidityStart, VoucherState
from ticketing.vouchers.package_queries import StoredPackage
from ticketing.vouchers.provisioning.context import ProvisionResult
from ticketing.vouchers.queries import Voucher
from ticketing.vouchers.transition_queries import REFUNDED

Offer = Callable[..., StoredPackage]
Buy = Callable[..., Order]
Provision = Callable[[], ProvisionResult]
Made = Callable[[], list[Voucher]]
Alerts = Callable[[], list[Incident]]
Told = Callable[[], list[tuple[str, str, str]]]

ADD = "/ip/hotspot/user/add"


def test_a_paid_order_has_its_vouchers_on_the_router_as_they_were_sold(
    device: RouterOsSimulator, keys: KeyRing, offer: Offer, buy: Buy, provision: Provision,
    made: Made, now: datetime,
) -> None:  # fmt: skip
    buy(offer(online_limit=timedelta(hours=1), bytes_limit=10**9))

    done = provision()

    (one,) = made()
    name = one.credentials.name
    assert (done.placed, done.trouble) == (1, "")
    assert (one.state, one.activated_at, one.expires_at) == (VoucherState.ACTIVE, now, None)
    assert device.users()[0].items() >= {
        "name": name, "password": one.credentials.password, "profile": "1h",
        "limit-uptime": "1h", "limit-bytes-total": "1000000000",
        "comment": str(Marker(keys.installation_id, one.key, name)),
    }.items()  # fmt: skip


def test_the_buyer_is_told_once_when_all_are_there(
    offer: Offer, buy: Buy, provision: Provision, told: Told
) -> None:
    order = buy(offer(), 3)

    provision()
    provision()

    assert order.buyer is not None
    assert told() == [("voucher.ready", order.code, order.buyer.phone)]


def test_fewer_than_ordered_is_not_told_of(
    device: RouterOsSimulator, clock: StoppedClock, offer: Offer, buy: Buy,
    provision: Provision, told: Told,
) -> None:  # fmt: skip
    buy(offer(), 3)
    device.faults.add(RouterFault("trap", ADD, skip=2))

    first = provision()
    told_then = told()
    clock.forward(seconds=3)
    second = provision()

    assert (first.placed, first.refused, first.completed_orders, told_then) == (2, 1, 0, [])
    assert (second.placed, second.completed_orders, len(told()), len(device.users())) == (
        1,
        1,
        1,
        3,
    )


def test_every_move_says_who_made_it(
    database: Database, offer: Offer, buy: Buy, provision: Provision
) -> None:
    buy(offer())

    provision()

    query = select(voucher_history.c.state, voucher_history.c.actor).order_by(voucher_history.c.id)
    with database.transaction() as connection:
        story = [tuple(row) for row in connection.execute(query)]
    assert story == [("pending", "gateway"), ("provisioning", "worker"), ("active", "worker")]


def test_one_that_counts_from_its_sale_loses_nothing_while_the_router_is_away(
    clock: StoppedClock, offer: Offer, buy: Buy, provision: Provision, made: Made, now: datetime
) -> None:
    buy(offer(validity_start=ValidityStart.FROM_SALE, validity=timedelta(hours=24)))

    clock.forward(minutes=5)
    provision()

    assert made()[0].expires_at == now + timedelta(hours=24, minutes=5)


def test_a_name_that_a_stranger_has_is_given_up_for_another(
    device: RouterOsSimulator, offer: Offer, buy: Buy, provision: Provision, made: Made
) -> None:
    buy(offer(), 2)
    first, second = made()
    device.add_user(first.credentials.name, comment="vc-123")

    provision()
    provision()

    renamed, kept = made()
    assert (renamed.key, kept.credentials) == (first.key, second.credentials)
    assert renamed.credentials.name not in {first.credentials.name, second.credentials.name}
    assert {row["name"]: row.get("comment") for row in device.users()}.keys() == {
        first.credentials.name, renamed.credentials.name, kept.credentials.name,
    }  # fmt: skip


def test_a_name_that_a_buyer_was_told_is_never_given_up(
    device: RouterOsSimulator, offer: Offer, buy: Buy, provision: Provision,
    made: Made, lose: Callable[[Voucher], None], alerts: Alerts,
) -> None:  # fmt: skip
    buy(offer())
    provision()
    before = made()[0]
    device.reset()
    device.add_profile("1h", shared_users="1")
    device.add_user(before.credentials.name)
    lose(before)

    done = provision()

    assert done.refused == 1
    assert made()[0].credentials == before.credentials
    assert [line.cause for line in alerts()] == ["package:5k"]


def test_a_missing_profile_is_told_once_and_keeps_nobody_else_waiting(
    clock: StoppedClock, offer: Offer, buy: Buy, provision: Provision, made: Made, alerts: Alerts
) -> None:
    wrong, right = offer("wrong", profile="1hour"), offer("right")
    buy(wrong, 2)
    buy(right)

    rounds = [provision()]
    clock.forward(seconds=1)
    buy(wrong)
    rounds.append(provision())

    assert [(done.placed, done.refused) for done in rounds] == [(1, 2), (0, 1)]
    assert [one.failed_at is not None for one in made()] == [True, True, False, True]
    (line,) = alerts()
    assert (line.cause, "3 vouchers of 2 orders" in line.message) == ("package:wrong", True)


def test_when_the_profile_is_there_its_buyers_get_theirs_by_themselves(
    device: RouterOsSimulator, clock: StoppedClock, offer: Offer, buy: Buy,
    provision: Provision, made: Made, alerts: Alerts,
) -> None:  # fmt: skip
    buy(offer(profile="1hour"), 2)
    provision()

    device.add_profile("1hour", shared_users="1")
    at_once = provision()
    clock.forward(minutes=11)
    later = provision()

    assert [line.resolved_at for line in alerts()] == [clock()]
    assert (at_once.has_progress, later.placed, later.completed_orders) == (False, 2, 1)
    assert [(one.failed_at, one.attempt_count, one.last_error) for one in made()] == [
        (None, 0, "")
    ] * 2


def test_what_has_ended_is_taken_off_with_whoever_is_online_by_it(
    device: RouterOsSimulator, offer: Offer, buy: Buy, provision: Provision, made: Made,
    end: Callable[[Voucher], None],
) -> None:  # fmt: skip
    buy(offer(), 2)
    provision()
    over, kept = made()
    device.log_in(over.credentials.name, over.credentials.password, "02:00:00:00:00:01")

    end(over)
    done = provision()

    assert (done.removed, device.online_users(), device.cookies()) == (1, [], [])
    assert [row["name"] for row in device.users()] == [kept.credentials.name]
    assert [one.state for one in made()] == [VoucherState.REMOVED, VoucherState.ACTIVE]


def test_a_row_that_is_not_ours_is_left_alone_and_that_is_said(
    device: RouterOsSimulator, offer: Offer, buy: Buy, provision: Provision, made: Made,
    end: Callable[[Voucher], None],
) -> None:  # fmt: skip
    buy(offer())
    provision()
    (one,) = made()
    device.reset()
    device.add_user(one.credentials.name, comment="mine, said the barkeeper")

    end(one)
    done = provision()

    assert (done.removed, done.foreign, len(device.users())) == (1, 1, 1)
    assert made()[0].state is VoucherState.REMOVED
    assert "not ours" in made()[0].last_error


def test_a_refused_removal_keeps_no_buyer_waiting(
    device: RouterOsSimulator, clock: StoppedClock, offer: Offer, buy: Buy, provision: Provision,
    made: Made, end: Callable[[Voucher], None],
) -> None:  # fmt: skip
    package = offer()
    buy(package)
    provision()
    end(made()[0])
    device.faults.add(
        RouterFault("trap", "/ip/hotspot/user/set", message="not enough permissions (9)")
    )

    refused = provision()
    buy(package)
    bought = provision()
    clock.forward(minutes=11)
    last = provision()

    assert [(done.placed, done.refused, done.removed) for done in (refused, bought, last)] == [
        (0, 1, 0), (1, 0, 0), (0, 0, 1),
    ]  # fmt: skip


def test_an_order_that_is_refunded_while_its_router_is_asked_stays_refunded(
    offer: Offer, buy: Buy, meanwhile: Callable[..., ProvisionResult], made: Made, told: Told,
    end: Callable[[Voucher], None], device: RouterOsSimulator, provision: Provision,
) -> None:  # fmt: skip
    buy(offer(), 2)

    done = meanwhile(lambda: [end(one) for one in made()])
    provision()

    assert (done.placed, done.removed, told()) == (0, 2, [])
    assert {one.state for one in made()} == {VoucherState.REMOVED}
    assert device.users() == []


def test_half_an_order_that_is_given_back_before_its_vouchers_are_made_is_whole(
    database: Database, offer: Offer, buy: Buy, provision: Provision, made: Made, told: Told,
    now: datetime,
) -> None:  # fmt: skip
    order = buy(offer(), 2)

    with database.transaction() as connection:
        transition_queries.revoke(connection, [made()[0].id], reason=REFUNDED, at=now)
        early = order_queries.enqueue_ready_notices(connection, [order.id])
    done = provision()

    assert (early, done.placed, done.completed_orders) == (0, 1, 1)
    assert [subject for _, subject, _ in told()] == [order.code]
