"""Tests that a stranger's text is only text in messages: no markup, no link, no further line."""

import re
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.notifications.messages.message import Attachment
from ticketing.notifications.messages.template_samples import (
    EXAMPLE_BASE_URL,
    OWN_VARIABLES,
    SAMPLES,
    LinkedText,
    TemplateValue,
)
from ticketing.notifications.messages.templates import MessageTemplates
from ticketing.platform.kernel.languages import LANGUAGES
from ticketing.platform.kernel.text import unlink

HOSTILE = (
    "*Bayar* _di_ ~sini~ `kini`\n\nhttps://evil.example/x?y=1 www.evil.example wa.me/62811"
    " evil\u3002example budi@evil.example mailto:x@y tel:+62811 10.0.0.1/x <b>\r\n- \u2028> a"
)
# what programs make links of: a scheme, a host name, an address of mail or of the network
LIVE = re.compile(
    r"[A-Za-z]:[^\s\u200b]|[^\W\d][.\u3002\uff0e\uff61]\w|\w[.\u3002\uff0e\uff61][^\W\d]"
    r"|\S@\w|\d{1,3}(?:\.\d{1,3}){3}"
)


def _with_hostile_text(name: str) -> dict[str, TemplateValue]:
    """Return the sample with hostile text wherever a stranger's can stand."""
    facts = SAMPLES[name].all_variables
    for variable in facts.keys() - OWN_VARIABLES:
        if isinstance(facts[variable], str):
            facts[variable] = HOSTILE
        elif isinstance(facts[variable], list):
            items = cast("list[str | LinkedText]", facts[variable])
            links = [item.link if isinstance(item, LinkedText) else "" for item in items]
            facts[variable] = [LinkedText(HOSTILE, link) for link in links]
    return facts


def _without_ours(text: str) -> str:
    for variable in ("organiser", "command", "file"):
        for sample in SAMPLES.values():
            text = text.replace(str(sample.all_variables.get(variable, "\0")), "")
    return re.sub(rf"{re.escape(EXAMPLE_BASE_URL)}\S*", "", text)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", SAMPLES)
def test_no_message_has_markup_or_links_of_a_stranger(name: str, language: str) -> None:
    messages, facts = MessageTemplates(), _with_hostile_text(name)
    document = SAMPLES[name].document_name
    file = Attachment(document, b"%PDF-") if document else None
    usual = messages.preview(name, language)

    mail = messages.render_mail(name, language, facts)
    chat = messages.render_chat(name, language, facts, attachment=file)

    assert chat.template is not None
    for text, plain in ((mail.subject, usual.mail.subject), (mail.text, usual.mail.text),
                        (chat.text, usual.chat.text)):  # fmt: skip
        assert set(LIVE.findall(text)) <= set(LIVE.findall(plain))
    assert mail.html.count("<a ") == usual.mail.html.count("<a ")
    assert "evil.example" not in mail.html
    assert "<b>" not in mail.html
    lines = [len(text.splitlines()) for text in (mail.text, usual.mail.text)]
    assert lines[0] == lines[1]
    if facts != SAMPLES[name].all_variables:
        assert not set("*_~`") & set(_without_ours(chat.text))


@given(st.text(alphabet="ab1.:@/ \u3002", max_size=30))
def test_no_text_keeps_a_link_and_every_text_reads_the_same(text: str) -> None:
    inert = unlink(text)

    assert inert.replace("\u200b", "") == text
    assert LIVE.search(inert) is None


@pytest.mark.parametrize("text", ["Rp205.000", "pukul 16.30", "16:30", "A. Budi", "Rp1.500.000"])
def test_amounts_and_times_are_left_alone(text: str) -> None:
    assert unlink(text) == text


def test_the_links_of_our_own_pages_stay_live() -> None:
    link = f"{EXAMPLE_BASE_URL}t/4QX9"
    facts = SAMPLES["order_tickets"].all_variables | {
        "tickets": [LinkedText("Sari evil.example: VIP, TC-1", link)],
        "location": "https://zoom.example/j/1",
    }

    mail = MessageTemplates().render_mail("order_tickets", "en", facts)
    chat = MessageTemplates().render_chat("order_tickets", "en", facts)

    for text in (mail.text, chat.text):
        assert f"evil.\u200bexample: VIP, TC-1 {link}" in text
        assert "https://zoom.example/j/1" in text  # the organiser's own
