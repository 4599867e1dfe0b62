"""Tests of sending webhooks: retries until success, to the subscribed endpoints only."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update

from simulators.hooks import WebhookReceiver
from ticketing.crypto.keyring import KeyRing
from ticketing.events.model import Event
from ticketing.orders.order import Buyer
from ticketing.orders.payment_attempt import AttemptState
from ticketing.platform.db import incidents
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.ledger import order_ledger
from ticketing.platform.db.tables.operations import audit_log
from ticketing.platform.db.tables.orders import orders
from ticketing.selling.checkout.cancel_order import cancel_order
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.selling.payments.attempt_queries import PaymentAttempt
from ticketing.webhooks import call_queries
from ticketing.webhooks.call_queries import CALL_RETENTION, LEASE, WebhookCall
from ticketing.webhooks.client import WebhookClient
from ticketing.webhooks.endpoints import (
    enable_endpoint,
    list_endpoints,
    remove_endpoint,
    resend_calls,
    send_test_message,
)
from ticketing.webhooks.model import (
    CALL_RETRIES,
    CallState,
    UnusableHook,
    WebhookEndpoint,
)
from ticketing.webhooks.send import (
    WebhookRunResult,
    send_all_due_calls,
)

Place = Callable[..., PlacedOrder]
RegisterEndpoint = Callable[..., WebhookEndpoint]
Send = Callable[..., WebhookRunResult]
ListCalls = Callable[..., list[WebhookCall]]


@pytest.fixture
def guest(sell: Callable[..., int]) -> int:
    """Sell a ticket type at Rp50.000."""
    return sell("Guest")


def test_an_order_webhook_has_the_ledger_entry_without_the_buyer(
    guest: int, place: Place, register_endpoint: RegisterEndpoint, send: Send,
    receiver: WebhookReceiver,
    sari: Buyer, now: datetime,
) -> None:  # fmt: skip
    register_endpoint()
    placed = place((guest, 2), buyer=sari)

    told = send()

    assert told == WebhookRunResult(delivered=1, failed=0)
    ((headers, body),) = receiver.received
    assert headers["content-type"] == "application/json"
    assert headers["webhook-timestamp"] == str(int(now.timestamp()))
    assert json.loads(body) == {
        "type": "order.placed",
        "timestamp": "2026-11-20T08:00:00.000Z",
        "data": {
            "entry": 1,
            "event": "wisuda-2026",
            "order": placed.order.code,
            "subject": placed.order.code,
            "sale": 100_000,
            "money": 0,
            "details": {"total": 100_000, "discount": 0},
        },
    }
    assert b"sari" not in body.lower()


def test_a_payment_sends_one_webhook_for_the_money_and_one_for_the_order(
    guest: int, place: Place, register_endpoint: RegisterEndpoint, send: Send,
    receiver: WebhookReceiver,
    sari: Buyer,
    begin_payment: Callable[[PlacedOrder], PaymentAttempt], receive_status: Callable[..., object],
) -> None:  # fmt: skip
    register_endpoint("order.paid", "payment.captured", "order.refunded")
    attempt = begin_payment(place((guest, 2), buyer=sari))
    receive_status(attempt, AttemptState.SETTLED)
    receive_status(attempt, AttemptState.PARTLY_REFUNDED, refunded=40_000)

    send()

    told = {
        json.loads(body)["type"]: json.loads(body)["data"]["money"] for _, body in receiver.received
    }
    assert told == {"payment.captured": 100_000, "order.paid": 0, "order.refunded": -40_000}


def test_only_subscribed_kinds_of_the_subscribed_event_are_sent(
    guest: int, place: Place, register_endpoint: RegisterEndpoint, list_calls: ListCalls,
    other_event: Event,
    event: Event,
    database: Database, now: datetime,
) -> None:  # fmt: skip
    register_endpoint("order.cancelled")
    register_endpoint(name="elsewhere", event=other_event)
    register_endpoint(name="here", event=event)
    placed = place((guest, 1))
    cancel_order(database, placed.order.id, at=now, by="web")

    assert [call.kind for call in list_calls()] == ["order.cancelled"]
    assert list_calls("elsewhere") == []
    assert [call.kind for call in list_calls("here")] == ["order.placed", "order.cancelled"]


def test_a_rolled_back_entry_is_never_sent(
    guest: int, place: Place, register_endpoint: RegisterEndpoint, list_calls: ListCalls,
    database: Database,
    now: datetime,
) -> None:  # fmt: skip
    register_endpoint()
    place((guest, 1))

    with database.engine.connect() as connection:
        connection.execute(update(orders).values(state="cancelled", closed_at=now))
        connection.exec_driver_sql("SET CONSTRAINTS ALL IMMEDIATE")
        seen = connection.execute(select(order_ledger.c.kind)).scalars().all()
        connection.rollback()

    assert seen == ["order.placed", "order.cancelled"]
    assert [call.kind for call in list_calls()] == ["order.placed"]


@pytest.mark.parametrize(
    ("timeout_seconds", "behaviour", "status", "error"),
    [
        (60, {"status": 500, "body": b"oops"}, 500, "status 500"),
        (60, {"status": 404}, 404, "status 404"),
        (60, {"status": 302, "headers": {"Location": "/elsewhere"}}, 302,
         "status 302: redirects are not followed"),
        (2, {"pause_seconds": 3}, None, "no response within 2 seconds"),
    ],
)  # fmt: skip
def test_a_failed_call_is_repeated_with_the_same_message_id(
    guest: int, place: Place, register_endpoint: RegisterEndpoint, send: Send,
    list_calls: ListCalls,
    receiver: WebhookReceiver,
    now: datetime, behaviour: dict[str, object], status: int | None, error: str,
) -> None:  # fmt: skip
    register_endpoint()
    place((guest, 1))
    for name, value in behaviour.items():
        setattr(receiver, name, value)

    first = send()
    (waiting,) = list_calls()
    receiver.status, receiver.pause_seconds = 204, 0
    too_early, second = send(seconds=4), send(minutes=2)

    assert (first, too_early, second) == (
        WebhookRunResult(0, 1),
        WebhookRunResult(0, 0),
        WebhookRunResult(1, 0),
    )
    assert (waiting.state, waiting.last_status, waiting.last_error) == ("waiting", status, error)
    assert waiting.next_attempt_at == now + timedelta(seconds=5)
    assert len(set(receiver.ids())) == 1
    assert len(receiver.received) == 2
    assert len({body for _, body in receiver.received}) == 1
    assert [call.state for call in list_calls()] == [CallState.DELIVERED]


def test_an_unreachable_endpoint_is_tried_once_a_minute_and_delays_no_other(
    guest: int, place: Place, register_endpoint: RegisterEndpoint, send: Send,
    list_calls: ListCalls,
    receiver: WebhookReceiver,
) -> None:  # fmt: skip
    register_endpoint(name="nobody", url="http://127.0.0.1:9/hooks")
    register_endpoint()
    place((guest, 1))
    first = send()
    place((guest, 1))

    second, later = send(seconds=30), send(seconds=70)

    assert (first, second, later) == (
        WebhookRunResult(1, 1),
        WebhookRunResult(1, 0),
        WebhookRunResult(0, 2),
    )
    assert [call.attempt_count for call in list_calls("nobody")] == [2, 1]
    assert len(receiver.received) == 2


def test_an_answer_without_end_is_not_read_to_its_end(
    guest: int, place: Place, register_endpoint: RegisterEndpoint, send: Send,
    list_calls: ListCalls,
    receiver: WebhookReceiver,
) -> None:  # fmt: skip
    register_endpoint()
    place((guest, 1))
    receiver.body, receiver.repeats = b"\x1b[31m ha\x00 " * 10_000, 2_000

    send()

    (call,) = list_calls()
    assert call.state is CallState.DELIVERED
    assert len(call.response_excerpt) <= 300
    assert call.response_excerpt.startswith("[31m ha [31m ha")


@pytest.mark.parametrize("fault", ["body_pause_seconds", "torn"])
def test_a_2xx_status_counts_even_if_the_body_fails(
    guest: int, place: Place, register_endpoint: RegisterEndpoint, send: Send,
    list_calls: ListCalls,
    receiver: WebhookReceiver,
    fault: str,
) -> None:  # fmt: skip
    register_endpoint()
    place((guest, 1))
    receiver.body_pause_seconds = 1.5 if fault == "body_pause_seconds" else 0
    receiver.headers = {"Content-Length": "1000"} if fault == "torn" else {}

    told = send()

    assert told == WebhookRunResult(1, 0)
    assert [(call.state, call.attempt_count) for call in list_calls()] == [(CallState.DELIVERED, 1)]


def test_a_retry_after_header_is_respected(
    guest: int, place: Place, register_endpoint: RegisterEndpoint, send: Send,
    list_calls: ListCalls,
    receiver: WebhookReceiver,
    now: datetime,
) -> None:  # fmt: skip
    register_endpoint()
    place((guest, 1))
    receiver.status, receiver.headers = 429, {"Retry-After": "600"}

    send()

    assert [call.next_attempt_at for call in list_calls()] == [now + timedelta(minutes=10)]


def test_concurrent_senders_share_the_calls(
    guest: int, place: Place, register_endpoint: RegisterEndpoint, send: Send,
    list_calls: ListCalls,
    receiver: WebhookReceiver,
) -> None:  # fmt: skip
    register_endpoint()
    for _ in range(30):
        place((guest, 1))
    receiver.pause_seconds = 0.05

    with ThreadPoolExecutor(3) as pool:
        told = list(pool.map(lambda _: send(), range(6)))

    assert sum(one.delivered for one in told) == 30
    assert len(receiver.received) == len(set(receiver.ids())) == 30
    assert [call.attempt_count for call in list_calls()] == [1] * 30


def test_an_endpoint_that_responds_410_is_disabled_and_opens_an_incident(
    guest: int, place: Place, register_endpoint: RegisterEndpoint, send: Send,
    list_calls: ListCalls,
    receiver: WebhookReceiver,
    database: Database,
) -> None:  # fmt: skip
    register_endpoint()
    place((guest, 1))
    receiver.status = 410

    send()
    place((guest, 1))

    assert send(days=1) == WebhookRunResult(0, 0)
    assert [call.state for call in list_calls()] == [CallState.FAILED]
    (endpoint,) = list_endpoints(database)
    assert endpoint.disabled_reason == "it responded 410 Gone"
    with database.transaction() as connection:
        (incident,) = incidents.list_open(connection)
        audit_entries = connection.execute(select(audit_log.c.action)).scalars().all()
    assert "ticketing webhooks enable shop" in incident.message
    assert "webhooks.disable" in audit_entries


def test_after_three_days_of_failures_the_call_and_the_endpoint_are_given_up(
    guest: int, place: Place, register_endpoint: RegisterEndpoint, send: Send,
    list_calls: ListCalls,
    receiver: WebhookReceiver,
    database: Database, now: datetime,
) -> None:  # fmt: skip
    register_endpoint()
    place((guest, 1))
    receiver.status = 503

    at = timedelta()
    for wait in (timedelta(), *CALL_RETRIES.delays):
        at += wait
        send(seconds=at.total_seconds())

    assert CALL_RETRIES.has_timed_out(now, at=now + at)
    assert len(receiver.received) == CALL_RETRIES.max_attempts
    assert [(call.state, call.next_attempt_at) for call in list_calls()] == [
        (CallState.FAILED, None)
    ]
    (endpoint,) = list_endpoints(database)
    assert endpoint.disabled_at == now + at
    with database.transaction() as connection:
        assert len(incidents.list_open(connection)) == 1


def test_a_delivered_call_resets_the_failures_before_it(
    guest: int, place: Place, register_endpoint: RegisterEndpoint, send: Send,
    receiver: WebhookReceiver,
    database: Database,
) -> None:  # fmt: skip
    register_endpoint()
    place((guest, 1))
    receiver.status = 503
    send()
    receiver.status = 200
    send(days=2)
    place((guest, 1))
    receiver.status = 503

    send(days=4)

    (endpoint,) = list_endpoints(database)
    assert endpoint.disabled_at is None


def test_an_enabled_endpoint_gets_waiting_calls_and_on_request_missed_ones(
    guest: int, place: Place, register_endpoint: RegisterEndpoint, send: Send,
    list_calls: ListCalls,
    receiver: WebhookReceiver,
    database: Database, now: datetime,
) -> None:  # fmt: skip
    register_endpoint()
    place((guest, 1))
    receiver.status = 410
    send()
    receiver.status = 200
    place((guest, 1))

    enable_endpoint(database, "shop", at=now + timedelta(hours=1), by="cli")
    failed_again = resend_calls(database, "shop", at=now, by="cli")
    missed = resend_calls(database, "shop", since=now, at=now, by="cli")
    told = send(hours=1)

    assert (failed_again, missed, told) == (1, 2, WebhookRunResult(2, 0))
    assert len(set(receiver.ids())) == 2
    assert [call.state for call in list_calls()] == [CallState.DELIVERED] * 2
    with database.transaction() as connection:
        assert incidents.list_open(connection) == []


def test_a_delivered_call_can_be_repeated(
    guest: int, place: Place, register_endpoint: RegisterEndpoint, send: Send,
    list_calls: ListCalls,
    receiver: WebhookReceiver,
    database: Database, now: datetime,
) -> None:  # fmt: skip
    register_endpoint()
    place((guest, 1))
    place((guest, 1))
    send()
    (first, _) = list_calls()

    again = resend_calls(database, "shop", call_id=first.id, at=now, by="cli")
    send()

    assert again == 1
    assert sorted(map(receiver.ids().count, set(receiver.ids()))) == [1, 2]


def test_an_endpoint_removed_while_calls_wait_is_not_called(
    guest: int, place: Place, register_endpoint: RegisterEndpoint, send: Send,
    list_calls: ListCalls,
    receiver: WebhookReceiver,
    database: Database, now: datetime,
) -> None:  # fmt: skip
    register_endpoint()
    place((guest, 1))

    waiting = remove_endpoint(database, "shop", at=now, by="cli")

    assert waiting == 1
    assert send(days=9) == WebhookRunResult(0, 0)
    assert (receiver.received, list_endpoints(database)) == ([], [])
    assert register_endpoint().name == "shop"
    assert list_calls() == []


def test_an_endpoint_removed_during_a_call_stays_removed_and_the_call_ended(
    guest: int, place: Place, register_endpoint: RegisterEndpoint, database: Database,
    keys: KeyRing,
    now: datetime,
) -> None:  # fmt: skip
    register_endpoint()
    place((guest, 1))

    class RemovesMeanwhile(WebhookClient):
        def post(self, *_: object) -> object:
            remove_endpoint(database, "shop", at=now, by="cli")
            return super().post("http://127.0.0.1:9/", b"", {})

    client = RemovesMeanwhile(allow_loopback=True)
    told = send_all_due_calls(database, client, keys, clock=lambda: now, by="worker")

    assert told == WebhookRunResult(0, 1)
    with database.transaction() as connection:
        ((state, error),) = connection.exec_driver_sql(
            "SELECT state, last_error FROM webhook_calls"
        )
    assert (state, error) == ("failed", "the endpoint was removed")


def test_a_call_claimed_by_a_dead_process_is_sent_after_the_lease(
    guest: int, place: Place, register_endpoint: RegisterEndpoint, send: Send, database: Database,
    now: datetime,
) -> None:  # fmt: skip
    register_endpoint()
    place((guest, 1))
    with database.transaction() as connection:
        call_queries.claim_due(connection, at=now, limit=10)

    meanwhile, later = send(seconds=60), send(seconds=LEASE.total_seconds())

    assert (meanwhile, later) == (WebhookRunResult(0, 0), WebhookRunResult(1, 0))


def test_overdue_calls_are_counted_and_old_ended_calls_deleted(
    guest: int, place: Place, register_endpoint: RegisterEndpoint, send: Send,
    list_calls: ListCalls,
    database: Database,
    now: datetime,
) -> None:  # fmt: skip
    register_endpoint()
    place((guest, 1))
    minute = timedelta(minutes=1)
    with database.transaction() as connection:
        early = now + timedelta(seconds=20)
        fresh = call_queries.count_due(connection, since=early - minute, at=early)
        overdue = call_queries.count_due(connection, since=now, at=now + minute)
    send()

    with database.transaction() as connection:
        kept = call_queries.delete_old(connection, at=now + CALL_RETENTION)
        forgotten = call_queries.delete_old(connection, at=now + CALL_RETENTION + minute)

    assert (fresh, overdue, kept, forgotten) == (0, 1, 0, 1)
    assert list_calls() == []


def test_a_test_call_reports_the_response_and_stores_no_call(
    register_endpoint: RegisterEndpoint, list_calls: ListCalls, receiver: WebhookReceiver,
    database: Database, poster: WebhookClient, keys: KeyRing,
    now: datetime,
) -> None:  # fmt: skip
    register_endpoint()
    receiver.status, receiver.body = 401, b"who are you?"

    answer = send_test_message(database, poster, keys, "shop", at=now)

    assert (answer.status, answer.body_excerpt) == (401, "who are you?")
    assert json.loads(receiver.received[0][1])["type"] == "webhook.test"
    assert list_calls() == []


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        ({"url": "http://shop.example/hooks"}, "https://"),
        ({"url": "http://localhost:8000/", "allow_loopback": False}, "https://"),
        ({"url": "https://user:secret@shop.example/"}, "password"),
        ({"url": "https://shop.example/#here"}, "#"),
        ({"url": "https://"}, "not a valid URL"),
        ({"url": "https://[::1"}, "not a valid URL"),
        ({"url": "https://shop.example:99999/"}, "not a valid URL"),
        ({"url": "file:///etc/passwd"}, "not a valid URL"),
        ({"name": " "}, "not a webhook name"),
    ],
)
def test_an_unusable_endpoint_is_refused_with_the_reason(
    register_endpoint: RegisterEndpoint, database: Database, terms: dict[str, object], reason: str
) -> None:
    with pytest.raises(UnusableHook, match=reason):
        register_endpoint(**terms)

    assert list_endpoints(database) == []


def test_a_name_is_taken_until_it_is_removed_and_a_kind_has_to_exist(
    register_endpoint: RegisterEndpoint,
) -> None:
    register_endpoint()

    with pytest.raises(UnusableHook, match="exists"):
        register_endpoint()
    with pytest.raises(UnusableHook, match=r"unknown kind order\.plcaed; use order\.placed"):
        register_endpoint("order.plcaed", name="other")
