"""Tests of the dashboard's figures, failed purchases and delivery attempts."""

from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import select, update

from ticketing.crypto.keyring import KeyRing
from ticketing.notifications.delivery import DeliveryState
from ticketing.orders.order import Order
from ticketing.platform.application import Application
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.vouchers import routers, vouchers
from ticketing.platform.http.services import now
from ticketing.vouchers.provisioning.router_admin import NewRouter, add_router

DASHBOARD = "/voucher/api/dashboard"
Buying = Callable[..., Order]
REFUSED = {
    "dashboard?from=yesterday": "invalid_request",
    "dashboard?from=2026-01-01T00:00:00": "invalid_request",
    "dashboard?to=9999-12-31T23:59:59Z": "invalid_request",
    "dashboard?step=week": "invalid_request",
    "dashboard?from=2020-01-01T00:00:00Z&step=hour": "span_too_long",
    "dashboard?event=nobodys-2026": "unknown_event",
    "payments?limit=0": "invalid_request",
    "payments?limit=501": "invalid_request",
    "payments?offset=-1": "invalid_request",
    "payments?status=paid": "invalid_request",
    "payments?event=%00": "invalid_request",
    "payments?event=nobodys-2026": "unknown_event",
    "failed-vouchers?limit=-1": "invalid_request",
    "failed-vouchers?event=nobodys-2026": "unknown_event",
    "delivery-status?limit=0": "invalid_request",
    "delivery-status?event=nobodys-2026": "unknown_event",
    "delivery-status?purchase_id=x": "invalid_request",
    "delivery-status?purchase_id=-1": "invalid_request",
    "delivery-status?purchase_id=999": "unknown_purchase",
}


@pytest.fixture
def busy_hour(
    buy: Buying,
    order_vouchers: Callable[..., int],
    activate_vouchers: Callable[..., None],
    fail_order: Callable[[Order], None],
    send: Callable[[Order, DeliveryState], int],
) -> dict[str, Order]:
    """Create purchases that succeeded, failed, and are too recent to judge."""
    well, undelivered, stuck, young = buy(3), buy(), buy(), buy(ago=timedelta())
    activate_vouchers(well)
    send(well, DeliveryState.DELIVERED)
    activate_vouchers(undelivered)
    send(undelivered, DeliveryState.FAILED)
    fail_order(stuck)
    order_vouchers(2)
    return {"well": well, "undelivered": undelivered, "stuck": stuck, "young": young}


@pytest.mark.usefixtures("busy_hour")
def test_the_dashboard_adds_up_purchases_vouchers_money_and_losses(viewer: httpx.Client) -> None:
    shown = viewer.get(DASHBOARD).json()["data"]

    assert {state: one["purchases"] for state, one in shown["purchases"].items()} == {
        "completed": 2, "pending": 2, "voucher_generation_failed": 1, "failed": 0,
    }  # fmt: skip
    assert shown["revenue"] == 30_000
    assert shown["packages"] == [
        {"packageId": "5k", "name": "Paket 5 ribu", "profile": "1day", "purchases": 4,
         "vouchers": 6, "gross": 30_000},
    ]  # fmt: skip
    assert shown["rates"] == {
        "dueVouchers": 5, "lostVouchers": 2, "voucherLossRate": 0.4,
        "readyPurchases": 2, "receivedPurchases": 1, "deliveryRate": 0.5,
    }  # fmt: skip
    assert shown["vouchers"] == {
        "pending": 2,
        "provisioning": 0,
        "active": 4,
        "revoking": 0,
        "removed": 0,
    }
    assert shown["deliveries"]["delivered"] == shown["deliveries"]["failed"] == 1
    assert shown["waiting"]["vouchers"]["count"] == 2
    assert shown["waiting"]["messages"] == {"count": 0, "oldestAt": None}


def test_waiting_time_counts_from_the_payment(
    viewer: httpx.Client, busy_hour: dict[str, Order]
) -> None:
    waiting = viewer.get(DASHBOARD).json()["data"]["waiting"]["vouchers"]
    listed = viewer.get("/voucher/api/payments").json()["data"]["payments"]

    [paid_at] = [one["paidAt"] for one in listed if one["purchaseId"] == busy_hour["stuck"].id]
    assert waiting["oldestAt"] == paid_at


def test_a_refunded_purchase_is_no_loss(
    viewer: httpx.Client, buy: Buying, database: Database
) -> None:
    buy()
    ended = {"state": "removed", "revoked_reason": "refunded", "removed_at": now()}
    with database.transaction() as connection:
        connection.execute(update(vouchers).values(ended))

    rates = viewer.get(DASHBOARD).json()["data"]["rates"]

    assert (rates["dueVouchers"], rates["lostVouchers"], rates["voucherLossRate"]) == (0, 0, None)


