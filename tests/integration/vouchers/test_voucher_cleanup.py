"""Tests of the clean-up: vouchers of unpaid orders are removed, the orders are kept."""

from collections.abc import Callable

import pytest
from sqlalchemy import func, select, update

from simulators.routeros.clock import StoppedClock
from simulators.routeros.server import RouterOsSimulator
from ticketing.events.model import Event
from ticketing.orders.order import Order, OrderState
from ticketing.platform.db.change_plans import PlanSubject
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.orders import orders
from ticketing.platform.kernel.errors import PlanOutdated, StillOwed
from ticketing.selling.refunds import plan_queries
from ticketing.vouchers.maintenance import (
    CleanupPlan,
    CleanupResult,
    apply_clean_up,
    clean_up_expired,
    clean_up_order,
    maintain_vouchers,
    plan_clean_up,
)
from ticketing.vouchers.model import ValidityStart, VoucherState
from ticketing.vouchers.package_queries import StoredPackage
from ticketing.vouchers.provisioning.context import ProvisionResult
from ticketing.vouchers.provisioning.router_clients import RouterClientPool
from ticketing.vouchers.queries import Voucher

Offer = Callable[..., StoredPackage]
Buy = Callable[..., Order]
Provision = Callable[[], ProvisionResult]
ListVouchers = Callable[[], list[Voucher]]
SetOrderState = Callable[[Order, OrderState], None]
PRESENT, ENDING, GONE = VoucherState.ACTIVE, VoucherState.REVOKING, VoucherState.REMOVED


@pytest.fixture
def set_order_state(database: Database) -> SetOrderState:
    """Return a function that sets an order's state without any effect on its vouchers."""

    def move(order: Order, state: OrderState) -> None:
        with database.transaction() as connection:
            connection.execute(update(orders).where(orders.c.id == order.id).values(state=state))

    return move


@pytest.fixture
def plan(database: Database, event: Event, clock: StoppedClock) -> Callable[[], CleanupPlan]:
    """Return a function that plans a clean-up."""
    return lambda: plan_clean_up(database, event, at=clock.now, by="cli:sari")


@pytest.fixture
def apply(database: Database, event: Event, clock: StoppedClock) -> Callable[[str], CleanupResult]:
    """Return a function that applies the plan with a given hash."""
    return lambda plan_hash: apply_clean_up(
        database, event, plan_hash=plan_hash, at=clock.now, by="cli:sari"
    )


@pytest.mark.parametrize("state", [OrderState.CANCELLED, OrderState.EXPIRED])
def test_an_unsuccessful_order_is_kept_and_its_vouchers_are_removed(
    database: Database, device: RouterOsSimulator, clock: StoppedClock, offer: Offer, buy: Buy,
    provision: Provision, set_order_state: SetOrderState, list_vouchers: ListVouchers,
    state: OrderState,
) -> None:  # fmt: skip
    package = offer()
    order = buy(package, 2)
    buy(package)
    provision()
    set_order_state(order, state)

    done = clean_up_order(database, order.id, at=clock.now, by="api:desk")
    again = clean_up_order(database, order.id, at=clock.now, by="api:desk")
    provision()

    assert (done, again) == (CleanupResult(left_over=2), CleanupResult())
    assert [one.state for one in list_vouchers()] == [GONE, GONE, PRESENT]
    assert [one.revoked_reason for one in list_vouchers()] == ["cleaned up", "cleaned up", ""]
    assert len(device.users()) == 1
    with database.transaction() as connection:
        assert connection.execute(select(func.count()).select_from(orders)).scalar_one() == 2


@pytest.mark.parametrize(
    ("state", "reason"), [(OrderState.PAID, "is paid"), (OrderState.PENDING, "can still be paid")]
)
def test_vouchers_that_a_buyer_may_still_get_are_not_cleaned_up(
    database: Database, clock: StoppedClock, offer: Offer, buy: Buy, set_order_state: SetOrderState,
    state: OrderState, reason: str,
) -> None:  # fmt: skip
    order = buy(offer())
    set_order_state(order, state)

    with pytest.raises(StillOwed, match=reason):
        clean_up_order(database, order.id, at=clock.now, by="api:desk")


