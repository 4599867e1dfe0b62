"""Tests of the payments API: one open page, notifications stored once, signatures verified."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import func, insert, select, text, update

from simulators.midtrans.server import SERVER_KEY, MidtransSimulator
from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.db.embedded.server import EmbeddedServer
from ticketing.platform.db.tables.inbound_webhooks import inbound_webhooks
from ticketing.platform.db.tables.orders import orders
from ticketing.platform.db.tables.payments import payment_attempts
from ticketing.selling.payments.settle import Settlement

Sell = Callable[..., int]
Place = Callable[..., dict[str, Any]]
Pay = Callable[[dict[str, Any]], httpx.Response]
Settle = Callable[[], Settlement]
NOTIFICATION = "/api/payment/notification"


@pytest.fixture
def pay(shop: httpx.Client) -> Pay:
    """Return a function that asks for a checkout page of an order."""

    def ask(placed: dict[str, Any]) -> httpx.Response:
        headers = {"X-Order-Token": placed["token"]}
        return shop.post("/api/payment/create", json={"orderId": placed["id"]}, headers=headers)

    return ask


@pytest.fixture
def fetch_order(shop: httpx.Client) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return a function that fetches an order as its buyer."""

    def fetch(placed: dict[str, Any]) -> dict[str, Any]:
        headers = {"X-Order-Token": placed["token"]}
        return dict(shop.get(f"/api/orders/{placed['id']}", headers=headers).json()["data"])

    return fetch


@pytest.fixture
def wait_for_slow_calls(midtrans: MidtransSimulator) -> Callable[[], None]:
    """Return a function that waits until half of the slow gateway calls have arrived."""

    def wait() -> None:
        deadline = time.monotonic() + 60
        while midtrans.faults.answers[0].times > 5 and time.monotonic() < deadline:
            time.sleep(0.01)

    return wait


@pytest.fixture
def sign() -> Callable[..., dict[str, str]]:
    """Return a function that builds a signed notification of an attempt."""

    def build(attempt_key: str, *, key: str = SERVER_KEY, **more: str) -> dict[str, str]:
        said = {
            "order_id": attempt_key,
            "transaction_id": "b5d4a6a2-0a56-4a3e-a7c2-5a8c1f0d9e11",
            "transaction_status": "settlement",
            "transaction_time": "2026-11-20 19:05:10",
            "status_code": "200",
            "gross_amount": "50000.00",
            "payment_type": "qris",
            "fraud_status": "accept",
        } | more
        covered = said["order_id"] + said["status_code"] + said["gross_amount"] + key
        return {"signature_key": hashlib.sha512(covered.encode()).hexdigest()} | said

    return build


@pytest.fixture
def count_stored_notifications(database: Database) -> Callable[[], int]:
    """Return a function that counts stored notifications."""

    def count() -> int:
        with database.transaction() as connection:
            return connection.scalar(select(func.count()).select_from(inbound_webhooks)) or 0

    return count


Sign = Callable[..., dict[str, str]]
CountStored = Callable[[], int]


def test_an_ordinary_purchase_needs_two_requests_to_the_gateway(
    *,
    operator: httpx.Client,
    midtrans: MidtransSimulator,
    pay: Pay,
    sell: Sell,
    order: Place,
    settle_all: Settle,
) -> None:
    placed = order(sell(), 2)
    pay(placed).raise_for_status()
    key = f"{placed['code']}-01"
    midtrans.push(key, "choose", "bca_va")
    midtrans.push(key, "pay")
    midtrans.notifications(at_least=2)

    settled = settle_all()
    text = operator.get("/metrics").text

    known = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith("gateway_paid_order")
    }
    assert (settled.applied, settled.unchanged) == (1, 1)
    assert known == {
        ("gateway_paid_orders_total",): 1,
        ("gateway_paid_order_calls_total", "create"): 1,
        ("gateway_paid_order_calls_total", "status"): 1,
    }


def test_asking_twice_gives_the_same_live_page(
    pay: Pay,
    sell: Sell,
    order: Place,
    fetch_order: Callable[..., dict[str, Any]],
    database: Database,
) -> None:
    placed = order(sell(), 2)

    first, again = pay(placed), pay(placed)

    page = first.json()["data"]
    assert (first.status_code, again.json()["data"]) == (200, page)
    assert page["clientKey"] == "SB-Mid-client-SIMULATOR"
    assert page["redirectUrl"].endswith(page["token"])
    shown = fetch_order(placed)["payment"]
    assert (shown["status"], shown["paymentToken"]) == ("created", page["token"])
    with database.transaction() as connection:
        assert connection.scalar(select(func.count()).select_from(payment_attempts)) == 1


