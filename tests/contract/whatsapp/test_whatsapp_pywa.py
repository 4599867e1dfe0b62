"""Tests of the third-party library pywa, changed only in the base URL, with the simulator."""

from collections.abc import Iterator

import httpx
import pytest
from pywa import WhatsApp
from pywa.errors import (
    AccountLocked,
    ExpiredAccessToken,
    MessageUndeliverable,
    RateLimitHit,
    ReEngagementMessage,
    TemplateNotExists,
    TemplateParamCountMismatch,
    TooManyMessages,
    WhatsAppError,
)
from pywa.types import MessageStatus
from pywa.types.message_status import MessageStatusType
from pywa.types.templates import BodyText, HeaderDocument, TemplateLanguage, URLButton

from simulators.trust import trusted
from simulators.whatsapp.business import BusinessWebhook
from simulators.whatsapp.cloud import APP_SECRET, PHONE_ID, TOKEN
from simulators.whatsapp.faults import WhatsAppResponseFault
from simulators.whatsapp.server import WhatsAppSimulator

SARI = "6281234567890"
CHALLENGED = {"verify_token": "verify-simulator"}
PDF = b"%PDF-1.7 a ticket"
TICKET_READY = {
    "name": "ticket_ready",
    "language": "id",
    "category": "UTILITY",
    "components": [
        {"type": "HEADER", "format": "DOCUMENT"},
        {"type": "BODY", "text": "Halo {{1}}, tiket {{2}} sudah siap."},
        {"type": "BUTTONS", "buttons": [{"type": "URL", "url": "https://t.example/{{1}}"}]},
    ],
}


@pytest.fixture
def session() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, verify=trusted()) as connections:
        yield connections


@pytest.fixture
def pywa(whatsapp: WhatsAppSimulator, session: httpx.Client) -> WhatsApp:
    client = WhatsApp(
        PHONE_ID, TOKEN, session=session, server=None, app_secret=APP_SECRET, **CHALLENGED
    )
    session.base_url = f"{whatsapp.url}/v26.0"
    return client


@pytest.fixture
def received_statuses(pywa: WhatsApp) -> list[MessageStatus[str]]:
    """Return the list of status reports that pywa received."""
    statuses: list[MessageStatus[str]] = []
    pywa.on_message_status(lambda _, status: statuses.append(status))
    return statuses


@pytest.fixture
def whatsapp_with_template(whatsapp: WhatsAppSimulator) -> WhatsAppSimulator:
    """Start a simulator in which the template `ticket_ready` is approved."""
    whatsapp.cloud.templates.approve(TICKET_READY)
    return whatsapp


def test_it_sends_a_text_to_a_number_that_wrote_first(
    whatsapp: WhatsAppSimulator, pywa: WhatsApp
) -> None:
    whatsapp.receive_inbound(SARI)

    sent = pywa.send_message(SARI, "Tiket Anda siap", tracker="delivery:1")

    (message,) = whatsapp.messages(SARI)
    assert sent.id == message.id
    assert sent.input == SARI
    assert (message.draft.text, message.draft.reference) == ("Tiket Anda siap", "delivery:1")
    assert message.steps == ["sent", "delivered", "read"]


def test_it_uploads_finds_downloads_and_deletes_a_file(pywa: WhatsApp) -> None:
    media = pywa.upload_media(PDF, mime_type="application/pdf", filename="tiket.pdf")

    found = pywa.get_media_url(media.id)
    content = pywa.get_media_bytes(found.url)
    deleted = pywa.delete_media(media.id)

    assert (found.mime_type, found.file_size) == ("application/pdf", len(PDF))
    assert content == PDF
    assert deleted.success
    with pytest.raises(WhatsAppError, match="100"):
        pywa.get_media_url(media.id)


def test_it_sends_a_document(whatsapp: WhatsAppSimulator, pywa: WhatsApp) -> None:
    whatsapp.receive_inbound(SARI)

    pywa.send_document(
        SARI, PDF, filename="tiket.pdf", caption="TKT-26", mime_type="application/pdf"
    )

    (message,) = whatsapp.messages(SARI)
    assert message.draft.file is not None
    assert (message.draft.file.name, message.draft.file.size) == ("tiket.pdf", len(PDF))
    assert message.draft.text == "TKT-26"


