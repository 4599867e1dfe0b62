"""Tests of the list of voucher purchases: states, filters, pages, authorisation."""

from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest

from ticketing.events.model import Event
from ticketing.notifications.delivery import DeliveryState
from ticketing.orders.order import Buyer, Order, OrderState, Selection
from ticketing.platform.db.database import Database
from ticketing.platform.http.services import now
from ticketing.selling.checkout.place_order import place_order
from ticketing.vouchers import order_queries
from ticketing.vouchers.model import PurchaseState

PAYMENTS = "/voucher/api/payments"
Buying = Callable[..., Order]


@pytest.fixture
def one_of_each(
    order_vouchers: Callable[..., int],
    end_order: Callable[[int, OrderState], Order],
    buy: Buying,
    activate_vouchers: Callable[..., None],
    fail_order: Callable[[Order], None],
) -> dict[str, int]:
    """Create a purchase in every state; return them by state."""
    expired, cancelled = order_vouchers(ago=timedelta(hours=7)), order_vouchers()
    end_order(expired, OrderState.EXPIRED)
    end_order(cancelled, OrderState.CANCELLED)
    complete, half, stuck = buy(2), buy(2), buy(2)
    activate_vouchers(complete)
    activate_vouchers(half, 1)
    activate_vouchers(stuck, 1)
    fail_order(stuck)
    return {
        "unpaid": order_vouchers(), "on the way": half.id, "complete": complete.id,
        "stuck": stuck.id, "expired": expired, "cancelled": cancelled,
    }  # fmt: skip


def test_purchases_are_filtered_by_state_the_newest_first(
    viewer: httpx.Client, database: Database, one_of_each: dict[str, int]
) -> None:
    wanted = {
        "pending": ["unpaid", "on the way"],
        "completed": ["complete"],
        "voucher_generation_failed": ["stuck"],
        "failed": ["cancelled", "expired"],
        "expired": ["expired"],
        "cancelled": ["cancelled"],
    }

    found = {
        status: viewer.get(PAYMENTS, params={"status": status}).json()["data"] for status in wanted
    }

    assert {
        status: [one["purchaseId"] for one in data["payments"]] for status, data in found.items()
    } == {
        status: sorted((one_of_each[name] for name in names), reverse=True)
        for status, names in wanted.items()
    }
    assert {status: data["totalCount"] for status, data in found.items()} == {
        status: len(names) for status, names in wanted.items()
    }
    listed = viewer.get(PAYMENTS).json()["data"]["payments"]
    with database.transaction() as connection:
        known = order_queries.find_purchases(connection, one_of_each.values())
    assert {one["purchaseId"]: one["status"] for one in listed} == {
        order_id: purchase.state for order_id, purchase in known.items()
    }
    assert {one["status"] for one in listed} == set(PurchaseState)


def test_a_purchase_is_shown_with_its_packages_money_and_delivery(
    viewer: httpx.Client,
    buy: Buying,
    activate_vouchers: Callable[..., None],
    send: Callable[[Order, DeliveryState], int],
) -> None:
    order = buy(2)
    activate_vouchers(order)
    send(order, DeliveryState.READ)

    [shown] = viewer.get(PAYMENTS).json()["data"]["payments"]

    assert order.buyer is not None
    assert shown.pop("createdAt") <= shown.pop("paidAt")
    assert shown == {
        "purchaseId": order.id, "code": order.code, "eventId": order.event_id,
        "status": "completed", "orderStatus": "paid", "customerName": "Sari",
        "customerPhone": order.buyer.phone, "quantity": 2, "provisioned": 2,
        "packages": [
            {"code": "5k", "name": "Paket 5 ribu", "profile": "1day", "quantity": 2}
        ],
        "amount": 10_000, "refunded": 0, "delivery": "read",
    }  # fmt: skip


def test_the_list_is_paged_and_found_by_time_and_event(viewer: httpx.Client, buy: Buying) -> None:
    bought = [buy().id for _ in range(3)]
    asked = [
        {"limit": 1, "offset": 1},
        {"from": "2001-01-01T00:00:00Z", "event": "wisuda-2026"},
        {"to": "2001-01-01T00:00:00+07:00"},
    ]

    page, since, before = (viewer.get(PAYMENTS, params=params).json()["data"] for params in asked)

    assert [one["purchaseId"] for one in page["payments"]] == [bought[1]]
    assert (page["totalCount"], page["limit"], page["offset"]) == (3, 1, 1)
    assert (since["totalCount"], before["totalCount"], before["payments"]) == (3, 0, [])


def test_an_order_of_tickets_is_no_voucher_purchase(
    viewer: httpx.Client, buy: Buying, database: Database, event: Event, sell: Callable[..., int]
) -> None:
    bought = buy()
    buyer = Buyer(key="tel:+628111", name="Ayu", email="", phone="+628111")
    tickets = [Selection(sell(), 1)]
    other = place_order(database, event, requested=tickets, buyer=buyer, at=now(), by="web").order

    data = viewer.get(PAYMENTS).json()["data"]
    asked = viewer.get("/voucher/api/delivery-status", params={"purchase_id": other.id})

    assert [one["purchaseId"] for one in data["payments"]] == [bought.id]
    assert (asked.status_code, asked.json()["error"]["code"]) == (404, "unknown_purchase")
