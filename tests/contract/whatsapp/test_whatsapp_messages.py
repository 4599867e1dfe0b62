"""Tests that the simulated Meta approves every message and delivers it as previewed."""

from collections.abc import Iterator

import httpx
import pytest

from simulators.whatsapp.cloud import BUSINESS_ID, PHONE_ID, TOKEN
from simulators.whatsapp.server import WhatsAppSimulator
from ticketing.notifications.messages.message import Accepted
from ticketing.notifications.messages.template_samples import SAMPLES
from ticketing.notifications.messages.templates import MessageTemplates
from ticketing.notifications.whatsapp.cloud import CloudAccount, CloudClient
from ticketing.platform.kernel.languages import LANGUAGES

EVERY = [(name, language) for name in SAMPLES for language in LANGUAGES]


@pytest.fixture(scope="module")
def messages() -> MessageTemplates:
    return MessageTemplates()


@pytest.fixture(scope="module")
def whatsapp(messages: MessageTemplates) -> Iterator[WhatsAppSimulator]:
    """Start a WhatsApp simulator in which exactly our templates are approved."""
    with (
        WhatsAppSimulator() as simulator,
        httpx.Client(headers={"Authorization": f"Bearer {TOKEN}"}, trust_env=False) as operator,
    ):
        for name, language in EVERY:
            asked = messages.approval_request(name, language)
            url = f"{simulator.url}/v23.0/{BUSINESS_ID}/message_templates"
            assert operator.post(url, json=asked).json()["status"] == "APPROVED"
        yield simulator


@pytest.mark.parametrize(("name", "language"), EVERY)
def test_a_message_arrives_as_it_was_previewed(
    whatsapp: WhatsAppSimulator, messages: MessageTemplates, name: str, language: str
) -> None:
    preview = messages.preview(name, language).chat
    digits = f"62812{EVERY.index((name, language)):08}"  # the rate to one number is limited
    with CloudClient(CloudAccount(PHONE_ID, TOKEN, whatsapp.url)) as cloud:
        outcome = cloud.send(f"+{digits}", preview, reference=f"{name}-{language}")

    received = whatsapp.messages(digits)[-1]
    assert outcome == Accepted(received.id)
    assert received.draft.template == f"{name}/{language}"
    assert received.draft.text == preview.text.rpartition("\n\n")[0]
    assert (received.draft.file is not None) == bool(SAMPLES[name].document_name)