def test_it_sends_a_template_with_a_document_and_a_button(
    whatsapp_with_template: WhatsAppSimulator, pywa: WhatsApp
) -> None:
    media = pywa.upload_media(PDF, mime_type="application/pdf", filename="tiket.pdf")

    pywa.send_template(
        SARI,
        "ticket_ready",
        TemplateLanguage.INDONESIAN,
        [
            HeaderDocument.params(document=media.id),
            BodyText.params("Sari", "TKT-26AB3C"),
            URLButton.params(url_variable="a1", index=0),
        ],
    )

    (message,) = whatsapp_with_template.messages(SARI)
    assert message.draft.text == "Halo Sari, tiket TKT-26AB3C sudah siap."
    assert message.draft.file is not None
    assert message.steps == ["sent", "delivered", "read"]


@pytest.mark.usefixtures("whatsapp_with_template")
def test_it_reports_that_a_template_does_not_fit(pywa: WhatsApp) -> None:
    language = TemplateLanguage.INDONESIAN

    with pytest.raises(TemplateNotExists):
        pywa.send_template(SARI, "voucher", language, [BodyText.params("Sari")])
    with pytest.raises(TemplateParamCountMismatch):
        pywa.send_template(SARI, "ticket_ready", language, [BodyText.params("Sari")])


@pytest.mark.parametrize(
    ("code", "error"), [(131026, MessageUndeliverable), (131056, TooManyMessages)]
)
def test_it_reports_that_a_recipient_cannot_be_reached(
    whatsapp: WhatsAppSimulator, pywa: WhatsApp, code: int, error: type[WhatsAppError]
) -> None:
    whatsapp.faults.set(refused={SARI: code})

    with pytest.raises(error):
        pywa.send_message(SARI, "Halo")

    assert whatsapp.messages() == []


def test_it_reports_limits_bans_and_wrong_keys(
    whatsapp: WhatsAppSimulator, pywa: WhatsApp, session: httpx.Client
) -> None:
    whatsapp.faults.set(answers=[WhatsAppResponseFault("rate-limit", retry_after=7)])
    with pytest.raises(RateLimitHit) as limit:
        pywa.send_message(SARI, "Halo")

    whatsapp.faults.set(banned=True)
    with pytest.raises(AccountLocked):
        pywa.send_message(SARI, "Halo")

    session.headers["Authorization"] = "Bearer somebody else's"
    with pytest.raises(ExpiredAccessToken):
        pywa.send_message(SARI, "Halo")

    assert limit.value.raw_response is not None
    assert limit.value.raw_response.headers["Retry-After"] == "7"


def test_it_verifies_and_parses_every_report(
    whatsapp: WhatsAppSimulator,
    business: BusinessWebhook,
    pywa: WhatsApp,
    received_statuses: list[MessageStatus[str]],
) -> None:
    whatsapp.receive_inbound(SARI)
    sent = pywa.send_message(SARI, "Halo", tracker="delivery:1")
    whatsapp.reports(at_least=4)

    for told in business.told:
        signature = told.headers["x-hub-signature-256"]
        assert pywa.webhook_update_validator(told.body, signature) is None
        assert pywa.webhook_update_validator(told.body + b" ", signature) == ("Forbidden", 403)
        assert pywa.webhook_update_handler(told.body) == ("ok", 200)

    assert [status.status for status in received_statuses] == [
        MessageStatusType.SENT,
        MessageStatusType.DELIVERED,
        MessageStatusType.READ,
    ]
    assert {status.id for status in received_statuses} == {sent.id}
    assert {status.tracker for status in received_statuses} == {"delivery:1"}


def test_it_receives_the_reason_of_a_failed_message(
    whatsapp: WhatsAppSimulator,
    business: BusinessWebhook,
    pywa: WhatsApp,
    received_statuses: list[MessageStatus[str]],
) -> None:
    pywa.send_message(SARI, "Nobody wrote first")
    whatsapp.reports(at_least=1)
    pywa.webhook_update_handler(business.told[0].body)

    (status,) = received_statuses
    assert status.status is MessageStatusType.FAILED
    assert isinstance(status.error, ReEngagementMessage)


def test_it_registers_an_address_that_answers_the_challenge(
    whatsapp: WhatsAppSimulator, business: BusinessWebhook, pywa: WhatsApp
) -> None:
    whatsapp.cloud.webhook = ""
    asked = {"app_id": 1, "access_token": TOKEN, "fields": ("messages",), **CHALLENGED}

    with pytest.raises(WhatsAppError, match="2200"):
        pywa.api.set_app_callback_url(callback_url=whatsapp.url, **asked)
    done = pywa.api.set_app_callback_url(callback_url=business.url, **asked)

    assert done == {"success": True}
    assert whatsapp.cloud.webhook == business.url