def test_an_already_ended_voucher_keeps_its_reason(
    database: Database, clock: StoppedClock, offer: Offer, buy: Buy, provision: Provision,
    set_order_state: SetOrderState, list_vouchers: ListVouchers,
) -> None:  # fmt: skip
    order = buy(offer(validity_start=ValidityStart.FROM_SALE))
    provision()
    clock.forward(hours=1)
    expired = clean_up_expired(database, at=clock.now, by="cron")
    set_order_state(order, OrderState.CANCELLED)

    clean_up_order(database, order.id, at=clock.now, by="api:desk")

    assert expired == CleanupResult(expired=1)
    assert [one.revoked_reason for one in list_vouchers()] == ["expired"]


def test_maintenance_cleans_up_leftover_and_expired_vouchers_of_all_events(
    database: Database, router_pool: RouterClientPool, clock: StoppedClock, offer: Offer, buy: Buy,
    provision: Provision, set_order_state: SetOrderState, list_vouchers: ListVouchers,
) -> None:  # fmt: skip
    package = offer(validity_start=ValidityStart.FROM_SALE, pool_size=1)
    set_order_state(buy(package), OrderState.CANCELLED)
    provision()
    buy(package)
    provision()
    clock.forward(hours=2)
    buy(offer("10k"))

    kept = maintain_vouchers(database, router_pool, clock=clock, by="cron")
    again = maintain_vouchers(database, router_pool, clock=clock, by="cron")

    assert kept.clean_up == CleanupResult(left_over=1, expired=1)
    assert kept.pools.allocated == 1
    assert again.clean_up == CleanupResult()
    assert [one.state for one in list_vouchers()] == [ENDING, ENDING, "pending", "pending"]


def test_a_clean_up_does_what_was_planned_and_again_nothing(
    clock: StoppedClock, offer: Offer, buy: Buy, provision: Provision,
    set_order_state: SetOrderState,
    plan: Callable[[], CleanupPlan], apply: Callable[[str], CleanupResult],
    list_vouchers: ListVouchers,
) -> None:  # fmt: skip
    package = offer(validity_start=ValidityStart.FROM_SALE)
    left, over = buy(package, 2), buy(package)
    provision()
    set_order_state(left, OrderState.CANCELLED)
    clock.forward(hours=1)

    planned = plan()
    untouched = [one.state for one in list_vouchers()]
    done = apply(planned.plan_hash)
    again = apply(planned.plan_hash)

    assert (planned.left_over.vouchers, planned.left_over.orders) == (2, 1)
    assert (planned.expired.vouchers, planned.expired.orders) == (3, 2)
    assert untouched == [PRESENT] * 3
    assert (done, again) == (CleanupResult(left_over=2, expired=1), CleanupResult())
    assert over.state is OrderState.PAID
    assert {one.state for one in list_vouchers()} == {ENDING}


def test_a_clean_up_ends_nothing_more_than_was_planned(
    offer: Offer, buy: Buy, provision: Provision, set_order_state: SetOrderState,
    plan: Callable[[], CleanupPlan], apply: Callable[[str], CleanupResult],
    list_vouchers: ListVouchers,
) -> None:  # fmt: skip
    package = offer()
    first, second = buy(package), buy(package)
    provision()
    set_order_state(first, OrderState.CANCELLED)
    planned = plan()
    set_order_state(second, OrderState.CANCELLED)

    with pytest.raises(
        PlanOutdated, match=r"now 2 vouchers \(left over\) would be revoked, and 1 were"
    ):
        apply(planned.plan_hash)

    assert [one.state for one in list_vouchers()] == [PRESENT, PRESENT]


def test_vouchers_that_expire_after_the_plan_are_not_in_it(
    clock: StoppedClock, offer: Offer, buy: Buy, provision: Provision,
    plan: Callable[[], CleanupPlan], apply: Callable[[str], CleanupResult],
) -> None:  # fmt: skip
    buy(offer(validity_start=ValidityStart.FROM_SALE))
    provision()
    planned = plan()
    clock.forward(hours=1)

    assert apply(planned.plan_hash) == CleanupResult()
    assert apply(plan().plan_hash) == CleanupResult(expired=1)


def test_a_plan_of_another_subject_is_refused(
    database: Database, event: Event, offer: Offer, plan: Callable[[], CleanupPlan],
    apply: Callable[[str], CleanupResult],
) -> None:  # fmt: skip
    offer()
    planned = plan()

    with pytest.raises(PlanOutdated, match="no plan with this hash"):
        apply("0" * 64)
    with (
        database.transaction() as connection,
        pytest.raises(PlanOutdated, match="no plan with this hash"),
    ):
        plan_queries.get_request(connection, PlanSubject(event.id), planned.plan_hash)
