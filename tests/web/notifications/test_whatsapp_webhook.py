"""Tests of the endpoints for WhatsApp status reports: verified, stored once, processed."""

import hashlib
import hmac
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import func, select

from simulators.trust import trusted
from simulators.whatsapp.server import WhatsAppSimulator
from ticketing.events.model import Event
from ticketing.notifications.deliver import MessagingConnector, deliver_due
from ticketing.notifications.delivery import Channel, DeliveryState
from ticketing.notifications.inbound.process_webhooks import process_status_webhooks
from ticketing.orders.order import Buyer, Selection
from ticketing.platform.application import Application
from ticketing.platform.db import outbox
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.inbound_webhooks import inbound_webhooks
from ticketing.platform.db.tables.notifications import deliveries
from ticketing.platform.http.services import now
from ticketing.selling.checkout.place_order import place_order

NUMBER = "+628111111111"
BODY = b'{"object":"whatsapp_business_account","entry":[]}'
SECRET = "rahasia"  # noqa: S105 - a test's
APP_SECRET = "app-secret-simulator"  # noqa: S105 - public
HOOKS = "/webhooks/whatsapp"


@pytest.fixture
def count_stored_reports(database: Database) -> Callable[[], int]:
    """Return a function that counts stored reports."""

    def fetch() -> int:
        query = select(func.count()).where(inbound_webhooks.c.provider.startswith("whatsapp:"))
        with database.transaction() as connection:
            return connection.execute(query).scalar_one()

    return fetch


@pytest.fixture
def client_of_provider(
    open_test_application: Callable[..., AbstractContextManager[Application]],
    serve: Callable[..., AbstractContextManager[str]],
    database_url: str,
    tmp_path: Path,
) -> Callable[[str], AbstractContextManager[httpx.Client]]:
    """Return a function that opens a service configured for a provider."""

    @contextmanager
    def at(vendor: str) -> Iterator[httpx.Client]:
        more = {
            "whatsapp_provider": vendor, "whatsapp_token": SecretStr("x"),
            "whatsapp_webhook_secret": SecretStr(SECRET), "web_public_url": "https://t.example",
            "whatsapp_url": "http://127.0.0.1:9",
        }  # fmt: skip
        with (
            open_test_application(database_url, tmp_path / "data", **more) as application,
            serve(application) as where,
            httpx.Client(base_url=where, verify=trusted()) as client,
        ):
            yield client

    return at


def _signed(body: bytes, secret: str = APP_SECRET) -> dict[str, str]:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"X-Hub-Signature-256": f"sha256={digest}"}


def test_a_report_of_meta_is_stored_once(
    anonymous_client: httpx.Client, count_stored_reports: Callable[[], int]
) -> None:
    answers = [
        anonymous_client.post(f"{HOOKS}/cloud", content=BODY, headers=_signed(BODY))
        for _ in range(2)
    ]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert [answer.json()["data"]["known"] for answer in answers] == [False, True]
    assert count_stored_reports() == 1


@pytest.mark.parametrize("headers", [{}, _signed(b"another body"), _signed(BODY, "other")])
def test_a_report_without_metas_signature_is_not_stored(
    anonymous_client: httpx.Client, count_stored_reports: Callable[[], int], headers: dict[str, str]
) -> None:
    answer = anonymous_client.post(f"{HOOKS}/cloud", content=BODY, headers=headers)

    assert (answer.status_code, count_stored_reports()) == (403, 0)


@pytest.mark.parametrize(
    ("word", "status", "text"), [("verify-simulator", 200, "1158201444"), ("other", 403, None)]
)
def test_metas_challenge_is_answered_with_the_right_verify_token(
    anonymous_client: httpx.Client, word: str, status: int, text: str | None
) -> None:
    asked = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": word}

    answer = anonymous_client.get(f"{HOOKS}/cloud", params=asked)

    assert answer.status_code == status
    assert text is None or answer.text == text


@pytest.mark.parametrize("vendor", ["waha", "fonnte"])
def test_only_the_configured_provider_can_report(
    anonymous_client: httpx.Client, count_stored_reports: Callable[[], int], vendor: str
) -> None:
    answer = anonymous_client.post(f"{HOOKS}/{vendor}", content=b"{}")

    assert (answer.status_code, count_stored_reports()) == (403, 0)


def test_reports_of_waha_are_verified_by_hmac_and_of_fonnte_by_the_path(
    client_of_provider: Callable[[str], AbstractContextManager[httpx.Client]],
    count_stored_reports: Callable[[], int],
) -> None:
    digest = hmac.new(SECRET.encode(), BODY, hashlib.sha512).hexdigest()
    with client_of_provider("waha") as client:
        theirs = client.post(f"{HOOKS}/waha", content=BODY, headers={"X-Webhook-Hmac": digest})
        forged = client.post(f"{HOOKS}/waha", content=BODY, headers={"X-Webhook-Hmac": "0"})
    with client_of_provider("fonnte") as client:
        secret = client.post(f"{HOOKS}/fonnte", params={"key": SECRET}, content=BODY)
        open_to_all = client.post(f"{HOOKS}/fonnte", content=BODY)

    assert (theirs.status_code, forged.status_code) == (200, 403)
    assert (secret.status_code, open_to_all.status_code) == (200, 403)
    assert count_stored_reports() == 2


def test_a_report_of_the_simulator_updates_the_delivery(
    shop: httpx.Client, shop_application: Application, event: Event, sell: Callable[..., int]
) -> None:  # fmt: skip
    database = shop_application.database
    buyer = Buyer(f"tel:{NUMBER}", "Tono", "", NUMBER)
    placed = place_order(
        database, event, requested=[Selection(sell(), 1)], buyer=buyer, at=now(), by="web"
    )
    code = placed.order.code
    with database.transaction() as connection:
        outbox.enqueue(
            connection, event_id=event.id, purpose="order.reversed", subject=code,
            recipient=NUMBER, payload={"order": code},
        )  # fmt: skip

    webhook = f"{shop.base_url}{HOOKS}/cloud"
    with WhatsAppSimulator(cloud_webhook=webhook, speed=3600) as chats:
        settings = shop_application.settings.model_copy(
            update={"whatsapp_simulator_url": chats.url}
        )
        with (
            replace(shop_application, settings=settings)
            .get(MessagingConnector)
            .connect() as mailroom
        ):
            sent = deliver_due(database, mailroom, at=now())
        reports = chats.reports(at_least=3)
    heard = process_status_webhooks(database, [Channel.WHATSAPP], at=now())

    assert (sent.sent, heard.handled) == (1, 3)
    assert {report.answer for report in reports} == {200}
    with database.transaction() as connection:
        state = connection.execute(select(deliveries.c.state)).scalar_one()
    assert state == DeliveryState.READ
