"""Tests of rate limits: daily budget, pace, estimated end, and stop after many failures."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import update

from simulators.whatsapp.server import WhatsAppSimulator
from ticketing.events.model import Event
from ticketing.notifications.admin import (
    cancel_delivery,
    get_outbox_backlog,
    list_deliveries,
    resend_delivery,
    resend_failed_deliveries,
)
from ticketing.notifications.channel_policy import estimate_last_send_at, resume_channel
from ticketing.notifications.deliver import DeliveryRunResult, NotificationSender
from ticketing.notifications.delivery import Channel, DeliveryState
from ticketing.notifications.rate_limit import RateLimit
from ticketing.platform.db import incidents
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.notifications import deliveries
from ticketing.platform.kernel.errors import Refused
from ticketing.selling.checkout.place_order import PlacedOrder

TEN_A_DAY = RateLimit(10)
NOT_ON_WHATSAPP = 131026
Send = Callable[..., DeliveryRunResult]
EnqueueMessages = Callable[[int], None]


@pytest.fixture
def rate_limit() -> RateLimit:
    return TEN_A_DAY


@pytest.fixture
def rate_limited_sender(
    sender: NotificationSender, whatsapp: object, rate_limit: RateLimit
) -> NotificationSender:
    """Return a sender with WhatsApp only, under the rate limit."""
    return replace(sender, mail=None, whatsapp=whatsapp, rate_limit=rate_limit)


@pytest.fixture
def send_limited(send: Send, rate_limited_sender: NotificationSender) -> Send:
    """Return a function that sends due messages under the rate limit, some minutes later."""

    def run(minutes: float = 0, limit: int = 50) -> DeliveryRunResult:
        return send(minutes, rate_limited_sender, limit=limit)

    return run


@pytest.fixture
def enqueue_messages(
    enqueue: Callable[..., None], place: Callable[..., PlacedOrder], sell: Callable[..., int]
) -> EnqueueMessages:
    """Return a function that enqueues messages about an order to a number of recipients."""
    code = place((sell("Reguler"), 1)).order.code
    numbers: Iterator[int] = iter(range(1000))

    def written(how_many: int) -> None:
        for _ in range(how_many):
            enqueue("order.reversed", code, f"+62811{next(numbers):07}", order=code)

    return written


@pytest.fixture
def make_bulk(database: Database) -> Callable[[], None]:
    """Return a function that marks all waiting deliveries as bulk messages."""

    def made() -> None:
        waits = update(deliveries).where(deliveries.c.next_attempt_at.is_not(None))
        with database.transaction() as connection:
            connection.execute(waits.values(is_bulk=True))

    return made


def test_concurrent_senders_respect_the_daily_limit(
    whatsapp_simulator: WhatsAppSimulator, send_limited: Send, enqueue_messages: EnqueueMessages
) -> None:
    enqueue_messages(15)

    with ThreadPoolExecutor(3) as pool:
        rounds = list(pool.map(lambda _: send_limited(), range(3)))
    later = [send_limited(minutes).sent for minutes in (60, 24 * 60 - 1, 24 * 60)]

    assert sum(each.sent for each in rounds) == 10
    assert later == [0, 0, 5]
    assert len(whatsapp_simulator.messages()) == 15


@pytest.mark.parametrize("rate_limit", [RateLimit(None, timedelta(seconds=30))])
def test_messages_are_sent_at_the_configured_interval(
    send_limited: Send, enqueue_messages: EnqueueMessages
) -> None:
    enqueue_messages(3)

    sent = [send_limited(seconds / 60).sent for seconds in (0, 29, 30, 59, 60, 90)]

    assert sent == [1, 0, 1, 0, 1, 0]


def test_a_fifth_of_the_daily_limit_is_kept_for_single_messages_which_go_first(
    send: Send,
    send_limited: Send,
    rate_limited_sender: NotificationSender,
    enqueue_messages: EnqueueMessages,
    make_bulk: Callable[[], None],
) -> None:
    enqueue_messages(20)
    send(through=replace(rate_limited_sender, rate_limit=RateLimit(1)), limit=50)
    make_bulk()
    many = [send_limited().sent for _ in range(2)]

    enqueue_messages(4)
    then = send_limited(1).sent

    assert (many, then) == ([7, 0], 2)


def test_the_end_of_sending_is_estimated(
    database: Database, send_limited: Send, enqueue_messages: EnqueueMessages, now: datetime
) -> None:
    enqueue_messages(25)
    nothing = estimate_last_send_at(database, TEN_A_DAY, at=now)
    send_limited()

    ends = estimate_last_send_at(database, TEN_A_DAY, at=now)
    with_more = estimate_last_send_at(database, TEN_A_DAY, additional_count=10, at=now)

    assert (nothing, ends) == (now, now + timedelta(days=2))
    assert with_more is not None
    assert with_more > now + timedelta(days=2)


@pytest.mark.parametrize("rate_limit", [RateLimit(None)])
def test_rising_failures_stop_the_channel_until_staff_resume_it(
    database: Database,
    whatsapp_simulator: WhatsAppSimulator,
    send_limited: Send,
    enqueue_messages: EnqueueMessages,
    now: datetime,
) -> None:
    whatsapp_simulator.faults.set(
        refused={f"62811{number:07}": NOT_ON_WHATSAPP for number in range(10)}
    )
    enqueue_messages(30)
    rounds = [send_limited(limit=10).attempts for _ in range(4)]
    with database.transaction() as connection:
        (told,) = incidents.list_open(connection)
    rests = get_outbox_backlog(database, at=now).rests

    resume_channel(database, Channel.WHATSAPP, at=now + timedelta(minutes=1), by="cli")
    last = send_limited(2)

    assert (rounds, last.sent) == ([10, 10, 0, 0], 10)
    assert "10 of the last 20 messages were not accepted" in told.message
    assert rests[Channel.WHATSAPP][0] is None
    assert get_outbox_backlog(database, at=now + timedelta(minutes=2)).rests == {}
    with database.transaction() as connection:
        assert incidents.list_open(connection) == []


def test_a_channel_that_is_not_stopped_cannot_be_resumed(database: Database, now: datetime) -> None:
    with pytest.raises(Refused):
        resume_channel(database, Channel.WHATSAPP, at=now, by="cli")


def test_aborted_messages_are_not_sent_and_not_resent_with_failed_ones(
    database: Database, event: Event, whatsapp_simulator: WhatsAppSimulator, send_limited: Send,
    enqueue_messages: EnqueueMessages,
    now: datetime,
) -> None:  # fmt: skip
    enqueue_messages(11)
    send_limited()
    (waits,) = [each for each in list_deliveries(database, event) if each.next_attempt_at]

    cancel_delivery(database, waits.id, at=now, by="cli")
    again = resend_failed_deliveries(database, event, at=now, by="cli")
    rounds = [send_limited(24 * 60).sent, again]
    failed = list_deliveries(database, event, failed=True)
    resend_delivery(database, waits.id, at=now, by="cli")

    assert (rounds, failed) == ([0, 0], [])
    assert send_limited(24 * 60).sent == 1
    assert len(whatsapp_simulator.messages()) == 11


def test_a_sent_message_cannot_be_aborted(
    database: Database,
    event: Event,
    send_limited: Send,
    enqueue_messages: EnqueueMessages,
    now: datetime,
) -> None:
    enqueue_messages(1)
    send_limited()
    (sent,) = list_deliveries(database, event)

    with pytest.raises(Refused, match="is sent and is not queued"):
        cancel_delivery(database, sent.id, at=now, by="cli")

    assert list_deliveries(database, event)[0].state is DeliveryState.SENT