def test_routers_are_shown_with_their_breakers(
    viewer: httpx.Client, application: Application, buy: Buying, database: Database
) -> None:
    buy(2)
    resting = {"attic": now() + timedelta(minutes=1), "cellar": now() - timedelta(minutes=1)}
    for name, until in resting.items():
        new = NewRouter("127.0.0.1", "ticketing", "simulator-password", 1, tls=False)
        add_router(database, application.get(KeyRing), name, new, by="test")
        values = {"failure_count": 4, "failing_since": now(), "circuit_open_until": until}
        with database.transaction() as connection:
            connection.execute(update(routers).where(routers.c.name == name).values(values))

    shown = viewer.get(DASHBOARD).json()["data"]["routers"]

    assert {one["name"]: (one["breaker"], one["vouchers"]["pending"]) for one in shown} == {
        "attic": ("open", 0), "cellar": ("half_open", 0), "lobby": ("closed", 2),
    }  # fmt: skip


def test_the_trend_adds_up_to_paid_and_provisioned_vouchers(
    viewer: httpx.Client, buy: Buying, activate_vouchers: Callable[..., None]
) -> None:
    activate_vouchers(buy(2))
    buy(ago=timedelta())

    days, hours = (
        viewer.get(DASHBOARD, params={"step": step, "event": "wisuda-2026"}).json()["data"]
        for step in ("day", "hour")
    )

    assert (len(days["trend"]), len(hours["trend"])) == (8, pytest.approx(168, abs=1))
    for shown in (days, hours):
        assert sum(point["revenue"] for point in shown["trend"]) == shown["revenue"] == 15_000
        assert sum(point["purchases"] for point in shown["trend"]) == 2
        assert sum(point["vouchersMade"] for point in shown["trend"]) == 2


def test_repairs_by_staff_are_counted_apart_from_automatic_recovery(
    viewer: httpx.Client,
    operator: httpx.Client,
    buy: Buying,
    activate_vouchers: Callable[..., None],
    fail_order: Callable[[Order], None],
) -> None:
    recovered, helped = buy(), buy()
    fail_order(recovered)
    activate_vouchers(recovered)
    fail_order(helped)
    operator.post(f"/voucher/api/regenerate-voucher/{helped.id}")

    shown = viewer.get(DASHBOARD).json()["data"]

    assert shown["manualIntervention"] == {"byPerson": 1, "byItself": 1, "level": 0.5}
    assert sum(point["failedTries"] for point in shown["trend"]) == 2


def test_failed_purchases_are_listed_with_their_reason_and_without_codes(
    viewer: httpx.Client, busy_hour: dict[str, Order], database: Database
) -> None:
    answer = viewer.get("/voucher/api/failed-vouchers")
    second = viewer.get("/voucher/api/failed-vouchers", params={"limit": 1, "offset": 1})

    data = answer.json()["data"]
    stuck, undelivered = data["purchases"]
    assert (stuck["purchaseId"], undelivered["purchaseId"]) == (
        busy_hour["stuck"].id, busy_hour["undelivered"].id,
    )  # fmt: skip
    [waiting] = stuck["vouchers"]
    assert (waiting["router"], waiting["tries"], waiting["errorMessage"]) == (
        "lobby", 4, "lobby gave no answer",
    )  # fmt: skip
    assert (undelivered["delivery"], undelivered["vouchers"]) == ("failed", [])
    assert (data["totalCount"], second.json()["data"]["purchases"]) == (2, [undelivered])
    with database.transaction() as connection:
        names = connection.execute(select(vouchers.c.name)).scalars().all()
    assert [name for name in names if name in answer.text] == []


def test_without_a_purchase_the_attempts_for_all_are_listed(
    viewer: httpx.Client, busy_hour: dict[str, Order]
) -> None:
    url = "/voucher/api/delivery-status"
    everything = viewer.get(url).json()["data"]
    page = viewer.get(url, params={"limit": 1, "offset": 1, "event": "wisuda-2026"}).json()["data"]

    listed = [one["purchaseId"] for one in everything["logs"]]
    assert busy_hour["undelivered"].id in listed
    assert [one["id"] for one in everything["logs"]] == sorted(
        (one["id"] for one in everything["logs"]), reverse=True
    )
    assert (page["totalCount"], page["logs"]) == (len(listed), everything["logs"][1:2])


def test_the_delivery_of_codes_is_shown_attempt_by_attempt(
    viewer: httpx.Client, busy_hour: dict[str, Order]
) -> None:
    order = busy_hour["undelivered"]

    asked = {"purchase_id": order.id}
    told = viewer.get("/voucher/api/delivery-status", params=asked).json()["data"]

    assert order.buyer is not None
    [delivery], [attempt] = told["deliveries"], told["logs"]
    assert (told["status"], told["delivery"]) == ("completed", "failed")
    assert (delivery["channel"], delivery["phone"]) == ("whatsapp", order.buyer.phone)
    assert {name: attempt[name] for name in ("purchaseId", "phone", "status", "errorMessage")} == {
        "purchaseId": order.id, "phone": order.buyer.phone, "status": "failed",
        "errorMessage": "not on WhatsApp",
    }  # fmt: skip


def test_an_invalid_parameter_is_named(viewer: httpx.Client) -> None:
    refused = {path: viewer.get(f"/voucher/api/{path}") for path in REFUSED}

    assert {path: answer.json()["error"]["code"] for path, answer in refused.items()} == REFUSED
    assert {path: answer.status_code for path, answer in refused.items()} == {
        path: 404 if code.startswith("unknown") else 422 for path, code in REFUSED.items()
    }
