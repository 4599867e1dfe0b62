"""Tests of the purchase API: one request reserves vouchers and returns a checkout page."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from simulators.midtrans.faults import MidtransResponseFault
from simulators.midtrans.server import MidtransSimulator
from ticketing.crypto.keyring import KeyRing
from ticketing.events.model import Event
from ticketing.platform.application import Application
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.orders import orders
from ticketing.platform.http.services import now
from ticketing.platform.kernel.money import Rupiah
from ticketing.selling.payments.settle import Settlement
from ticketing.vouchers import queries as voucher_queries
from ticketing.vouchers.model import VoucherState
from ticketing.vouchers.packages import PackageTerms, close_package, put_package
from ticketing.vouchers.provisioning.router_admin import NewRouter, add_router
from ticketing.vouchers.queries import Voucher

ASKED = {
    "packageId": "5k",
    "customerName": "Test User",
    "customerPhone": "628123456789",
    "quantity": 2,
}
KEY = {"Idempotency-Key": "3f0d9d0e-35c4-4ac8-9d1f-6a4f3f2f1b77"}


@pytest.fixture
def sell_package(shop_application: Application, event: Event) -> Callable[..., int]:
    """Return a function that sells the package `5k` (Rp5.000); returns its ticket type id."""

    def put_on_sale(**more: Any) -> int:  # noqa: ANN401 - any term of a package
        database, keys = shop_application.database, shop_application.get(KeyRing)
        new = NewRouter("127.0.0.1", "ticketing", "simulator-password", 1, tls=False)
        add_router(database, keys, "lobby", new, by="test")
        terms = {
            "name": "Paket 5 ribu", "price": Rupiah(5_000), "profile": "1day",
            "router": "lobby", "validity": timedelta(days=1),
        }  # fmt: skip
        said = PackageTerms(**terms | more)
        return put_package(database, event, "5k", said, at=now(), by="test").ticket_type_id

    return put_on_sale


@pytest.fixture
def bought(shop: httpx.Client, sell_package: Callable[..., int]) -> dict[str, Any]:
    """Create a purchase of two vouchers with an open payment."""
    sell_package()
    return dict(shop.post("/voucher/purchase", json=ASKED).json()["data"])


@pytest.fixture
def vouchers_of(database: Database) -> Callable[[int], list[Voucher]]:
    """Return a function that reads the vouchers of a purchase."""

    def fetch(order_id: int) -> list[Voucher]:
        with database.transaction() as connection:
            return voucher_queries.list_of_order(connection, order_id)

    return fetch


@pytest.fixture
def orders_in(database: Database) -> Callable[[], list[str]]:
    """Return a function that reads the states of all orders."""

    def fetch() -> list[str]:
        with database.transaction() as connection:
            return list(connection.execute(select(orders.c.state).order_by(orders.c.id)).scalars())

    return fetch


def test_a_purchase_is_pending_with_a_page_to_pay_on_and_no_voucher_yet(
    shop: httpx.Client,
    sell_package: Callable[..., int],
    midtrans: MidtransSimulator,
    vouchers_of: Callable[[int], list[Voucher]],
) -> None:
    sell_package()

    answer = shop.post("/voucher/purchase", json=ASKED)

    bought = answer.json()["data"]
    assert answer.status_code == 201
    assert (bought["status"], bought["packageId"], bought["quantity"]) == ("pending", "5k", 2)
    assert bought["total"] == 10_000
    assert bought["payment"]["redirectUrl"].startswith(midtrans.url)
    assert bought["payment"]["token"]
    assert bought["pageUrl"].endswith(f"/orders/{bought['token']}")
    assert shop.get(bought["pageUrl"]).status_code == 200
    assert vouchers_of(bought["id"]) == []
    shown = shop.get(f"/api/orders/{bought['id']}", headers={"X-Order-Token": bought["token"]})
    assert shown.json()["data"]["buyer"]["phone"] == "+628123456789"
    assert shown.json()["data"]["expiresAt"] == bought["expiresAt"]


def test_a_payment_allocates_vouchers_once_under_repeated_notifications(
    shop: httpx.Client,
    bought: dict[str, Any],
    midtrans: MidtransSimulator,
    settle_all: Callable[[], Settlement],
    vouchers_of: Callable[[int], list[Voucher]],
) -> None:
    midtrans.push(f"{bought['code']}-01", "pay", "gopay")
    told = midtrans.notifications(2)[-1].body

    again = shop.post("/voucher/payment-webhook", content=told)
    settle_all()
    first = vouchers_of(bought["id"])
    settle_all()

    assert (again.status_code, again.json()["data"]["known"]) == (200, True)
    assert [one.state for one in first] == [VoucherState.PENDING] * 2
    assert vouchers_of(bought["id"]) == first


def test_a_failed_or_unsigned_payment_allocates_nothing(
    shop: httpx.Client,
    bought: dict[str, Any],
    midtrans: MidtransSimulator,
    settle_all: Callable[[], Settlement],
    vouchers_of: Callable[[int], list[Voucher]],
) -> None:
    midtrans.push(f"{bought['code']}-01", "decline", "credit_card")
    told = midtrans.notifications(1)[-1].body

    heard = shop.post("/voucher/payment-webhook", content=told)
    unsigned = shop.post("/voucher/payment-webhook", content=told.replace("10000.00", "9.00"))
    settle_all()

    assert heard.status_code == 200
    assert (unsigned.status_code, unsigned.json()["error"]["code"]) == (403, "signature_mismatch")
    assert vouchers_of(bought["id"]) == []


def test_the_same_request_again_is_the_same_purchase_and_another_is_refused(
    shop: httpx.Client, sell_package: Callable[..., int], orders_in: Callable[[], list[str]]
) -> None:
    sell_package()

    first = shop.post("/voucher/purchase", json=ASKED, headers=KEY)
    again = shop.post("/voucher/purchase", json=ASKED, headers=KEY)
    other = shop.post("/voucher/purchase", json=ASKED | {"quantity": 3}, headers=KEY)

    assert first.json() == again.json()
    assert (first.headers.get("Idempotent-Replayed"), again.headers["Idempotent-Replayed"]) == (
        None, "true",
    )  # fmt: skip
    assert (other.status_code, other.json()["error"]["code"]) == (409, "key_reused")
    assert orders_in() == ["pending"]


def test_an_invalid_purchase_names_the_field_and_changes_nothing(
    shop: httpx.Client, sell_package: Callable[..., int], orders_in: Callable[[], list[str]]
) -> None:
    sell_package()
    wrong: list[dict[str, object]] = [
        {"quantity": 0}, {"quantity": 501}, {"quantity": "2"}, {"packageId": "7K!"},
        {"packageId": "7k"}, {"customerPhone": "12"}, {"customerPhone": ""},
        {"customerName": " "}, {"customerEmail": "sari@"}, {"price": 1},
    ]  # fmt: skip

    refused = [shop.post("/voucher/purchase", json=ASKED | each) for each in wrong]

    told = [answer.json()["error"] for answer in refused]
    named = [next(iter(each)) for each in wrong]
    assert [answer.status_code for answer in refused] == [422] * len(wrong)
    assert [field for field, each in zip(named, told, strict=True) if field in each["message"]] == (
        named
    )
    assert [str(each["details"]).count("'value'") for each in told] == [1] * len(wrong)
    assert orders_in() == []


def test_a_package_that_is_sold_out_or_closed_is_not_sold(
    shop: httpx.Client,
    sell_package: Callable[..., int],
    database: Database,
    orders_in: Callable[[], list[str]],
) -> None:
    sell_package(capacity=1)

    sold_out = shop.post("/voucher/purchase", json=ASKED)
    close_package(database, "5k", by="test")
    closed = shop.post("/voucher/purchase", json=ASKED)

    assert (sold_out.status_code, sold_out.json()["error"]["details"]["available"]) == (409, 1)
    assert (closed.status_code, closed.json()["error"]["code"]) == (409, "not_on_sale")
    assert orders_in() == []


@pytest.mark.usefixtures("impatient_gateway")
def test_an_unavailable_gateway_leaves_no_reservation_unless_the_request_is_idempotent(
    shop: httpx.Client,
    sell_package: Callable[..., int],
    midtrans: MidtransSimulator,
    orders_in: Callable[[], list[str]],
) -> None:
    sell_package()
    midtrans.faults.set(answers=[MidtransResponseFault("error", times=99, path="/snap")])

    away = shop.post("/voucher/purchase", json=ASKED)
    with_key = shop.post("/voucher/purchase", json=ASKED, headers=KEY)
    midtrans.faults.clear()
    repeated = shop.post("/voucher/purchase", json=ASKED, headers=KEY)

    assert (away.status_code, with_key.status_code, repeated.status_code) == (503, 503, 201)
    assert orders_in() == ["cancelled", "pending"]


def test_a_free_package_is_allocated_at_once(
    shop: httpx.Client,
    sell_package: Callable[..., int],
    vouchers_of: Callable[[int], list[Voucher]],
) -> None:
    sell_package(price=Rupiah(0))

    bought = shop.post("/voucher/purchase", json=ASKED).json()["data"]

    assert (bought["payment"], bought["total"], bought["status"]) == (None, 0, "pending")
    assert len(vouchers_of(bought["id"])) == 2


def test_anonymous_requests_are_rate_limited(anonymous_client: httpx.Client) -> None:
    answers = [anonymous_client.post("/voucher/purchase", json={}) for _ in range(40)]

    assert {answer.status_code for answer in answers} == {422, 429}
