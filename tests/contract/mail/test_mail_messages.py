"""Tests that every message arrives over SMTP as it was previewed."""

import pytest

from simulators.mail.server import MailSimulator
from ticketing.notifications.mail.client import SmtpTransport
from ticketing.notifications.messages.message import Accepted
from ticketing.notifications.messages.template_samples import SAMPLES
from ticketing.notifications.messages.templates import MessageTemplates
from ticketing.platform.kernel.languages import LANGUAGES

EVERY = [(name, language) for name in SAMPLES for language in LANGUAGES]


@pytest.mark.parametrize(("name", "language"), EVERY)
def test_a_message_arrives_as_it_was_previewed(
    mails: MailSimulator, mailer: SmtpTransport, name: str, language: str
) -> None:
    preview = MessageTemplates().preview(name, language).mail

    outcome = mailer.send("sari@example.org", preview, reference=f"{name}-{language}")

    (received,) = mails.mails("sari@example.org")
    html = received.message.get_body(("html",))
    assert isinstance(outcome, Accepted)
    assert received.message["Subject"] == preview.subject
    assert received.text == preview.text
    assert html is not None
    assert html.get_content().replace("\r\n", "\n").strip() == preview.html.strip()
    assert list(received.files) == [attachment.name for attachment in preview.attachments]
