"""Tests of router faults: no voucher is lost or doubled, one alert, automatic recovery."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from simulators.routeros import faults
from simulators.routeros.clock import StoppedClock
from simulators.routeros.faults import RouterFault
from simulators.routeros.refusals import DUPLICATE_USER
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
ListVouchers = Callable[[], list[Voucher]]
ListIncidents = Callable[[], list[Incident]]
VoucherMessages = Callable[[], list[tuple[str, str, str]]]

ADD = "/ip/hotspot/user/add"


@pytest.fixture
def router_user_names(device: RouterOsSimulator) -> Callable[[], list[str]]:
    """Return a function that lists the names of the router's users."""

    def fetch() -> list[str]:
        return sorted(row["name"] for row in device.users())

    return fetch


@pytest.fixture
def provision_until_given_up(
    clock: StoppedClock, provision: Provision
) -> Callable[[], list[ProvisionResult]]:
    """Return a function that provisions until retries are exhausted."""

    def provision_repeatedly() -> list[ProvisionResult]:
        rounds = []
        for _ in range(4):
            rounds.append(provision())
            clock.forward(seconds=40)
        return rounds

    return provision_repeatedly


@pytest.fixture
def purchase_state(database: Database) -> Callable[[Order], PurchaseState]:
    """Return a function that reads the state of a purchase as the buyer sees it."""

    def fetch(order: Order) -> PurchaseState:
        with database.transaction() as connection:
            return order_queries.find_purchases(connection, [order.id])[order.id].state

    return fetch


@pytest.fixture
def state(database: Database, stored_router: StoredRouter) -> Callable[[], StoredRouter]:
    """Return a function that reads the stored state of the router."""

    def fetch() -> StoredRouter:
        with database.transaction() as connection:
            return router_queries.get_by_id(connection, stored_router.id)

    return fetch


@pytest.fixture
def dump_tables(database: Database) -> Callable[[], str]:
    """Return a function that dumps all tables about vouchers and routers, without codes."""

    def fetch() -> str:
        tables = [
            select(routers_table), select(voucher_history), select(audit_log), select(outbox),
            select(incidents_table), select(vouchers_table.c.last_error),
        ]  # fmt: skip
        with database.transaction() as connection:
            rows = [connection.execute(query).all() for query in tables]
        return repr(rows)

    return fetch


@pytest.mark.parametrize("kind", ["drop", "act-then-drop", "cut", "fatal", "reboot"])
def test_after_any_fault_each_pending_voucher_exists_once(
    device: RouterOsSimulator, clock: StoppedClock, offer: Offer, buy: Buy,
    provision: Provision, list_vouchers: ListVouchers, voucher_messages: VoucherMessages,
    router_user_names: Callable[[], list[str]],
    kind: faults.Kind,
) -> None:  # fmt: skip
    buy(offer(), 20)
    device.faults.add(RouterFault(kind, ADD, skip=7, seconds=0))

    first = provision()
    clock.forward(seconds=3)
    provision()

    assert first.placed >= 7
    assert router_user_names() == sorted(one.credentials.name for one in list_vouchers())
    assert {one.state for one in list_vouchers()} == {VoucherState.ACTIVE}
    assert len(voucher_messages()) == 1


def test_a_lost_reply_that_can_be_read_back_is_no_failure(
    device: RouterOsSimulator, offer: Offer, buy: Buy, provision: Provision
) -> None:
    buy(offer(), 5)
    device.faults.add(RouterFault("act-then-drop", ADD, skip=4))

    done = provision()

    assert (done.placed, done.trouble) == (5, "")


def test_a_voucher_with_an_unknown_outcome_is_not_added_again(
    device: RouterOsSimulator, clock: StoppedClock, offer: Offer, buy: Buy,
    provision: Provision, list_vouchers: ListVouchers, router_user_names: Callable[[], list[str]],
) -> None:  # fmt: skip
    buy(offer())
    device.faults.add(
        RouterFault("act-then-drop", ADD), RouterFault("drop", "/ip/hotspot/user/print")
    )

    first = provision()
    left = list_vouchers()[0].state
    clock.forward(seconds=3)
    second = provision()

    assert (first.placed, left, second.placed) == (0, VoucherState.PROVISIONING, 1)
    assert router_user_names() == [list_vouchers()[0].credentials.name]


