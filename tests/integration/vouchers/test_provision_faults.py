"""Routers that fail: nothing is lost or made twice, one is told once, and it heals by itself."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from simulators.routeros import faults
from simulators.routeros.clock import StoppedClock
from simulators.routeros.faults import RouterFault
from simulators.routeros.server import RouterOsSimulator
from ticketing.orders.order import Order
from ticketing.platform.db import notify
from ticketing.platform.db.database import Database
from ticketing.platform.db.incidents import Incident, IncidentKind
from ticketing.platform.db.tables.operations import audit_log
from ticketing.platform.db.tables.operations import incidents as incidents_table
from ticketing.platform.db.tables.outbox import outbox
from ticketing.platform.db.tables.vouchers import routers as routers_table
from ticketing.platform.db.tables.vouchers import voucher_history
from ticketing.platform.db.tables.vouchers import vouchers as vouchers_table
from ticketing.routers import queries as router_queries
from ticketing.routers.queries import StoredRouter
from ticketing.vouchers import order_queries
from ticketing.vouchers.model import PurchaseState, VoucherState
from ticketing.vouchers.package_queries import StoredPackage
from ticketing.vouchers.provisioning.context import ProvisionResult
from ticketing.vouchers.provisioning.provision import list_due_routers, routers_with_overdue_work
from ticketing.vouchers.queries import Voucher

Offer = Callable[..., StoredPackage]
Buy = Callable[..., Order]
Provision = Callable[[], ProvisionResult]
Made = Callable[[], list[Voucher]]
Alerts = Callable[[], list[Incident]]
Told = Callable[[], list[tuple[str, str, str]]]

ADD = "/ip/hotspot/user/add"


@pytest.fixture
def names_there(device: RouterOsSimulator) -> Callable[[], list[str]]:
    """What the router calls the rows it has."""

    def look() -> list[str]:
        return sorted(row["name"] for row in device.users())

    return look


@pytest.fixture
def give_up(clock: StoppedClock, provision: Provision) -> Callable[[], list[ProvisionResult]]:
    """The rounds until we stop trying."""

    def try_often() -> list[ProvisionResult]:
        rounds = []
        for _ in range(4):
            rounds.append(provision())
            clock.forward(seconds=40)
        return rounds

    return try_often


@pytest.fixture
def standing(database: Database) -> Callable[[Order], PurchaseState]:
    """What the buyer of an order is told."""

    def look(order: Order) -> PurchaseState:
        with database.transaction() as connection:
            return order_queries.find_purchases(connection, [order.id])[order.id].state

    return look


@pytest.fixture
def state(database: Database, lobby: StoredRouter) -> Callable[[], StoredRouter]:
    """The router as its row has it."""

    def look() -> StoredRouter:
        with database.transaction() as connection:
            return router_queries.get_by_id(connection, lobby.id)

    return look


@pytest.fixture
def everything(database: Database) -> Callable[[], str]:
    """What is written of vouchers and routers, but for the vouchers' names and passwords."""

    def look() -> str:
        tables = [
            select(routers_table), select(voucher_history), select(audit_log), select(outbox),
            select(incidents_table), select(vouchers_table.c.last_error),
        ]  # fmt: skip
        with database.transaction() as connection:
            rows = [connection.execute(query).all() for query in tables]
        return repr(rows)

    return look


@pytest.mark.parametrize("kind", ["drop", "act-then-drop", "cut", "fatal", "reboot"])
def test_after_any_break_all_that_is_owed_is_there_once(
    device: RouterOsSimulator, clock: StoppedClock, offer: Offer, buy: Buy,
    provision: Provision, made: Made, told: Told, names_there: Callable[[], list[str]],
    kind: faults.Kind,
) -> None:  # fmt: skip
    buy(offer(), 20)
    device.faults.add(RouterFault(kind, ADD, skip=7, seconds=0))

    first = provision()
    clock.forward(seconds=3)
    provision()

    assert first.placed >= 7
    assert names_there() == sorted(one.credentials.name for one in made())
    assert {one.state for one in made()} == {VoucherState.ACTIVE}
    assert len(told()) == 1


def test_a_router_that_did_it_and_can_be_asked_again_is_in_no_trouble(
    device: RouterOsSimulator, offer: Offer, buy: Buy, provision: Provision
) -> None:
    buy(offer(), 5)
    device.faults.add(RouterFault("act-then-drop", ADD, skip=4))

    done = provision()

    assert (done.placed, done.trouble) == (5, "")


def test_what_cannot_be_read_back_now_is_not_asked_for_again(
    device: RouterOsSimulator, clock: StoppedClock, offer: Offer, buy: Buy,
    provision: Provision, made: Made, names_there: Callable[[], list[str]],
) -> None:  # fmt: skip
    buy(offer())
    device.faults.add(
        RouterFault("act-then-drop", ADD), RouterFault("drop", "/ip/hotspot/user/print")
    )

    first = provision()
    left = made()[0].state
    clock.forward(seconds=3)
    second = provision()

    assert (first.placed, left, second.placed) == (0, VoucherState.PROVISIONING, 1)
    assert names_there() == [made()[0].credentials.name]


