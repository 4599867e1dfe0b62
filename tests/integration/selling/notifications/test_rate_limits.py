"""WhatsApp goes no faster than it may, says when it ends, and stops when too much fails."""

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
Tell = Callable[[int], None]


@pytest.fixture
def pace() -> RateLimit:
    return TEN_A_DAY


@pytest.fixture
def paced(mailroom: NotificationSender, whatsapp: object, pace: RateLimit) -> NotificationSender:
    """WhatsApp alone, and slowly."""
    return replace(mailroom, mail=None, whatsapp=whatsapp, rate_limit=pace)


@pytest.fixture
def send_slowly(send: Send, paced: NotificationSender) -> Send:
    """All that is due, so many minutes later."""

    def run(minutes: float = 0, limit: int = 50) -> DeliveryRunResult:
        return send(minutes, paced, limit=limit)

    return run


@pytest.fixture
def tell(
    leave: Callable[..., None], place: Callable[..., PlacedOrder], sell: Callable[..., int]
) -> Tell:
    """Leaves messages about an order for so many numbers more."""
    code = place((sell("Reguler"), 1)).order.code
    numbers: Iterator[int] = iter(range(1000))

    def written(how_many: int) -> None:
        for _ in range(how_many):
            leave("order.reversed", code, f"+62811{next(numbers):07}", order=code)

    return written


@pytest.fixture
def make_bulk(database: Database) -> Callable[[], None]:
    """What waits is from now on one of many that nobody waits for."""

    def made() -> None:
        waits = update(deliveries).where(deliveries.c.next_attempt_at.is_not(None))
        with database.transaction() as connection:
            connection.execute(waits.values(is_bulk=True))

    return made


def test_no_more_go_in_a_day_than_may_whoever_sends(
    chats: WhatsAppSimulator, send_slowly: Send, tell: Tell
) -> None:
    tell(15)

    with ThreadPoolExecutor(3) as pool:
        rounds = list(pool.map(lambda _: send_slowly(), range(3)))
    later = [send_slowly(minutes).sent for minutes in (60, 24 * 60 - 1, 24 * 60)]

    assert sum(each.sent for each in rounds) == 10
    assert later == [0, 0, 5]
    assert len(chats.messages()) == 15


@pytest.mark.parametrize("pace", [RateLimit(None, timedelta(seconds=30))])
def test_messages_keep_their_distance(send_slowly: Send, tell: Tell) -> None:
    tell(3)

    sent = [send_slowly(seconds / 60).sent for seconds in (0, 29, 30, 59, 60, 90)]

    assert sent == [1, 0, 1, 0, 1, 0]


def test_a_fifth_of_the_day_is_kept_for_who_waits_and_they_go_first(
    send: Send,
    send_slowly: Send,
    paced: NotificationSender,
    tell: Tell,
    make_bulk: Callable[[], None],
) -> None:
    tell(20)
    send(through=replace(paced, rate_limit=RateLimit(1)), limit=50)
    make_bulk()
    many = [send_slowly().sent for _ in range(2)]

    tell(4)
    then = send_slowly(1).sent

    assert (many, then) == ([7, 0], 2)


def test_the_end_is_foretold(
    database: Database, send_slowly: Send, tell: Tell, now: datetime
) -> None:
    tell(25)
    nothing = estimate_last_send_at(database, TEN_A_DAY, at=now)
    send_slowly()

    ends = estimate_last_send_at(database, TEN_A_DAY, at=now)
    with_more = estimate_last_send_at(database, TEN_A_DAY, additional_count=10, at=now)

    assert (nothing, ends) == (now, now + timedelta(days=2))
    assert with_more is not None
    assert with_more > now + timedelta(days=2)


@pytest.mark.parametrize("pace", [RateLimit(None)])
def test_rising_failures_stop_the_channel_until_a_person_lets_it_go_on(
    database: Database, chats: WhatsAppSimulator, send_slowly: Send, tell: Tell, now: datetime
) -> None:
    chats.faults.set(refused={f"62811{number:07}": NOT_ON_WHATSAPP for number in range(10)})
    tell(30)
    rounds = [send_slowly(limit=10).attempts for _ in range(4)]
    with database.transaction() as connection:
        (told,) = incidents.list_open(connection)
    rests = get_outbox_backlog(database, at=now).rests

    resume_channel(database, Channel.WHATSAPP, at=now + timedelta(minutes=1), by="cli")
    last = send_slowly(2)

    assert (rounds, last.sent) == ([10, 10, 0, 0], 10)
    assert "10 of the last 20 messages were not accepted" in told.message
    assert rests[Channel.WHATSAPP][0] is None
    assert get_outbox_backlog(database, at=now + timedelta(minutes=2)).rests == {}
    with database.transaction() as connection:
        assert incidents.list_open(connection) == []


def test_a_channel_that_nothing_keeps_cannot_be_resumed(database: Database, now: datetime) -> None:
    with pytest.raises(Refused):
        resume_channel(database, Channel.WHATSAPP, at=now, by="cli")


def test_what_is_aborted_is_not_sent_nor_with_all_that_failed(
    database: Database, event: Event, chats: WhatsAppSimulator, send_slowly: Send, tell: Tell,
    now: datetime,
) -> None:  # fmt: skip
    tell(11)
    send_slowly()
    (waits,) = [each for each in list_deliveries(database, event) if each.next_attempt_at]

    cancel_delivery(database, waits.id, at=now, by="cli")
    again = resend_failed_deliveries(database, event, at=now, by="cli")
    rounds = [send_slowly(24 * 60).sent, again]
    failed = list_deliveries(database, event, failed=True)
    resend_delivery(database, waits.id, at=now, by="cli")

    assert (rounds, failed) == ([0, 0], [])
    assert send_slowly(24 * 60).sent == 1
    assert len(chats.messages()) == 11


def test_what_has_left_us_cannot_be_aborted(
    database: Database, event: Event, send_slowly: Send, tell: Tell, now: datetime
) -> None:
    tell(1)
    send_slowly()
    (sent,) = list_deliveries(database, event)

    with pytest.raises(Refused, match="is sent and is not queued"):
        cancel_delivery(database, sent.id, at=now, by="cli")

    assert list_deliveries(database, event)[0].state is DeliveryState.SENT