def test_a_paid_order_shows_the_transaction_and_takes_no_other_payment(
    pay: Pay,
    sell: Sell,
    order: Place,
    fetch_order: Callable[..., dict[str, Any]],
    midtrans: MidtransSimulator,
    settle_all: Settle,
) -> None:
    placed = order(sell(), 2)
    pay(placed)
    said = midtrans.push(f"{placed['code']}-01", "pay", "gopay")
    assert [told.answer for told in midtrans.notifications(2)] == [200, 200]

    settle_all()

    shown = fetch_order(placed)
    assert (shown["status"], shown["payment"]["status"]) == ("paid", "settlement")
    assert shown["payment"]["transactionId"] == said["transaction_id"]
    assert shown["payment"]["paymentToken"] is None
    refused = pay(placed)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "impossible_transition")


def test_stock_counts_follow_reservation_payment_and_cancellation(
    shop: httpx.Client,
    pay: Pay,
    sell: Sell,
    order: Place,
    event: Event,
    midtrans: MidtransSimulator,
    settle_all: Settle,
) -> None:
    vip = sell(capacity=100)
    steps = []
    first = order(vip, 5)
    steps.append(shop.get(f"/api/events/{event.slug}/ticket-types").json()["data"][0])
    second = order(vip, 3)
    steps.append(shop.get(f"/api/events/{event.slug}/ticket-types").json()["data"][0])
    pay(first)
    midtrans.push(f"{first['code']}-01", "pay", "other_qris")
    midtrans.notifications(2)
    settle_all()
    steps.append(shop.get(f"/api/events/{event.slug}/ticket-types").json()["data"][0])
    cancel, token = f"/api/orders/{second['id']}/cancel", {"X-Order-Token": second["token"]}
    shop.post(cancel, headers=token)
    steps.append(shop.get(f"/api/events/{event.slug}/ticket-types").json()["data"][0])

    counted = [(one["stokTersisa"], one["stokPending"], one["sold"]) for one in steps]

    assert counted == [(95, 5, 0), (92, 8, 0), (92, 3, 5), (95, 0, 5)]


def test_the_checkout_request_has_items_buyer_and_expiry(
    pay: Pay, sell: Sell, order: Place, midtrans: MidtransSimulator
) -> None:
    placed = order(sell(), 2)

    pay(placed)

    [session] = midtrans.bank.sessions()
    asked: Any = session.request
    ends = datetime.fromisoformat(placed["expiresAt"])
    assert asked["transaction_details"]["gross_amount"] == 100_000
    assert asked["customer_details"]["email"] == "sari@example.org"
    assert asked["callbacks"]["finish"].endswith(f"/orders/{placed['token']}")
    method_ends = session.payment_expires_at(datetime.now(UTC))
    assert method_ends is not None
    assert ends - timedelta(minutes=1, seconds=1) < method_ends <= ends
    assert session.page_expires_at <= ends


def test_after_a_refused_payment_there_is_a_new_page_and_the_old_one_is_closed(
    pay: Pay, sell: Sell, order: Place, midtrans: MidtransSimulator, settle_all: Settle
) -> None:
    placed = order(sell())
    old = pay(placed).json()["data"]["token"]
    midtrans.push(f"{placed['code']}-01", "decline", "credit_card")
    midtrans.notifications(2)
    settle_all()

    new = pay(placed).json()["data"]["token"]

    assert new != old
    first, second = midtrans.bank.sessions()
    assert (first.canceled, second.canceled) == (True, False)
    assert second.order_id == f"{placed['code']}-02"


def test_a_paid_order_shows_the_attempt_that_paid_it_and_not_a_later_one(
    *, shop: httpx.Client, pay: Pay, sell: Sell, order: Place, midtrans: MidtransSimulator,
    settle_all: Settle, database: Database,
) -> None:  # fmt: skip
    placed = order(sell())
    pay(placed)
    midtrans.push(f"{placed['code']}-01", "pay", "gopay")
    midtrans.notifications(2)
    settle_all()
    with database.transaction() as connection:
        later = {"order_id": placed["id"], "number": 2, "key": f"{placed['code']}-02",
                 "amount": 50_000, "created_at": func.now(), "updated_at": func.now()}  # fmt: skip
        connection.execute(insert(payment_attempts).values(later))

    shown = shop.get(f"/api/orders/{placed['id']}", headers={"X-Order-Token": placed["token"]})

    assert shown.json()["data"]["status"] == "paid"
    assert shown.json()["data"]["payment"]["status"] == "settlement"