def test_a_router_that_rests_is_not_asked(
    database: Database, device: RouterOsSimulator, clock: StoppedClock, offer: Offer, buy: Buy,
    provision: Provision,
) -> None:  # fmt: skip
    buy(offer())
    device.power_off()
    provision()
    device.power_on()

    assert list_due_routers(database, at=clock()) == []
    assert provision().placed == 0
    clock.forward(seconds=3)
    assert provision().placed == 1


def test_a_router_that_failed_is_asked_how_it_is_before_anything_else(
    device: RouterOsSimulator,
    offer: Offer,
    buy: Buy,
    give_up: Callable[[], list[ProvisionResult]],
    made: Made,
) -> None:
    buy(offer())
    device.power_off()

    give_up()

    assert [(one.state, one.attempt_count) for one in made()] == [(VoucherState.PENDING, 1)]


def test_after_three_retries_the_buyer_sees_it_and_the_organiser_is_told_once(
    device: RouterOsSimulator, clock: StoppedClock, offer: Offer, buy: Buy,
    provision: Provision, give_up: Callable[[], list[ProvisionResult]], alerts: Alerts,
    standing: Callable[[Order], PurchaseState],
) -> None:  # fmt: skip
    package = offer()
    order = buy(package, 2)
    device.power_off()

    give_up()
    late = buy(package)
    for _ in range(3):
        provision()
        clock.forward(minutes=1)

    (line,) = alerts()
    assert (line.kind, "3 vouchers of 2 orders" in line.message) == (IncidentKind.ROUTER, True)
    assert {standing(order), standing(late)} == {PurchaseState.VOUCHER_GENERATION_FAILED}


def test_when_the_router_answers_all_goes_on_by_itself(
    device: RouterOsSimulator, clock: StoppedClock, offer: Offer, buy: Buy,
    provision: Provision, give_up: Callable[[], list[ProvisionResult]], made: Made, alerts: Alerts,
    state: Callable[[], StoredRouter], standing: Callable[[Order], PurchaseState],
) -> None:  # fmt: skip
    order = buy(offer(), 2)
    device.power_off()
    give_up()
    given_up = state()
    device.power_on()

    done = provision()

    assert [line.resolved_at for line in alerts()] == [clock()]
    assert (given_up.failure_count, state().failure_count, state().circuit_open_until) == (
        4,
        0,
        None,
    )
    assert (done.placed, standing(order)) == (2, PurchaseState.COMPLETED)
    assert [(one.failed_at, one.attempt_count) for one in made()] == [(None, 0)] * 2


def test_a_second_outage_is_told_of_again(
    device: RouterOsSimulator, offer: Offer, buy: Buy, provision: Provision,
    give_up: Callable[[], list[ProvisionResult]], alerts: Alerts,
) -> None:  # fmt: skip
    package = offer()
    for _ in range(2):
        buy(package)
        device.power_off()
        give_up()
        device.power_on()
        provision()

    assert [line.cause for line in alerts()] == ["router:lobby"] * 2


def test_a_router_that_answers_and_fails_at_its_work_is_given_up_on_too(
    device: RouterOsSimulator, offer: Offer, buy: Buy, give_up: Callable[[], list[ProvisionResult]],
    state: Callable[[], StoredRouter],
) -> None:  # fmt: skip
    buy(offer())
    device.faults.add(RouterFault("drop", ADD, times=4))

    give_up()

    assert state().failure_count == 4


def test_a_wrong_password_is_no_vouchers_fault(
    device: RouterOsSimulator, offer: Offer, buy: Buy, provision: Provision, made: Made
) -> None:
    buy(offer())
    device.accounts.clear()

    done = provision()

    assert "invalid user name or password" in done.trouble
    assert [(one.state, one.failed_at) for one in made()] == [(VoucherState.PENDING, None)]


def test_whoever_watches_sees_that_nobody_goes_to_a_router(
    database: Database, offer: Offer, buy: Buy, provision: Provision, now: datetime
) -> None:
    buy(offer())
    minute = timedelta(minutes=1)

    alone = routers_with_overdue_work(database, at=now, worker_grace=minute)
    with notify.listen(database):
        early = routers_with_overdue_work(database, at=now, worker_grace=minute)
        late = routers_with_overdue_work(database, at=now + minute, worker_grace=minute)
    provision()

    seen = [[router.name for router in found] for found in (alone, early, late)]
    assert seen == [["lobby"], [], ["lobby"]]
    assert routers_with_overdue_work(database, at=now + minute, worker_grace=minute) == []


@pytest.mark.parametrize("kind", ["trap", "fatal"])
def test_no_row_of_trouble_holds_what_opens_a_voucher_or_the_router(
    device: RouterOsSimulator, offer: Offer, buy: Buy,
    give_up: Callable[[], list[ProvisionResult]], made: Made, everything: Callable[[], str],
    kind: faults.Kind,
) -> None:  # fmt: skip
    buy(offer())
    secret = made()[0].credentials
    device.faults.add(
        RouterFault(
            kind, ADD, times=9, message=f"failure: cannot add {secret.name} {secret.password}"
        )
    )

    give_up()

    assert "failure: cannot add" in everything()
    assert secret.name not in everything()
    assert "simulator-password" not in everything()
