"""Webhooks: each entry is told until it arrives, to whoever wants to know, whatever they answer."""

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
Listen = Callable[..., WebhookEndpoint]
Send = Callable[..., WebhookRunResult]
Calls = Callable[..., list[WebhookCall]]


@pytest.fixture
def guest(sell: Callable[..., int]) -> int:
    """A ticket type at Rp50.000."""
    return sell("Guest")


def test_an_order_is_told_as_it_was_booked_and_without_who_bought(
    guest: int, place: Place, listen: Listen, send: Send, receiver: WebhookReceiver,
    sari: Buyer, now: datetime,
) -> None:  # fmt: skip
    listen()
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


def test_a_payment_is_told_as_money_and_as_a_paid_order(
    guest: int, place: Place, listen: Listen, send: Send, receiver: WebhookReceiver, sari: Buyer,
    begin_payment: Callable[[PlacedOrder], PaymentAttempt], hear: Callable[..., object],
) -> None:  # fmt: skip
    listen("order.paid", "payment.captured", "order.refunded")
    attempt = begin_payment(place((guest, 2), buyer=sari))
    hear(attempt, AttemptState.SETTLED)
    hear(attempt, AttemptState.PARTLY_REFUNDED, refunded=40_000)

    send()

    told = {
        json.loads(body)["type"]: json.loads(body)["data"]["money"] for _, body in receiver.received
    }
    assert told == {"payment.captured": 100_000, "order.paid": 0, "order.refunded": -40_000}


def test_only_what_was_asked_for_is_told_and_only_of_that_event(
    guest: int, place: Place, listen: Listen, calls: Calls, other_event: Event, event: Event,
    database: Database, now: datetime,
) -> None:  # fmt: skip
    listen("order.cancelled")
    listen(name="elsewhere", event=other_event)
    listen(name="here", event=event)
    placed = place((guest, 1))
    cancel_order(database, placed.order.id, at=now, by="web")

    assert [call.kind for call in calls()] == ["order.cancelled"]
    assert calls("elsewhere") == []
    assert [call.kind for call in calls("here")] == ["order.placed", "order.cancelled"]


def test_what_is_rolled_back_is_never_told(
    guest: int, place: Place, listen: Listen, calls: Calls, database: Database, now: datetime,
) -> None:  # fmt: skip
    listen()
    place((guest, 1))

    with database.engine.connect() as connection:
        connection.execute(update(orders).values(state="cancelled", closed_at=now))
        connection.exec_driver_sql("SET CONSTRAINTS ALL IMMEDIATE")
        seen = connection.execute(select(order_ledger.c.kind)).scalars().all()
        connection.rollback()

    assert seen == ["order.placed", "order.cancelled"]
    assert [call.kind for call in calls()] == ["order.placed"]


@pytest.mark.parametrize(
    ("patience", "behaviour", "status", "error"),
    [
        (60, {"status": 500, "body": b"oops"}, 500, "status 500"),
        (60, {"status": 404}, 404, "status 404"),
        (60, {"status": 302, "headers": {"Location": "/elsewhere"}}, 302,
         "status 302: redirects are not followed"),
        (2, {"pause_seconds": 3}, None, "no response within 2 seconds"),
    ],
)  # fmt: skip
def test_a_call_that_does_not_arrive_is_made_again_under_the_same_name(
    guest: int, place: Place, listen: Listen, send: Send, calls: Calls, receiver: WebhookReceiver,
    now: datetime, behaviour: dict[str, object], status: int | None, error: str,
) -> None:  # fmt: skip
    listen()
    place((guest, 1))
    for name, value in behaviour.items():
        setattr(receiver, name, value)

    first = send()
    (waiting,) = calls()
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
    assert [call.state for call in calls()] == [CallState.DELIVERED]


def test_nobody_there_costs_one_try_a_minute_and_the_others_are_told(
    guest: int, place: Place, listen: Listen, send: Send, calls: Calls, receiver: WebhookReceiver,
) -> None:  # fmt: skip
    listen(name="nobody", url="http://127.0.0.1:9/hooks")
    listen()
    place((guest, 1))
    first = send()
    place((guest, 1))

    second, later = send(seconds=30), send(seconds=70)

    assert (first, second, later) == (
        WebhookRunResult(1, 1),
        WebhookRunResult(1, 0),
        WebhookRunResult(0, 2),
    )
    assert [call.attempt_count for call in calls("nobody")] == [2, 1]
    assert len(receiver.received) == 2


