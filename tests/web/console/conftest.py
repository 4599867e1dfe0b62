"""Fixtures of the console's pages about orders: staff of the shop, and a paid order."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from simulators.midtrans.server import MidtransSimulator
from simulators.trust import trusted
from ticketing.access.caller import Role
from ticketing.access.sessions.session_token import SESSION_COOKIE
from ticketing.selling.payments.settle import Settlement

Opener = Callable[..., httpx.Client]


@pytest.fixture
def staff(shop: httpx.Client, session_of: Callable[..., str]) -> Iterator[Opener]:
    """Return a function that signs in to the console of the shop as a new user of a role."""
    with ExitStack() as stack:

        def open_client(role: Role, event_ids: list[int] | None = None) -> httpx.Client:
            headers = {
                "Cookie": f"{SESSION_COOKIE}={session_of(role, event_ids)}",
                "Origin": str(shop.base_url).rstrip("/"),
            }
            client = httpx.Client(
                base_url=shop.base_url, headers=headers, timeout=30, verify=trusted()
            )
            return stack.enter_context(client)

        yield open_client


@pytest.fixture
def paid(
    shop: httpx.Client,
    sell: Callable[..., int],
    order: Callable[..., dict[str, Any]],
    midtrans: MidtransSimulator,
    settle_all: Callable[[], Settlement],
) -> dict[str, Any]:
    """Create an order of two places at Rp50.000, paid by GoPay."""
    placed = order(sell(), 2)
    asked = {"orderId": placed["id"]}
    shop.post("/api/payment/create", json=asked, headers={"X-Order-Token": placed["token"]})
    key = midtrans.bank.sessions()[-1].order_id
    midtrans.push(key, "pay", "gopay")
    midtrans.notifications(at_least=2)
    settle_all()
    return placed | {"attempt": key}