def test_an_order_without_a_buyer_is_not_paid(pay: Pay, sell: Sell, order: Place) -> None:
    placed = order(sell(), buyer=None)

    refused = pay(placed)

    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "buyer_unknown")


def test_an_expired_reservation_cannot_be_paid(
    pay: Pay, sell: Sell, order: Place, database: Database
) -> None:
    placed = order(sell())
    with database.transaction() as connection:
        soon = func.now() + text("interval '50 seconds'")
        connection.execute(update(orders).values(expires_at=soon))

    refused = pay(placed)

    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "impossible_transition")


def test_cancelling_closes_the_page(
    shop: httpx.Client, pay: Pay, sell: Sell, order: Place, midtrans: MidtransSimulator
) -> None:
    placed = order(sell())
    pay(placed)

    headers = {"X-Order-Token": placed["token"]}
    shop.post(f"/api/orders/{placed['id']}/cancel", headers=headers)

    [session] = midtrans.bank.sessions()
    assert not midtrans.bank.is_open(session)


@pytest.mark.usefixtures("impatient_gateway")
def test_a_failing_gateway_is_503_or_502_and_the_next_request_gets_a_page(
    pay: Pay, sell: Sell, order: Place, midtrans: MidtransSimulator
) -> None:
    placed = order(sell())
    midtrans.faults.set(answers=[{"kind": "error", "status": 503, "times": 3}])
    away = pay(placed)
    midtrans.faults.set(answers=[{"kind": "error", "status": 402, "times": 1}])
    refused = pay(placed)

    page = pay(placed)

    assert (away.status_code, away.json()["error"]["code"]) == (503, "gateway_unavailable")
    assert int(away.headers["Retry-After"]) > 0
    assert (refused.status_code, refused.json()["error"]["code"]) == (502, "gateway_refused")
    assert page.status_code == 200


def test_the_order_of_another_buyer_cannot_be_paid(
    shop: httpx.Client, sell: Sell, order: Place, midtrans: MidtransSimulator
) -> None:
    vip = sell()
    mine, yours = order(vip), order(vip)

    headers = {"X-Order-Token": mine["token"]}
    foreign = shop.post("/api/payment/create", json={"orderId": yours["id"]}, headers=headers)
    nobody = shop.post("/api/payment/create", json={"orderId": yours["id"]})

    assert (foreign.status_code, nobody.status_code) == (404, 401)
    assert midtrans.bank.sessions() == []


def test_a_notification_is_stored_unchanged_and_once(
    shop: httpx.Client, sign: Sign, count_stored_notifications: CountStored, database: Database
) -> None:
    body = json.dumps(sign("ORD-000000000000-01"), indent=1).encode()
    reordered = json.dumps(dict(reversed(sign("ORD-000000000000-01").items()))).encode()

    answers = [shop.post(NOTIFICATION, content=sent) for sent in (body, body, reordered)]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert [answer.json()["data"]["known"] for answer in answers] == [False, True, True]
    assert count_stored_notifications() == 1
    with database.transaction() as connection:
        assert bytes(connection.scalar(select(inbound_webhooks.c.body))) == body


@pytest.mark.parametrize(
    "changed",
    [
        {"transaction_time": None},
        {"transaction_time": "2026-11-20T12:05:10Z"},
        {"transaction_status": "paid_by_moonlight"},
        {"status_code": 200, "gross_amount": 50000},
        {"order_id": "payment_notif_test_G000000001_1"},
    ],
)
def test_a_signed_notification_is_stored_whatever_its_other_fields_look_like(
    shop: httpx.Client,
    sign: Sign,
    count_stored_notifications: CountStored,
    changed: dict[str, object],
) -> None:
    signed = sign(str(changed.get("order_id", "ORD-000000000000-01")))

    answer = shop.post(NOTIFICATION, json=signed | changed)

    assert answer.status_code == 200
    assert count_stored_notifications() == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"key": "SB-Mid-server-GUESSED"},
        {"key": ""},
    ],
)
def test_a_notification_with_a_wrong_signature_is_403_and_not_stored(
    shop: httpx.Client, sign: Sign, count_stored_notifications: CountStored, changed: dict[str, str]
) -> None:
    refused = shop.post(NOTIFICATION, json=sign("ORD-000000000000-01", **changed))

    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "signature_mismatch")
    assert count_stored_notifications() == 0