def test_an_answer_without_end_is_not_read_to_its_end(
    guest: int, place: Place, listen: Listen, send: Send, calls: Calls, receiver: WebhookReceiver,
) -> None:  # fmt: skip
    listen()
    place((guest, 1))
    receiver.body, receiver.repeats = b"\x1b[31m ha\x00 " * 10_000, 2_000

    send()

    (call,) = calls()
    assert call.state is CallState.DELIVERED
    assert len(call.response_excerpt) <= 300
    assert call.response_excerpt.startswith("[31m ha [31m ha")


@pytest.mark.parametrize("fault", ["body_pause_seconds", "torn"])
def test_a_yes_stays_a_yes_whatever_becomes_of_the_rest(
    guest: int, place: Place, listen: Listen, send: Send, calls: Calls, receiver: WebhookReceiver,
    fault: str,
) -> None:  # fmt: skip
    listen()
    place((guest, 1))
    receiver.body_pause_seconds = 1.5 if fault == "body_pause_seconds" else 0
    receiver.headers = {"Content-Length": "1000"} if fault == "torn" else {}

    told = send()

    assert told == WebhookRunResult(1, 0)
    assert [(call.state, call.attempt_count) for call in calls()] == [(CallState.DELIVERED, 1)]


def test_who_is_told_to_wait_waits(
    guest: int, place: Place, listen: Listen, send: Send, calls: Calls, receiver: WebhookReceiver,
    now: datetime,
) -> None:  # fmt: skip
    listen()
    place((guest, 1))
    receiver.status, receiver.headers = 429, {"Retry-After": "600"}

    send()

    assert [call.next_attempt_at for call in calls()] == [now + timedelta(minutes=10)]


def test_two_who_call_at_once_share_the_calls(
    guest: int, place: Place, listen: Listen, send: Send, calls: Calls, receiver: WebhookReceiver,
) -> None:  # fmt: skip
    listen()
    for _ in range(30):
        place((guest, 1))
    receiver.pause_seconds = 0.05

    with ThreadPoolExecutor(3) as pool:
        told = list(pool.map(lambda _: send(), range(6)))

    assert sum(one.delivered for one in told) == 30
    assert len(receiver.received) == len(set(receiver.ids())) == 30
    assert [call.attempt_count for call in calls()] == [1] * 30


def test_whoever_answers_gone_is_told_nothing_more_and_a_person_hears_of_it(
    guest: int, place: Place, listen: Listen, send: Send, calls: Calls, receiver: WebhookReceiver,
    database: Database,
) -> None:  # fmt: skip
    listen()
    place((guest, 1))
    receiver.status = 410

    send()
    place((guest, 1))

    assert send(days=1) == WebhookRunResult(0, 0)
    assert [call.state for call in calls()] == [CallState.FAILED]
    (endpoint,) = list_endpoints(database)
    assert endpoint.disabled_reason == "it responded 410 Gone"
    with database.transaction() as connection:
        (incident,) = incidents.list_open(connection)
        deeds = connection.execute(select(audit_log.c.action)).scalars().all()
    assert "ticketing webhooks enable shop" in incident.message
    assert "webhooks.disable" in deeds


def test_after_three_days_of_failures_the_call_and_the_endpoint_are_given_up(
    guest: int, place: Place, listen: Listen, send: Send, calls: Calls, receiver: WebhookReceiver,
    database: Database, now: datetime,
) -> None:  # fmt: skip
    listen()
    place((guest, 1))
    receiver.status = 503

    at = timedelta()
    for wait in (timedelta(), *CALL_RETRIES.delays):
        at += wait
        send(seconds=at.total_seconds())

    assert CALL_RETRIES.has_timed_out(now, at=now + at)
    assert len(receiver.received) == CALL_RETRIES.max_attempts
    assert [(call.state, call.next_attempt_at) for call in calls()] == [(CallState.FAILED, None)]
    (endpoint,) = list_endpoints(database)
    assert endpoint.disabled_at == now + at
    with database.transaction() as connection:
        assert len(incidents.list_open(connection)) == 1


