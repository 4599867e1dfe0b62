"""Tests of the metrics of vouchers, routers and messages."""

from collections.abc import Callable

import httpx
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import update

from ticketing.notifications.delivery import DeliveryState
from ticketing.orders.order import Order
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.vouchers import routers
from ticketing.platform.http.services import now


def test_metrics_cover_vouchers_purchases_messages_and_routers(
    viewer: httpx.Client,
    database: Database,
    buy: Callable[..., Order],
    activate_vouchers: Callable[..., None],
    fail_order: Callable[[Order], None],
    send: Callable[[Order, DeliveryState], int],
) -> None:
    well, stuck = buy(3), buy()
    activate_vouchers(well)
    send(well, DeliveryState.READ)
    fail_order(stuck)
    with database.transaction() as connection:
        connection.execute(update(routers).values(last_response_at=now()))

    text = viewer.get("/metrics").text

    known = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert known["vouchers", "active"] == 3
    assert known["vouchers", "removed"] == 0
    assert known["voucher_purchases", "completed"] == 1
    assert known["voucher_purchases", "voucher_generation_failed"] == 1
    assert known["deliveries", "whatsapp", "read"] == 1
    assert known["deliveries", "mail", "failed"] == 0
    assert known["router_up", "lobby"] == 1
    assert known["voucher_loss_ratio",] == 0.25
    assert known["voucher_oldest_waiting_seconds",] >= 3_600
    assert known["queue_items", "deliveries", "waiting"] > 0
    assert known["queue_oldest_seconds", "inbox"] == 0
    assert known["orders", "paid"] == 2
    assert known["last_settlement_timestamp_seconds",] == 0


def test_an_unreachable_router_is_shown_and_does_not_fail_readiness(
    anonymous_client: httpx.Client, buy: Callable[..., Order], database: Database
) -> None:
    buy(2)
    with database.transaction() as connection:
        connection.execute(update(routers).values(failure_count=1, failing_since=now()))

    detailed = anonymous_client.get("/health/detailed")

    data = detailed.json()["data"]
    assert (detailed.status_code, data["status"]) == (200, "healthy")
    assert data["dependencies"]["routers"] == "down"
    vouchers = data["queues"]["vouchers"]
    assert (vouchers["waiting"], vouchers["active"]) == (2, 0)
    assert vouchers["oldestSeconds"] >= 0
    assert data["queues"]["deliveries"]["active"] == 0
