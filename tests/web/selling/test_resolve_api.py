"""Tests of the API for operators: review flags, and orders at the box office."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from simulators.midtrans.server import MidtransSimulator
from ticketing.access.caller import Role
from ticketing.events.model import Event
from ticketing.events.service import change_event
from ticketing.platform.db.database import Database
from ticketing.selling.payments.settle import Settlement


@pytest.fixture
def headers_of(key_of: Callable[[Role], str]) -> Callable[..., dict[str, str]]:
    """Return a function that returns the headers of a caller with a role."""
    return lambda role=Role.OPERATOR: {"Authorization": f"Bearer {key_of(role)}"}


@pytest.fixture
def begun(
    shop: httpx.Client, sell: Callable[..., int], order: Callable[..., dict[str, Any]]
) -> dict[str, Any]:
    """Order two places at Rp50.000 and open the payment page."""
    placed = order(sell(), 2)
    headers = {"X-Order-Token": placed["token"]}
    shop.post("/api/payment/create", json={"orderId": placed["id"]}, headers=headers)
    return placed


def test_a_payment_of_another_amount_is_planned_and_accepted(
    shop: httpx.Client, headers_of: Callable[..., dict[str, str]], begun: dict[str, Any],
    midtrans: MidtransSimulator, settle_all: Callable[[], Settlement],
) -> None:  # fmt: skip
    midtrans.faults.set(amount_off=5_000)
    midtrans.push(midtrans.bank.sessions()[-1].order_id, "pay", "gopay")
    midtrans.notifications(at_least=2)
    settle_all()
    address, operator = f"/api/orders/{begun['id']}/accepted-payments", headers_of()

    returned = shop.post(
        f"/api/orders/{begun['id']}/refunds", json={"flag": "amount_differs"}, headers=operator
    )
    forbidden = shop.post(
        f"{address}/plan", json={"reason": "tip"}, headers=headers_of(Role.VIEWER)
    )
    plan = shop.post(f"{address}/plan", json={"reason": "tip"}, headers=operator).json()["data"]
    body = {"planHash": plan["planHash"]}
    accepted = [shop.post(address, json=body, headers=operator) for _ in range(2)]

    assert forbidden.status_code == 403
    assert returned.json()["data"]["plan"]["amount"] == 105_000
    assert (plan["requested"], plan["received"], plan["difference"]) == (100_000, 105_000, 5_000)
    assert [one.json()["data"]["state"] for one in accepted] == ["paid", "paid"]


def test_a_transaction_is_planned_and_assigned(
    shop: httpx.Client, headers_of: Callable[..., dict[str, str]], begun: dict[str, Any],
    midtrans: MidtransSimulator,
) -> None:  # fmt: skip
    known = midtrans.push(midtrans.bank.sessions()[-1].order_id, "pay", "dana")["transaction_id"]
    address, operator = f"/api/orders/{begun['id']}/transactions", headers_of()

    def plan_for(transaction: str) -> httpx.Response:
        body = {"transactionId": transaction, "reason": "dashboard"}
        return shop.post(f"{address}/plan", json=body, headers=operator)

    unknown, planned = plan_for("nothing"), plan_for(str(known))
    body = {"planHash": planned.json()["data"]["planHash"]}
    assigned = shop.post(address, json=body, headers=operator)

    assert (unknown.status_code, planned.json()["data"]["amount"]) == (404, 100_000)
    assert assigned.json()["data"]["state"] == "paid"


def test_an_order_is_sold_at_the_box_office_once(
    shop: httpx.Client, headers_of: Callable[..., dict[str, str]], sell: Callable[..., int],
    event: Event, database: Database,
) -> None:  # fmt: skip
    change_event(database, event.slug, {"guest_names_required": True}, by="cli")
    guests = [{"name": "Ani"}, {"name": "Budi"}]
    sale = {
        "eventId": event.slug,
        "ticketSelections": [{"ticketTypeId": sell(), "quantity": 2, "guests": guests}],
        "buyer": {"name": "Sari"},
        "paidBy": "transfer",
        "reason": "school fund",
    }
    headers = headers_of() | {"Idempotency-Key": "till-1-17"}

    sold = [shop.post("/api/box-office/orders", json=sale, headers=headers) for _ in range(2)]
    other = shop.post("/api/box-office/orders", json=sale | {"paidBy": "cash"}, headers=headers)
    anonymous = shop.post("/api/box-office/orders", json=sale)

    assert [one.status_code for one in sold] == [201, 201]
    assert sold[0].json() == sold[1].json()
    assert sold[0].json()["data"] | {"id": 0, "orderCode": ""} == {
        "id": 0, "orderCode": "", "state": "paid", "total": 100_000,
    }  # fmt: skip
    assert (other.status_code, anonymous.status_code) == (409, 401)
