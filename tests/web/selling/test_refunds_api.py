"""Tests of the refunds API: planned, then applied with the plan's hash, by authorised roles."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from simulators.midtrans.server import MidtransSimulator
from simulators.trust import trusted
from ticketing.access.caller import Role


@pytest.fixture
def client_with_role(
    shop: httpx.Client, key_of: Callable[[Role], str]
) -> Iterator[Callable[..., httpx.Client]]:
    """Return a function that opens a client of the shop with a key of a role."""
    with ExitStack() as stack:

        def open_client(role: Role = Role.ADMIN) -> httpx.Client:
            headers = {"Authorization": f"Bearer {key_of(role)}"}
            client = httpx.Client(
                base_url=shop.base_url, headers=headers, timeout=30, verify=trusted()
            )
            return stack.enter_context(client)

        yield open_client


def test_a_refund_is_planned_and_then_done_once(
    paid: dict[str, Any], client_with_role: Callable[..., httpx.Client], midtrans: MidtransSimulator
) -> None:
    address, admin = f"/api/orders/{paid['id']}/refunds", client_with_role()

    planned = admin.post(address, json={"places": [2], "feePercent": 10, "reason": "ill"})
    before = admin.get(address).json()["data"]["refunds"]
    plan_hash = planned.json()["data"]["plan"]["planHash"]
    done = [admin.post(address, json={"planHash": plan_hash}) for _ in range(2)]

    assert [one.status_code for one in (planned, *done)] == [200, 200, 200]
    plan = planned.json()["data"]["plan"]
    assert (plan["amount"], plan["kept"], plan["placesLeft"]) == (45_000, 5_000, 1)
    assert [part["channel"] for part in plan["parts"]] == ["gateway"]
    assert before == []
    assert done[1].json()["data"]["refunds"] == [
        {
            "key": f"{paid['attempt']}-R1", "amount": 45_000, "channel": "gateway",
            "state": "done", "reason": "ill", "said": "", "reference": "",
        }
    ]  # fmt: skip
    assert midtrans.bank.status(paid["attempt"])["refund_amount"] == "45000.00"


def test_an_outdated_plan_is_409(
    paid: dict[str, Any], client_with_role: Callable[..., httpx.Client]
) -> None:
    address, admin = f"/api/orders/{paid['id']}/refunds", client_with_role()
    hashes = [
        admin.post(address, json=asked).json()["data"]["plan"]["planHash"]
        for asked in ({}, {"places": [1]})
    ]

    first, second = (admin.post(address, json={"planHash": one}) for one in hashes)

    assert (first.status_code, second.status_code) == (200, 409)
    assert second.json()["error"]["code"] == "plan_outdated"


def test_a_viewer_may_list_and_not_request_refunds(
    paid: dict[str, Any], client_with_role: Callable[..., httpx.Client]
) -> None:
    address, viewer = f"/api/orders/{paid['id']}/refunds", client_with_role(Role.VIEWER)

    assert viewer.get(address).status_code == 200
    assert viewer.post(address, json={}).status_code == 403


def test_the_buyer_s_token_refunds_nothing(paid: dict[str, Any], shop: httpx.Client) -> None:
    headers = {"X-Order-Token": paid["token"]}

    asked = shop.post(f"/api/orders/{paid['id']}/refunds", json={}, headers=headers)

    assert asked.status_code == 401


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"amount": 100_001}, 409, "refund_refused"),
        ({"places": [3]}, 409, "refund_refused"),
        ({"surplus": True}, 409, "refund_refused"),
        ({"amount": 0}, 409, "refund_refused"),
        ({"planHash": "0" * 64}, 409, "plan_outdated"),
        ({"planHash": "0" * 64, "amount": 1}, 422, "invalid_request"),
        ({"planHash": "x"}, 422, "invalid_request"),
        ({"amount": -1}, 422, "invalid_request"),
        ({"amount": "1"}, 422, "invalid_request"),
        ({"amount": 1.5}, 422, "invalid_request"),
        ({"places": [0]}, 422, "invalid_request"),
        ({"feePercent": 101}, 422, "invalid_request"),
        ({"reason": "a\x00b"}, 422, "invalid_request"),
        ({"everything": True}, 422, "invalid_request"),
    ],
)
def test_an_invalid_refund_is_refused_and_changes_nothing(
    paid: dict[str, Any], client_with_role: Callable[..., httpx.Client], body: dict[str, object],
    status: int, code: str,
) -> None:  # fmt: skip
    address, admin = f"/api/orders/{paid['id']}/refunds", client_with_role()

    refused = admin.post(address, json=body)

    assert (refused.status_code, refused.json()["error"]["code"]) == (status, code)
    assert admin.get(address).json()["data"]["refunds"] == []


def test_an_unknown_order_is_not_found(
    client_with_role: Callable[..., httpx.Client],
) -> None:
    admin = client_with_role()

    assert admin.post("/api/orders/999/refunds", json={}).status_code == 404
    assert admin.get("/api/orders/999/refunds").status_code == 404
