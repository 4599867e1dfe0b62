"""Tests of our webhooks with the Standard Webhooks library, on a real socket."""

import subprocess
from base64 import b64decode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from simulators.hooks import WebhookReceiver
from ticketing.crypto.keyring import KeyRing
from ticketing.selling.ledger.model import LedgerEntry, LedgerEntryKind
from ticketing.webhooks.client import WebhookClient
from ticketing.webhooks.model import (
    WebhookMessage,
    WebhookResponse,
    build_headers,
    build_message,
    build_test_message,
    encode_secret,
)

ENDPOINT = UUID("0d9f5a3e-7a52-4c0e-9f44-2a7e6b1c5d10")


@pytest.fixture
def now() -> datetime:
    """Return the current time, by which the library checks."""
    return datetime.now(UTC)


@pytest.fixture
def secret() -> bytes:
    return KeyRing(bytes(range(32))).webhook_secret(ENDPOINT)


@pytest.fixture
def standard_webhook(secret: bytes) -> Webhook:
    """Return the library's verifier with the secret that `ticketing webhooks create` prints."""
    return Webhook(encode_secret(secret))


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as somebody:
        yield somebody


@pytest.fixture
def post(receiver: WebhookReceiver, secret: bytes, now: datetime) -> Callable[..., WebhookResponse]:
    """Return a function that sends a message signed now or some minutes earlier or later."""

    def send(sent: WebhookMessage, *, minutes: int = 0) -> WebhookResponse:
        signed = build_headers(sent, secret, at=now + timedelta(minutes=minutes))
        return WebhookClient(allow_loopback=True).post(receiver.url, sent.body, signed)

    return send


@pytest.fixture
def message() -> WebhookMessage:
    """Return the message about a refund."""
    at = datetime(2026, 11, 20, 8, 0, 0, 123456, tzinfo=UTC)
    entry = LedgerEntry(
        17, "wisuda-2026", "ORD-K7QF2M9XW4TA", LedgerEntryKind.REFUNDED, at, at, "cli:sari",
        "ORD-K7QF2M9XW4TA-01", 0, -40_000, {"refunds": ["ORD-K7QF2M9XW4TA-01-R1"], "é": "ü"},
    )  # fmt: skip
    return build_message(ENDPOINT, entry)


def test_the_library_verifies_what_we_send(
    receiver: WebhookReceiver,
    standard_webhook: Webhook,
    post: Callable[..., WebhookResponse],
    message: WebhookMessage,
) -> None:
    answer = post(message)

    ((heard, body),) = receiver.received
    told = standard_webhook.verify(body, heard)
    assert answer == WebhookResponse(200, body_excerpt="thanks")
    assert told["type"] == "order.refunded"
    assert told["timestamp"] == "2026-11-20T08:00:00.123Z"
    assert told["data"]["money"] == -40_000


def test_a_test_call_verifies_too(
    receiver: WebhookReceiver,
    standard_webhook: Webhook,
    post: Callable[..., WebhookResponse],
    now: datetime,
) -> None:
    post(build_test_message(ENDPOINT, at=now))

    ((heard, body),) = receiver.received
    assert standard_webhook.verify(body, heard)["type"] == "webhook.test"


@pytest.mark.parametrize("minutes", [-6, 6])
def test_the_library_refuses_a_replayed_message(
    receiver: WebhookReceiver,
    standard_webhook: Webhook,
    post: Callable[..., WebhookResponse],
    message: WebhookMessage,
    minutes: int,
) -> None:
    post(message, minutes=minutes)

    ((heard, body),) = receiver.received
    with pytest.raises(WebhookVerificationError):
        standard_webhook.verify(body, heard)


def test_the_library_refuses_one_byte_more(
    receiver: WebhookReceiver,
    standard_webhook: Webhook,
    post: Callable[..., WebhookResponse],
    message: WebhookMessage,
) -> None:
    post(message)

    ((heard, body),) = receiver.received
    with pytest.raises(WebhookVerificationError):
        standard_webhook.verify(body + b" ", heard)


def test_the_library_signs_as_we_do(
    standard_webhook: Webhook, secret: bytes, message: WebhookMessage, now: datetime
) -> None:
    theirs = standard_webhook.sign(message.id, now, message.body.decode())

    assert build_headers(message, secret, at=now)["webhook-signature"] == theirs


def test_a_secret_has_as_many_bytes_as_the_convention_wants(secret: bytes) -> None:
    text = encode_secret(secret)

    assert text.startswith("whsec_")
    assert 24 <= len(b64decode(text.removeprefix("whsec_"))) <= 64


def test_the_receiver_gets_the_host_and_path_of_its_url(
    receiver: WebhookReceiver, post: Callable[..., WebhookResponse], message: WebhookMessage
) -> None:
    post(message)

    ((heard, _),) = receiver.received
    assert heard["host"] == receiver.url.split("/")[2]
    assert heard["user-agent"] == "ticketing"


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Return a certificate for localhost and its key, signed by an unknown authority."""
    path = tmp_path / "localhost.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", *subject,
         "-keyout", str(path), "-out", str(tmp_path / "certificate.pem")],
        check=True, capture_output=True,
    )  # fmt: skip
    with path.open("a") as file:
        file.write((tmp_path / "certificate.pem").read_text())
    return path


@pytest.mark.parametrize(
    ("trusted", "host", "error"),
    [
        (True, "localhost", ""),
        (False, "localhost", "CERTIFICATE_VERIFY_FAILED"),
        (True, "127.0.0.1", "certificate is not valid for '127.0.0.1'"),
    ],
)
def test_the_certificate_is_checked_against_the_host_name_not_the_address(
    monkeypatch: pytest.MonkeyPatch,
    receiver: WebhookReceiver,
    certificate: Path,
    message: WebhookMessage,
    trusted: bool,
    host: str,
    error: str,
) -> None:
    receiver.secure(certificate)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    url = receiver.url.replace("http://127.0.0.1", f"https://{host}")

    answer = WebhookClient(allow_loopback=True).post(url, message.body, {})

    assert error in answer.error
    assert (answer.status == 200) == (not error)