def test_a_router_with_an_open_circuit_breaker_is_not_called(
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


def test_a_failed_router_is_checked_before_anything_else(
    device: RouterOsSimulator,
    offer: Offer,
    buy: Buy,
    provision_until_given_up: Callable[[], list[ProvisionResult]],
    list_vouchers: ListVouchers,
) -> None:
    buy(offer())
    device.power_off()

    provision_until_given_up()

    assert [(one.state, one.attempt_count) for one in list_vouchers()] == [
        (VoucherState.PENDING, 1)
    ]


def test_after_three_retries_the_buyer_sees_the_failure_and_the_organiser_is_notified_once(
    device: RouterOsSimulator, clock: StoppedClock, offer: Offer, buy: Buy,
    provision: Provision, provision_until_given_up: Callable[[], list[ProvisionResult]],
    list_incidents: ListIncidents,
    purchase_state: Callable[[Order], PurchaseState],
) -> None:  # fmt: skip
    package = offer()
    order = buy(package, 2)
    device.power_off()

    provision_until_given_up()
    late = buy(package)
    for _ in range(3):
        provision()
        clock.forward(minutes=1)

    (line,) = list_incidents()
    assert (line.kind, "3 vouchers of 2 orders" in line.message) == (IncidentKind.ROUTER, True)
    assert {purchase_state(order), purchase_state(late)} == {
        PurchaseState.VOUCHER_GENERATION_FAILED
    }


def test_provisioning_resumes_automatically_when_the_router_responds(
    device: RouterOsSimulator, clock: StoppedClock, offer: Offer, buy: Buy,
    provision: Provision, provision_until_given_up: Callable[[], list[ProvisionResult]],
    list_vouchers: ListVouchers, list_incidents: ListIncidents,
    state: Callable[[], StoredRouter], purchase_state: Callable[[Order], PurchaseState],
) -> None:  # fmt: skip
    order = buy(offer(), 2)
    device.power_off()
    provision_until_given_up()
    given_up = state()
    device.power_on()

    done = provision()

    assert [line.resolved_at for line in list_incidents()] == [clock()]
    assert (given_up.failure_count, state().failure_count, state().circuit_open_until) == (
        4,
        0,
        None,
    )
    assert (done.placed, purchase_state(order)) == (2, PurchaseState.COMPLETED)
    assert [(one.failed_at, one.attempt_count) for one in list_vouchers()] == [(None, 0)] * 2


def test_a_second_outage_is_reported_again(
    device: RouterOsSimulator, offer: Offer, buy: Buy, provision: Provision,
    provision_until_given_up: Callable[[], list[ProvisionResult]], list_incidents: ListIncidents,
) -> None:  # fmt: skip
    package = offer()
    for _ in range(2):
        buy(package)
        device.power_off()
        provision_until_given_up()
        device.power_on()
        provision()

    assert [line.cause for line in list_incidents()] == ["router:lobby"] * 2


def test_a_reachable_router_that_fails_every_command_is_given_up_too(
    device: RouterOsSimulator, offer: Offer, buy: Buy, provision_until_given_up: Callable[[],
    list[ProvisionResult]],
    state: Callable[[], StoredRouter],
) -> None:  # fmt: skip
    buy(offer())
    device.faults.add(RouterFault("drop", ADD, times=4))

    provision_until_given_up()

    assert state().failure_count == 4


def test_a_wrong_password_is_a_failure_of_the_router_not_of_a_voucher(
    device: RouterOsSimulator,
    offer: Offer,
    buy: Buy,
    provision: Provision,
    list_vouchers: ListVouchers,
) -> None:
    buy(offer())
    device.accounts.clear()

    done = provision()

    assert "invalid user name or password" in done.trouble
    assert [(one.state, one.failed_at) for one in list_vouchers()] == [(VoucherState.PENDING, None)]


def test_routers_with_overdue_work_are_listed_after_the_workers_grace_time(
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
def test_no_stored_error_contains_a_code_or_a_password(
    device: RouterOsSimulator, offer: Offer, buy: Buy,
    provision_until_given_up: Callable[[], list[ProvisionResult]], list_vouchers: ListVouchers,
    dump_tables: Callable[[], str],
    kind: faults.Kind,
) -> None:  # fmt: skip
    buy(offer())
    secret = list_vouchers()[0].credentials
    device.faults.add(
        RouterFault(
            kind, ADD, times=9, message=f"failure: cannot add {secret.name} {secret.password}"
        )
    )

    provision_until_given_up()

    assert "failure: cannot add" in dump_tables()
    assert secret.name not in dump_tables()
    assert "simulator-password" not in dump_tables()


@pytest.mark.parametrize("is_name_in_other_case", [True, False])
def test_a_name_that_is_refused_twice_and_found_nowhere_is_replaced(
    device: RouterOsSimulator, offer: Offer, buy: Buy, provision: Provision,
    list_vouchers: ListVouchers, router_user_names: Callable[[], list[str]],
    *, is_name_in_other_case: bool,
) -> None:  # fmt: skip
    buy(offer())
    before = list_vouchers()[0].credentials.name
    if is_name_in_other_case:
        device.compare_names_without_case()
        device.add_user(before.upper())
    else:
        device.faults.add(RouterFault("trap", ADD, times=2, message=DUPLICATE_USER))

    results = [provision() for _ in range(3)]

    (voucher,) = list_vouchers()
    assert [(one.absent, one.renamed, one.placed) for one in results] == [
        (1, 0, 0), (0, 1, 0), (0, 0, 1),
    ]  # fmt: skip
    assert voucher.state is VoucherState.ACTIVE
    assert voucher.credentials.name.lower() != before.lower()
    assert voucher.credentials.name in router_user_names()


def test_a_router_that_refuses_every_name_is_asked_less_often_and_reported(
    device: RouterOsSimulator, offer: Offer, buy: Buy, list_vouchers: ListVouchers,
    provision_until_given_up: Callable[[], list[ProvisionResult]], list_incidents: ListIncidents,
    provision: Provision, clock: StoppedClock,
) -> None:  # fmt: skip
    buy(offer())
    device.faults.add(RouterFault("trap", ADD, times=4, message=DUPLICATE_USER))

    provision_until_given_up()

    (voucher,), (incident,) = list_vouchers(), list_incidents()
    assert voucher.failed_at is not None
    assert "name is taken" in incident.message
    assert provision().placed == 0
    clock.forward(minutes=13)
    assert provision().placed == 1
