"""Tests of waiting lists: who is offered which places, once, and what happens to an offer."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from ticketing.catalogue.stock import Stock
from ticketing.catalogue.ticket_types import SaleTerms, open_sale
from ticketing.events.model import Event
from ticketing.orders import queries as order_queries
from ticketing.orders.hold_queries import hold_parameters, lock_and_count_held
from ticketing.orders.holds import NO_HOLD_LIMITS, HoldLimits
from ticketing.orders.order import Buyer, OrderState
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import ImpossibleTransition, LimitExceeded, SoldOut
from ticketing.platform.kernel.money import Rupiah
from ticketing.selling.checkout.accept_free_order import accept_free_order
from ticketing.selling.checkout.cancel_order import cancel_order
from ticketing.selling.checkout.expire_orders import expire_orders
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.selling.payments import attempt_queries, checkout_session_queries
from ticketing.selling.payments.settle import PaymentGateway
from ticketing.selling.waiting_list import queries
from ticketing.selling.waiting_list.join_list import (
    PlacesLeft,
    confirm_entry,
    join_waiting_list,
    leave_waiting_list,
)
from ticketing.selling.waiting_list.model import WaitingEntry
from ticketing.selling.waiting_list.offer_places import offer_free_places, offer_to_entry

Join = Callable[..., None]
States = Callable[[], dict[str, str]]
HOUR = timedelta(hours=1)
HOLDS = HoldLimits(10, 10, 10, 10)


def buyer(name: str) -> Buyer:
    """Return a buyer with an address that is made from the name."""
    return Buyer(f"email:{name}@example.org", name.title(), f"{name}@example.org", "")


@pytest.fixture
def vip(sell: Callable[..., int]) -> int:
    """Sell a ticket type with three places."""
    return sell("VIP", capacity=3, max_per_buyer=4)


@pytest.fixture
def sold_out(vip: int, place: Callable[..., PlacedOrder], sari: Buyer) -> PlacedOrder:
    """Return the unpaid order that holds all places."""
    return place((vip, 3), buyer=sari)


@pytest.fixture
def join(database: Database, event: Event, vip: int, now: datetime) -> Join:
    """Return a function that joins the waiting list, each entry a minute after the other."""
    joined: list[str] = []

    def add(
        name: str, quantity: int = 1, hours: int = 0, *, confirms: bool = True, **more: object
    ) -> None:
        joined.append(name)
        at = now + timedelta(hours=hours, minutes=len(joined))
        join_waiting_list(
            database, event, vip, quantity=quantity, buyer=buyer(name), at=at, by="buyer", **more
        )
        for entry in database.run(queries.list_entries, event.id) if confirms else ():
            if entry.buyer == buyer(name):
                confirm_entry(database, entry.token, at=at, by="buyer")

    return add


@pytest.fixture
def entries(database: Database, event: Event) -> Callable[[], dict[str, WaitingEntry]]:
    """Return a function that reads the entries by the name before the @."""

    def fetch() -> dict[str, WaitingEntry]:
        found = database.run(queries.list_entries, event.id)
        return {one.buyer.email.partition("@")[0]: one for one in found}

    return fetch


@pytest.fixture
def states(entries: Callable[[], dict[str, WaitingEntry]]) -> States:
    """Return a function that reads the states of the entries in their order."""
    return lambda: {name: str(one.state) for name, one in entries().items()}


@pytest.mark.parametrize("how", ["expire", "cancel", "capacity"])
def test_free_places_are_offered_to_the_earliest_entries_that_fit(
    database: Database, event: Event, gateway: PaymentGateway, vip: int, sold_out: PlacedOrder,
    join: Join, states: States, stock_of: Callable[[int], Stock],
    messages: Callable[[], list[tuple[str, str]]], now: datetime, how: str,
) -> None:  # fmt: skip
    for name, quantity in (("ani", 2), ("budi", 2), ("citra", 1)):
        join(name, quantity)
    nothing = offer_free_places(database, NO_HOLD_LIMITS, at=now, by="worker")
    if how == "expire":
        expire_orders(database, gateway, at=sold_out.order.expires_at, by="schedule")
    elif how == "cancel":
        cancel_order(database, sold_out.order.id, at=now, by="web")
    else:
        open_sale(database, event, "VIP", SaleTerms(capacity=6), by="operator")

    offered = [offer_free_places(database, NO_HOLD_LIMITS, at=now, by="worker") for _ in range(2)]

    assert (nothing, offered) == (0, [2, 0])
    assert states() == {"ani": "offered", "budi": "waiting", "citra": "offered"}
    left = stock_of(vip).available
    assert left == 0
    told = [recipient for purpose, recipient in messages() if purpose == "waiting_list.offer"]
    assert told == ["ani@example.org", "citra@example.org"]


def test_an_offer_that_is_not_paid_in_time_passes_to_the_next_and_its_entry_can_join_again(
    database: Database, gateway: PaymentGateway, sold_out: PlacedOrder, join: Join,
    states: States, entries: Callable[[], dict[str, WaitingEntry]], now: datetime,
) -> None:  # fmt: skip
    join("ani", 3)
    join("budi", 3)
    cancel_order(database, sold_out.order.id, at=now, by="web")
    offer_free_places(database, NO_HOLD_LIMITS, at=now, by="worker")
    first = entries()["ani"]

    expire_orders(database, gateway, at=now + 23 * HOUR, by="schedule")
    early = states()
    expire_orders(database, gateway, at=now + 24 * HOUR, by="schedule")
    offer_free_places(database, NO_HOLD_LIMITS, at=now + 24 * HOUR, by="worker")
    later = states()
    join("ani", 3, hours=24)

    assert first.offered_until == now + 24 * HOUR
    assert early == {"ani": "offered", "budi": "waiting"}
    assert later == {"ani": "lapsed", "budi": "offered"}
    assert states() == {"budi": "offered", "ani": "waiting"}


def test_concurrent_runs_make_each_offer_once_and_oversell_nothing(
    database: Database, vip: int, sold_out: PlacedOrder, join: Join, states: States,
    stock_of: Callable[[int], Stock], now: datetime,
) -> None:  # fmt: skip
    names = [f"guest{number}" for number in range(6)]
    for name in names:
        join(name)
    cancel_order(database, sold_out.order.id, at=now, by="web")

    with ThreadPoolExecutor(4) as pool:
        runs = [
            pool.submit(offer_free_places, database, HOLDS, at=now, by="worker") for _ in range(4)
        ]
    offered = sum(run.result() for run in runs)

    assert (offered, stock_of(vip)) == (3, Stock(3, 3, 0))
    assert list(states().values()) == ["offered"] * 3 + ["waiting"] * 3


def test_leaving_by_the_link_gives_an_offered_place_to_the_next_and_closes_its_payment_page(
    database: Database, gateway: PaymentGateway, sold_out: PlacedOrder, join: Join, states: States,
    entries: Callable[[], dict[str, WaitingEntry]], now: datetime,
) -> None:  # fmt: skip
    for name in ("ani", "budi", "citra"):
        join(name, 3)
    cancel_order(database, sold_out.order.id, at=now, by="web")
    offer_free_places(database, NO_HOLD_LIMITS, at=now, by="worker")
    offered = entries()["ani"].order_id
    assert offered is not None
    with database.transaction() as connection:
        attempt = attempt_queries.get_or_insert_open(
            connection, order_queries.lock(connection, offered), at=now
        )
        checkout_session_queries.store(connection, attempt.id, token=attempt.key, url="x")

    for name in ("ani", "budi", "ani"):  # offered, waiting, and again
        leave_waiting_list(database, gateway, entries()[name].token, at=now, by="buyer")
    offer_free_places(database, NO_HOLD_LIMITS, at=now, by="worker")

    assert gateway.closed == [attempt.key]
    assert states() == {"ani": "left", "budi": "left", "citra": "offered"}


def test_a_contact_joins_once_and_only_for_places_that_cannot_be_ordered_now(
    vip: int, place: Callable[..., PlacedOrder], join: Join, states: States,
    messages: Callable[[], list[tuple[str, str]]], sari: Buyer,
) -> None:  # fmt: skip
    with pytest.raises(PlacesLeft, match="3 places can be ordered now"):
        join("ani", 3)
    place((vip, 3), buyer=sari)
    with pytest.raises(LimitExceeded, match="VIP has 3"):
        join("ani", 4)

    join("ani", 2)
    join("ani", 1)

    assert states() == {"ani": "waiting"}
    assert [one for one in messages() if one[0].startswith("waiting")] == [
        ("waiting_list.joined", "ani@example.org")
    ]


@pytest.mark.usefixtures("sold_out")
def test_an_entry_over_the_limit_of_its_buyer_leaves_and_staff_offer_only_free_places(
    database: Database, event: Event, vip: int, join: Join,
    place: Callable[..., PlacedOrder], entries: Callable[[], dict[str, WaitingEntry]],
    states: States, now: datetime,
) -> None:  # fmt: skip
    join("ani", 3)
    join("budi", 2)
    with pytest.raises(SoldOut):
        offer_to_entry(database, entries()["budi"].id, at=now, by="operator")
    open_sale(database, event, "VIP", SaleTerms(capacity=5), by="operator")
    place((vip, 2), buyer=buyer("ani"))
    open_sale(database, event, "VIP", SaleTerms(capacity=8), by="operator")

    offer_free_places(database, NO_HOLD_LIMITS, at=now, by="worker")

    assert states() == {"ani": "left", "budi": "offered"}


def test_nothing_is_offered_before_the_contact_confirms_and_the_newest_request_counts_until_then(
    database: Database, sold_out: PlacedOrder, join: Join, states: States,
    entries: Callable[[], dict[str, WaitingEntry]], messages: Callable[[], list[tuple[str, str]]],
    now: datetime,
) -> None:  # fmt: skip
    for quantity in (1, 3, 1, 2):
        join("ani", quantity, confirms=False)
    join("budi", 1)
    cancel_order(database, sold_out.order.id, at=now, by="web")
    offer_free_places(database, NO_HOLD_LIMITS, at=now, by="worker")
    before, ani = states(), entries()["ani"]

    confirm_entry(database, ani.token, at=now, by="buyer")
    offer_free_places(database, NO_HOLD_LIMITS, at=now, by="worker")

    assert before == {"ani": "waiting", "budi": "offered"}
    assert (states()["ani"], ani.quantity) == ("offered", 2)
    assert messages().count(("waiting_list.joined", "ani@example.org")) == 3


@pytest.mark.parametrize(
    ("holds", "refusal"),
    [
        (HoldLimits(per_order=1), "2 places in one order; at most 1"),
        (HoldLimits(per_contact=4), "this contact holds 3 unpaid places"),
        (HoldLimits(entries_per_address=1), "1 entries of this address wait"),
    ],
)
def test_the_limits_of_unpaid_places_apply_to_joining(
    place: Callable[..., PlacedOrder], vip: int, join: Join, states: States, holds: HoldLimits,
    refusal: str,
) -> None:  # fmt: skip
    place((vip, 3), buyer=buyer("ani"))
    join("budi", client_network="192.0.2.1", confirms=False)
    join("citra", 2, client_network="192.0.2.2", holds=HOLDS)

    with pytest.raises(LimitExceeded, match=refusal):
        join("ani", 2, client_network="192.0.2.1", holds=holds)

    assert states() == {"budi": "waiting", "citra": "waiting"}


def test_an_offer_waits_while_the_contact_holds_many_unpaid_places_and_the_next_gets_them(
    database: Database, sell: Callable[..., int], sold_out: PlacedOrder,
    place: Callable[..., PlacedOrder], join: Join, states: States, now: datetime,
) -> None:  # fmt: skip
    join("ani", 2)
    join("budi", 1)
    other = place((sell("Regular"), 4), buyer=buyer("ani"))
    cancel_order(database, sold_out.order.id, at=now, by="web")
    holds = HoldLimits(per_order=10, per_address=5, per_contact=5)

    offered = [offer_free_places(database, holds, at=now, by="worker") for _ in range(2)]
    before = states()
    cancel_order(database, other.order.id, at=now, by="web")
    offer_free_places(database, holds, at=now, by="worker")

    assert (offered, before) == ([1, 0], {"ani": "waiting", "budi": "offered"})
    assert states() == {"ani": "offered", "budi": "offered"}


@pytest.mark.usefixtures("sold_out")
def test_an_offer_does_not_wait_for_an_order_that_its_contact_is_placing(
    database: Database, event: Event, join: Join, states: States, now: datetime
) -> None:
    join("ani", 1)
    open_sale(database, event, "VIP", SaleTerms(capacity=4), by="operator")
    with database.transaction() as ordering:
        parameters = hold_parameters(HOLDS, event.id, "", buyer("ani").key, now)
        lock_and_count_held(ordering, parameters)
        meanwhile = offer_free_places(database, HOLDS, at=now, by="worker")

    assert (meanwhile, states()) == (0, {"ani": "waiting"})
    assert offer_free_places(database, HOLDS, at=now, by="worker") == 1


def test_a_free_offer_is_completed_only_when_it_is_accepted_in_time(
    database: Database, event: Event, sold_out: PlacedOrder, join: Join, states: States,
    entries: Callable[[], dict[str, WaitingEntry]], count_entitled: Callable[[], int],
    now: datetime,
) -> None:  # fmt: skip
    join("ani", 1)
    join("budi", 1)
    open_sale(database, event, "VIP", SaleTerms(price=Rupiah(0)), by="operator")
    cancel_order(database, sold_out.order.id, at=now, by="web")
    offer_free_places(database, NO_HOLD_LIMITS, at=now, by="worker")
    ani, budi = (entries()[name].order_id for name in ("ani", "budi"))
    assert (states(), count_entitled()) == ({"ani": "offered", "budi": "offered"}, 0)

    for _ in range(2):
        assert accept_free_order(database, ani, at=now, by="buyer").state is OrderState.PAID
    with pytest.raises(ImpossibleTransition, match="has ended"):
        accept_free_order(database, budi, at=now + 24 * HOUR, by="buyer")

    assert (states(), count_entitled()) == ({"ani": "bought", "budi": "offered"}, 1)
