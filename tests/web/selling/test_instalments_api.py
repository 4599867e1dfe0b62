"""Tests of paying instalments by API and on the shop's pages, with the simulated gateway."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from simulators.midtrans.server import MidtransSimulator
from ticketing.catalogue.payment_plans import offer_plan
from ticketing.events.model import Event
from ticketing.orders.instalments import OverduePolicy, PaymentPlan
from ticketing.platform.db.database import Database
from ticketing.selling.payments.settle import Settlement

Sell = Callable[..., int]
Place = Callable[..., dict[str, Any]]
SARI = {"name": "Sari Wulandari", "email": "sari@example.org", "phone": "0812 3456 7890"}


@pytest.fixture
def plan(database: Database, event: Event) -> str:
    """Offer a plan of 60 % and 40 %, two days apart; overdue instalments are kept."""
    two_days = timedelta(days=2)
    halves = PaymentPlan("2x", (60, 40), two_days, timedelta(), two_days, OverduePolicy.KEEP)
    offer_plan(database, event, halves, by="operator")
    return halves.name


@pytest.fixture
def placed(sell: Sell, order: Place, plan: str) -> dict[str, Any]:
    """Order two places for Rp100.000 in two instalments."""
    return order(sell(), 2, paymentPlan=plan)


@pytest.fixture
def pay_and_settle(
    midtrans: MidtransSimulator, settle_all: Callable[[], Settlement]
) -> Callable[[str, int], None]:
    """Return a function that pays an attempt and settles its notifications."""

    def pay(key: str, notices: int) -> None:
        midtrans.push(key, "pay", "gopay")
        midtrans.notifications(notices)
        settle_all()

    return pay


def test_an_event_lists_its_payment_plans(shop: httpx.Client, event: Event, plan: str) -> None:
    said = shop.get(f"/api/events/{event.slug}/payment-plans")

    assert said.json()["data"] == [
        {"name": plan, "shares": [60, 40], "everyDays": 2, "tickets": "all", "overdue": "keep"}
    ]


def test_an_order_shows_its_instalments(placed: dict[str, Any]) -> None:
    assert [(part["number"], part["amount"], part["paidAt"]) for part in placed["parts"]] == [
        (1, 60_000, None),
        (2, 40_000, None),
    ]
    assert placed["parts"][0]["dueAt"] == placed["expiresAt"]


def test_an_order_without_a_plan_has_no_instalments(sell: Sell, order: Place, plan: str) -> None:
    assert plan
    assert order(sell())["parts"] == []


def test_an_unknown_plan_is_refused_and_reserves_nothing(
    shop: httpx.Client, event: Event, sell: Sell
) -> None:
    kind = sell()
    asked = {
        "eventId": event.slug,
        "ticketSelections": [{"ticketTypeId": kind, "quantity": 1}],
        "paymentPlan": "12x",
    }

    refused = shop.post("/api/orders", json=asked)

    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "parts_refused")
    offers = shop.get(f"/api/events/{event.slug}/ticket-types").json()["data"]
    assert [offer["stokPending"] for offer in offers] == [0]


def test_the_same_request_with_another_plan_is_another_request(
    shop: httpx.Client, event: Event, sell: Sell, plan: str
) -> None:
    kind = sell()
    asked = {"eventId": event.slug, "ticketSelections": [{"ticketTypeId": kind, "quantity": 1}]}
    key = {"Idempotency-Key": "0f6b6a53-6a3c-4f4e-9d39-3c1d7a0c3f10"}

    whole = shop.post("/api/orders", json=asked, headers=key)
    again = shop.post("/api/orders", json=asked, headers=key)
    other = shop.post("/api/orders", json=asked | {"paymentPlan": plan}, headers=key)

    assert (whole.status_code, again.json()["data"]["id"]) == (201, whole.json()["data"]["id"])
    assert (other.status_code, other.json()["error"]["code"]) == (409, "key_reused")


def test_each_instalment_has_its_own_page_and_the_last_completes_the_order(
    shop: httpx.Client,
    placed: dict[str, Any],
    midtrans: MidtransSimulator,
    pay_and_settle: Callable[[str, int], None],
) -> None:
    client = f"/orders/{placed['token']}"
    before = shop.get(client).text

    first = shop.post(f"{client}/pay")
    pay_and_settle(f"{placed['code']}-01", 2)
    between = shop.get(client).text
    second = shop.post(f"{client}/pay")
    pay_and_settle(f"{placed['code']}-02", 4)
    after = shop.get(client).text

    assert first.headers["Location"].startswith(midtrans.url)
    assert second.headers["Location"].startswith(midtrans.url)
    assert first.headers["Location"] != second.headers["Location"]
    assert "Bayar angsuran 1: Rp60.000" in before
    assert "Bayar angsuran 2: Rp40.000" in between
    assert "1/2 · lunas" in between
    assert "Tiket Anda" not in between
    assert "2/2 · lunas" in after
    assert "Tiket sedang dibuat" in after


def test_paying_the_next_instalment_keeps_the_paid_ones(
    *,
    shop: httpx.Client,
    placed: dict[str, Any],
    midtrans: MidtransSimulator,
    settle_all: Callable[[], Settlement],
) -> None:
    client = f"/orders/{placed['token']}"
    shop.post(f"{client}/pay")
    midtrans.push(f"{placed['code']}-01", "pay", "credit_card")  # captured: it could be cancelled
    midtrans.notifications(1)
    settle_all()

    shop.post(f"{client}/pay")
    settle_all()

    headers = {"X-Order-Token": placed["token"]}
    shown = shop.get(f"/api/orders/{placed['id']}", headers=headers).json()["data"]
    assert [part["paidAt"] is not None for part in shown["parts"]] == [True, False]
    assert (shown["status"], shown["flags"]) == ("pending", [])


def test_cancelling_announces_that_paid_instalments_are_kept(
    shop: httpx.Client, placed: dict[str, Any], pay_and_settle: Callable[[str, int], None]
) -> None:
    client = f"/orders/{placed['token']}"
    shop.post(f"{client}/pay")
    pay_and_settle(f"{placed['code']}-01", 2)

    shop.post(f"{client}/cancel")

    page = shop.get(client).text
    assert "Dibatalkan" in page
    assert "tidak dikembalikan" in page


def test_a_plan_is_chosen_on_the_event_s_page(
    shop: httpx.Client, sell: Sell, event: Event, plan: str
) -> None:
    kind = sell()
    client = f"/events/{event.slug}"

    shown = shop.get(client).text
    page = shop.post(
        client, data={f"places-{kind}": "1", "plan": plan, **SARI}, follow_redirects=True
    )

    assert '<option value="2x">2x: 60 + 40 %, satu angsuran setiap 2 hari</option>' in shown
    assert "Bayar angsuran 1: Rp30.000" in page.text


def test_an_event_without_plans_offers_no_choice(
    shop: httpx.Client, sell: Sell, event: Event
) -> None:
    sell()

    assert 'name="plan"' not in shop.get(f"/events/{event.slug}").text
