"""Fixtures: paid orders with printed tickets, a mail server and WhatsApp."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from simulators.mail.server import MailSimulator
from simulators.whatsapp.server import WhatsAppSimulator
from ticketing.crypto.keyring import KeyRing
from ticketing.documents.file_store import DocumentFolder
from ticketing.documents.renderer import Renderer
from ticketing.documents.templates import TemplateFolders
from ticketing.events.model import Event
from ticketing.notifications.deliver import DeliveryRunResult, NotificationSender, deliver_due
from ticketing.notifications.delivery import Channel, DeliveryState
from ticketing.notifications.mail.client import SmtpTransport
from ticketing.notifications.mail.mime import MailSender
from ticketing.notifications.mail.smtp_server import MailServer, SmtpSecurity
from ticketing.notifications.messages.context import MessageContext
from ticketing.notifications.messages.templates import MessageTemplates
from ticketing.notifications.whatsapp.cloud import CloudClient
from ticketing.notifications.whatsapp.providers import WhatsAppProviderConfig
from ticketing.orders.order import Buyer
from ticketing.orders.payment_attempt import AttemptState
from ticketing.orders.place_guest import Place, PlaceGuest
from ticketing.platform.db import outbox
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.notifications import deliveries, delivery_attempts
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.tickets.generate import GenerationContext, GenerationRequest, generate_tickets
from ticketing.tickets.rendering.document_reader import DocumentReader

ORGANISER = "panitia@example.org"


@pytest.fixture
def mails() -> Iterator[MailSimulator]:
    with MailSimulator() as simulator:
        yield simulator


@pytest.fixture
def mailer(mails: MailSimulator) -> Iterator[SmtpTransport]:
    server = MailServer(mails.host, mails.port, SmtpSecurity.NONE)
    with SmtpTransport(server, MailSender("tiket@example.org", "Panitia Wisuda")) as ours:
        yield ours


@pytest.fixture
def whatsapp_simulator() -> Iterator[WhatsAppSimulator]:
    """Start WhatsApp without delivery reports."""
    with WhatsAppSimulator() as simulator:
        simulator.faults.set(silent=True)
        yield simulator


@pytest.fixture
def whatsapp(whatsapp_simulator: WhatsAppSimulator) -> Iterator[CloudClient]:
    account = WhatsAppProviderConfig.for_simulator(whatsapp_simulator.url)
    with account.client() as ours:
        yield ours


@pytest.fixture
def two_channel_sender(sender: NotificationSender, whatsapp: CloudClient) -> NotificationSender:
    """Return a sender for mail and WhatsApp."""
    return replace(sender, whatsapp=whatsapp)


@pytest.fixture
def enqueue(database: Database, event: Event) -> Callable[..., None]:
    """Return a function that enqueues a message."""

    def written(purpose: str, subject: str, recipient: str, **payload: object) -> None:
        with database.transaction() as connection:
            outbox.enqueue(
                connection, event_id=event.id, purpose=purpose, subject=subject,
                recipient=recipient, payload=payload,
            )  # fmt: skip

    return written


@pytest.fixture
def generation_context(database: Database, keys: KeyRing, tmp_path: Path) -> GenerationContext:
    folder = DocumentFolder(tmp_path / "documents", min_free_disk=0)
    return GenerationContext(database, keys, Renderer(TemplateFolders(None)), folder)


@pytest.fixture
def message_context(generation_context: GenerationContext, now: datetime) -> MessageContext:
    given = generation_context
    reader = DocumentReader(given.database, given.folder, given.renderer, lambda: now)
    messages = MessageTemplates(base_url="https://tickets.example.org/")
    return MessageContext(
        messages,
        reader,
        given.keys,
        "https://tickets.example.org",
        "Panitia",
    )


@pytest.fixture
def sender(message_context: MessageContext, mailer: SmtpTransport) -> NotificationSender:
    return NotificationSender(message_context, mailer, ORGANISER)


@pytest.fixture
def send(
    database: Database, sender: NotificationSender, now: datetime
) -> Callable[..., DeliveryRunResult]:
    """Return a function that sends due messages, `minutes` later, with the real retry delays."""

    def run(
        minutes: float = 0, through: NotificationSender = sender, limit: int = 8
    ) -> DeliveryRunResult:
        at = now + timedelta(minutes=minutes)
        return deliver_due(database, through, at=at, jitter=lambda: 0.5, limit=limit)

    return run


@pytest.fixture
def buy(
    sell: Callable[..., int],
    place: Callable[..., PlacedOrder],
    begin_payment: Callable[..., object],
    receive_status: Callable[..., object],
    sari: Buyer,
) -> Callable[..., PlacedOrder]:
    """Return a function that creates a paid order of two places without tickets."""

    def bought(
        buyer: Buyer = sari, guests: Mapping[int, tuple[str, str]] = {}, **more: str
    ) -> PlacedOrder:
        kind = sell(f"Reguler {buyer.name}")
        given = [PlaceGuest(Place(kind, number), *guest) for number, guest in guests.items()]
        placed = place((kind, 2), buyer=buyer, guests=given, **more)
        receive_status(begin_payment(placed), AttemptState.SETTLED)
        return placed

    return bought


@pytest.fixture
def print_all(
    generation_context: GenerationContext, event: Event, now: datetime
) -> Callable[[], None]:
    """Return a function that issues and renders the event's tickets."""

    def made() -> None:
        generate_tickets(generation_context, event, GenerationRequest(at=now, by="worker"))

    return made


@pytest.fixture
def sold(buy: Callable[..., PlacedOrder], print_all: Callable[[], None]) -> PlacedOrder:
    """Create an order with two printed tickets that are not sent yet."""
    placed = buy()
    print_all()
    return placed


@pytest.fixture
def states(database: Database) -> Callable[[], list[tuple[str, DeliveryState]]]:
    """Return a function that reads address and state of every delivery."""

    def fetch() -> list[tuple[str, DeliveryState]]:
        query = select(deliveries.c.address, deliveries.c.state).order_by(deliveries.c.address)
        with database.transaction() as connection:
            return [(row.address, DeliveryState(row.state)) for row in connection.execute(query)]

    return fetch


@pytest.fixture
def delivery_channels(database: Database) -> Callable[[], list[tuple[Channel, DeliveryState]]]:
    """Return a function that reads channel and state of every delivery, in order of creation."""

    def fetch() -> list[tuple[Channel, DeliveryState]]:
        query = select(deliveries.c.channel, deliveries.c.state).order_by(deliveries.c.id)
        with database.transaction() as connection:
            rows = connection.execute(query).all()
        return [(Channel(row.channel), DeliveryState(row.state)) for row in rows]

    return fetch


@pytest.fixture
def attempts(database: Database) -> Callable[[], list[tuple[str, str]]]:
    """Return a function that reads result and reason of all mails to Sari, oldest first."""

    def fetch() -> list[tuple[str, str]]:
        query = (
            select(delivery_attempts.c.state, delivery_attempts.c.reason)
            .join(deliveries, deliveries.c.id == delivery_attempts.c.delivery_id)
            .where(deliveries.c.address == "sari@example.org")
            .order_by(delivery_attempts.c.id)
        )
        with database.transaction() as connection:
            return [(row.state, row.reason) for row in connection.execute(query)]

    return fetch