@pytest.mark.parametrize("signature", ["", "0" * 128, "é" * 128, None, 7, "A" * 128, ["x"]])
def test_an_invalid_signature_is_refused(
    shop: httpx.Client, sign: Sign, count_stored_notifications: CountStored, signature: object
) -> None:
    refused = shop.post(NOTIFICATION, json=sign("A-01") | {"signature_key": signature})

    assert refused.status_code in {400, 403}
    assert count_stored_notifications() == 0


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b"[" * 60_000, b"<html>", b'{"order_id": 7}'],
)
def test_an_invalid_notification_is_400_and_not_stored(
    shop: httpx.Client, count_stored_notifications: CountStored, body: bytes
) -> None:
    refused = shop.post(NOTIFICATION, content=body)

    assert refused.status_code == 400
    assert refused.json()["error"]["code"] == "unreadable_notification"
    assert count_stored_notifications() == 0


@pytest.mark.parametrize("size", [65 * 1024, 1024 * 1024 + 1])
def test_an_oversized_notification_is_413_and_not_stored(
    shop: httpx.Client, sign: Sign, count_stored_notifications: CountStored, size: int
) -> None:
    refused = shop.post(NOTIFICATION, json=sign("A-01", custom_field1="x" * size))

    assert (refused.status_code, refused.json()["error"]["code"]) == (413, "body_too_large")
    assert count_stored_notifications() == 0


def test_a_signed_notification_that_the_gateway_does_not_confirm_changes_nothing(
    shop: httpx.Client,
    pay: Pay,
    sell: Sell,
    order: Place,
    sign: Sign,
    fetch_order: Callable[..., dict[str, Any]],
    midtrans: MidtransSimulator,
    settle_all: Settle,
) -> None:
    placed = order(sell())
    pay(placed)
    midtrans.push(f"{placed['code']}-01", "choose", "bca_va")
    midtrans.notifications(1)

    shop.post(NOTIFICATION, json=sign(f"{placed['code']}-01"))
    settle_all()

    assert (fetch_order(placed)["status"], fetch_order(placed)["payment"]["status"]) == (
        "pending",
        "pending",
    )


def test_a_notification_of_an_unknown_order_is_200_and_stored_for_review(
    shop: httpx.Client, sign: Sign, settle_all: Settle, database: Database
) -> None:
    answer = shop.post(NOTIFICATION, json=sign("ORD-NOBODY000000-01"))

    settled = settle_all()

    assert (answer.status_code, settled.quarantined) == (200, 1)
    with database.transaction() as connection:
        assert "ORD-NOBODY" in str(connection.scalar(select(inbound_webhooks.c.reason)))


@pytest.fixture
def unreachable_database(
    server: EmbeddedServer, database: Database
) -> Callable[[], AbstractContextManager[None]]:
    """Return a context manager that makes the test's database unreachable."""

    @contextmanager
    def closed() -> Iterator[None]:
        name = database.engine.url.database
        admin = Database.from_url(server.url("postgres"))
        with admin.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false"))
            hang_up = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"
            connection.execute(text(hang_up), {"name": name})
            yield
            connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true"))
        admin.dispose()

    return closed


@pytest.mark.usefixtures("fresh_database_url")
def test_without_a_database_a_notification_is_503_and_will_be_retried(
    shop: httpx.Client,
    sign: Sign,
    count_stored_notifications: CountStored,
    unreachable_database: Callable[[], AbstractContextManager[None]],
) -> None:
    shop.post(NOTIFICATION, json=sign("A-01"))
    with unreachable_database():
        unheard = shop.post(NOTIFICATION, json=sign("A-02"))

    heard = shop.post(NOTIFICATION, json=sign("A-02"))

    assert (unheard.status_code, heard.status_code) == (503, 200)
    assert count_stored_notifications() == 2


def test_other_requests_are_served_at_once_while_buyers_wait_for_a_slow_gateway(
    shop: httpx.Client,
    pay: Pay,
    sell: Sell,
    order: Place,
    midtrans: MidtransSimulator,
    sign: Sign,
    wait_for_slow_calls: Callable[[], None],
    event: Event,
) -> None:
    vip = sell(capacity=20)
    waiting = [order(vip) for _ in range(10)]
    midtrans.faults.set(answers=[{"kind": "slow", "seconds": 15, "times": 10}])

    with ThreadPoolExecutor(10) as buyers:
        pages = [buyers.submit(pay, one) for one in waiting]
        wait_for_slow_calls()
        others = [shop.post(NOTIFICATION, json=sign(f"A-{number:02}")) for number in range(5)]
        others.append(shop.get(f"/events/{event.slug}"))
        paid_meanwhile = [page.done() for page in pages]
        midtrans.hurry()

    assert [answer.status_code for answer in others] == [200] * 6
    assert paid_meanwhile == [False] * 10
    assert {page.result().status_code for page in pages} == {200}