def test_one_that_arrives_makes_the_failures_before_it_forgotten(
    guest: int, place: Place, listen: Listen, send: Send, receiver: WebhookReceiver,
    database: Database,
) -> None:  # fmt: skip
    listen()
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


def test_enabled_again_it_gets_what_waited_and_on_request_what_it_missed(
    guest: int, place: Place, listen: Listen, send: Send, calls: Calls, receiver: WebhookReceiver,
    database: Database, now: datetime,
) -> None:  # fmt: skip
    listen()
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
    assert [call.state for call in calls()] == [CallState.DELIVERED] * 2
    with database.transaction() as connection:
        assert incidents.list_open(connection) == []


def test_one_call_can_be_made_again_although_it_arrived(
    guest: int, place: Place, listen: Listen, send: Send, calls: Calls, receiver: WebhookReceiver,
    database: Database, now: datetime,
) -> None:  # fmt: skip
    listen()
    place((guest, 1))
    place((guest, 1))
    send()
    (first, _) = calls()

    again = resend_calls(database, "shop", call_id=first.id, at=now, by="cli")
    send()

    assert again == 1
    assert sorted(map(receiver.ids().count, set(receiver.ids()))) == [1, 2]


def test_an_endpoint_removed_while_calls_wait_is_not_called(
    guest: int, place: Place, listen: Listen, send: Send, calls: Calls, receiver: WebhookReceiver,
    database: Database, now: datetime,
) -> None:  # fmt: skip
    listen()
    place((guest, 1))

    waiting = remove_endpoint(database, "shop", at=now, by="cli")

    assert waiting == 1
    assert send(days=9) == WebhookRunResult(0, 0)
    assert (receiver.received, list_endpoints(database)) == ([], [])
    assert listen().name == "shop"
    assert calls() == []


def test_an_endpoint_removed_during_a_call_stays_removed_and_the_call_ended(
    guest: int, place: Place, listen: Listen, database: Database, keys: KeyRing, now: datetime,
) -> None:  # fmt: skip
    listen()
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


def test_what_was_claimed_by_somebody_who_died_is_told_after_the_lease(
    guest: int, place: Place, listen: Listen, send: Send, database: Database, now: datetime,
) -> None:  # fmt: skip
    listen()
    place((guest, 1))
    with database.transaction() as connection:
        call_queries.claim_due(connection, at=now, limit=10)

    meanwhile, later = send(seconds=60), send(seconds=LEASE.total_seconds())

    assert (meanwhile, later) == (WebhookRunResult(0, 0), WebhookRunResult(1, 0))


def test_what_is_overdue_is_counted_and_what_ended_long_ago_forgotten(
    guest: int, place: Place, listen: Listen, send: Send, calls: Calls, database: Database,
    now: datetime,
) -> None:  # fmt: skip
    listen()
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
    assert calls() == []


def test_a_trial_says_what_came_back_and_leaves_no_call(
    listen: Listen, calls: Calls, receiver: WebhookReceiver,
    database: Database, poster: WebhookClient, keys: KeyRing,
    now: datetime,
) -> None:  # fmt: skip
    listen()
    receiver.status, receiver.body = 401, b"who are you?"

    answer = send_test_message(database, poster, keys, "shop", at=now)

    assert (answer.status, answer.body_excerpt) == (401, "who are you?")
    assert json.loads(receiver.received[0][1])["type"] == "webhook.test"
    assert calls() == []


@pytest.mark.parametrize(
    ("terms", "why"),
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
def test_what_could_never_work_is_refused_and_says_why(
    listen: Listen, database: Database, terms: dict[str, object], why: str
) -> None:
    with pytest.raises(UnusableHook, match=why):
        listen(**terms)

    assert list_endpoints(database) == []


def test_a_name_is_taken_until_it_is_removed_and_a_kind_has_to_exist(listen: Listen) -> None:
    listen()

    with pytest.raises(UnusableHook, match="exists"):
        listen()
    with pytest.raises(UnusableHook, match=r"unknown kind order\.plcaed; use order\.placed"):
        listen("order.plcaed", name="other")
