"""Tests of payment plans: offer, use, withdrawal, and messages to buyers."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from ticketing.catalogue.payment_plans import list_offered_plans, withdraw_plan
from ticketing.catalogue.stock import Stock
from ticketing.crypto.keyring import KeyRing
from ticketing.documents.file_store import DocumentFolder
from ticketing.documents.renderer import Renderer
from ticketing.documents.templates import TemplateFolders
from ticketing.events.model import Event
from ticketing.notifications.claim_queries import ClaimedDelivery
from ticketing.notifications.delivery import Channel
from ticketing.notifications.messages.compose import compose_message
from ticketing.notifications.messages.context import MessageContext
from ticketing.notifications.messages.message import Mail
from ticketing.notifications.messages.templates import MessageTemplates
from ticketing.orders import instalment_queries
from ticketing.orders.instalments import OverduePolicy
from ticketing.orders.order import Buyer, OrderState
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.outbox import outbox
from ticketing.platform.db.tables.payments import order_instalments as parts_table
from ticketing.platform.kernel.errors import NotOnSale
from ticketing.selling.checkout.expire_orders import ExpiryResult
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.selling.checkout.remind_instalments import enqueue_instalment_reminders
from ticketing.selling.payments.attempt_queries import PaymentAttempt
from ticketing.tickets.rendering.document_reader import DocumentReader

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
StateOf = Callable[[PlacedOrder], OrderState]
StockOf = Callable[[int], Stock]
Expire = Callable[[timedelta], ExpiryResult]


def test_a_reminder_is_enqueued_once_for_every_instalment(
    *, database: Database, placed: PlacedOrder, pay_next: Callable[[PlacedOrder], PaymentAttempt],
    messages: Callable[[], list[tuple[str, str]]], now: datetime,
) -> None:  # fmt: skip
    pay_next(placed)

    told = [
        enqueue_instalment_reminders(database, at=now + later)
        for later in (HOUR, 4 * DAY - HOUR, 4 * DAY, 5 * DAY)
    ]

    assert told == [0, 0, 1, 0]
    assert messages() == [("order.instalment_due", "sari@example.org")]


def test_the_database_refuses_instalments_that_do_not_add_up_to_the_total(
    database: Database, placed: PlacedOrder
) -> None:
    here = parts_table.c.order_id == placed.order.id
    with (
        pytest.raises(IntegrityError, match="do not add up to its total"),
        database.transaction() as connection,
    ):
        connection.execute(
            update(parts_table).where(here, parts_table.c.sequence == 1).values(amount=1)
        )


def test_an_order_that_cannot_follow_the_plan_is_not_placed(
    place: Callable[..., PlacedOrder], guest: int, stock_of: StockOf,
    offer: Callable[[OverduePolicy], None], now: datetime,
) -> None:  # fmt: skip
    offer(OverduePolicy.KEEP)

    with pytest.raises(NotOnSale, match="too late"):
        place((guest, 1), payment_plan="3 parts", at=now + 10 * DAY)
    with pytest.raises(NotOnSale, match="offered: '3 parts'"):
        place((guest, 1), payment_plan="4 parts")
    assert stock_of(guest) == Stock(10, 0, 0)


def test_a_withdrawn_plan_still_applies_to_its_orders(
    *,
    database: Database,
    event: Event,
    placed: PlacedOrder,
    guest: int,
    state_of: StateOf,
    pay_next: Callable[[PlacedOrder], PaymentAttempt],
    place: Callable[..., PlacedOrder],
    now: datetime,
) -> None:
    withdraw_plan(database, event, "3 parts", at=now, by="operator")
    for _ in range(3):
        pay_next(placed)

    assert list_offered_plans(database, event) == []
    assert state_of(placed) is OrderState.PAID
    with pytest.raises(NotOnSale, match="unknown payment plan"):
        place((guest, 1), payment_plan="3 parts")
    with pytest.raises(NotOnSale, match="unknown payment plan"):
        withdraw_plan(database, event, "3 parts", at=now, by="operator")


def test_the_name_of_a_plan_is_unique(offer: Callable[[OverduePolicy], None]) -> None:
    offer(OverduePolicy.KEEP)

    with pytest.raises(NotOnSale, match="already"):
        offer(OverduePolicy.REFUND)


@pytest.mark.usefixtures("offered")
def test_an_order_without_a_plan_has_no_instalments(
    *, database: Database, guest: int, place: Callable[..., PlacedOrder],
    sari: Buyer, pay_next: Callable[[PlacedOrder], PaymentAttempt], state_of: StateOf,
) -> None:  # fmt: skip
    placed = place((guest, 1), buyer=sari)
    attempt = pay_next(placed)

    with database.transaction() as connection:
        assert instalment_queries.list_for_order(connection, placed.order.id) == ()
    assert (attempt.instalment_sequence, state_of(placed)) == (None, OrderState.PAID)


@pytest.mark.parametrize(
    ("purpose", "said"),
    [
        ("order.instalment_due", ["angsuran 2", "Rp30.001", "27 Nov", "Sari Wulandari"]),
        ("order.instalments_kept", ["Rp40.000", "tidak dikembalikan", "Sari Wulandari"]),
    ],
)
def test_every_message_about_instalments_has_a_template(
    *,
    database: Database,
    event: Event,
    order_by: Callable[[OverduePolicy], PlacedOrder],
    pay_next: Callable[[PlacedOrder], PaymentAttempt],
    expire: Expire,
    now: datetime,
    tmp_path: Path,
    purpose: str,
    said: list[str],
) -> None:
    pay_next(order_by(OverduePolicy.KEEP))
    enqueue_instalment_reminders(database, at=now + 5 * DAY)
    expire(9 * DAY)

    folder, renderer = DocumentFolder(tmp_path), Renderer(TemplateFolders())
    reader = DocumentReader(database, folder, renderer, lambda: now)
    message_context = MessageContext(MessageTemplates(), reader, KeyRing(bytes(32)))
    with database.transaction() as connection:
        row = connection.execute(select(outbox).where(outbox.c.purpose == purpose)).one()
    claimed = ClaimedDelivery(
        row.id, 1, 0, 0, "", Channel.MAIL, row.recipient, event.slug, purpose, row.subject,
        row.payload, now,
    )  # fmt: skip
    mail = compose_message(database, message_context, claimed)

    assert isinstance(mail, Mail)
    assert [words for words in said if words not in mail.text] == []
