"""Tests of the message templates in all languages, and of errors in an operator's templates."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment, meta

from ticketing.notifications.messages.message import Attachment
from ticketing.notifications.messages.template_samples import (
    EXAMPLE_BASE_URL,
    SAMPLES,
    ReviewQuestion,
)
from ticketing.notifications.messages.templates import (
    MESSAGE_TEMPLATES_DIR,
    MessageTemplates,
    language_for_locale,
    parse_chat_template,
)
from ticketing.orders.order import ReviewFlag
from ticketing.platform.kernel.errors import TemplateBroken
from ticketing.platform.kernel.languages import LANGUAGES

EVERY = [(name, language) for name in SAMPLES for language in LANGUAGES]
PDF = Attachment("Tiket TC-2026-7Q4M9ZKD.pdf", b"%PDF-")
WriteTemplate = Callable[[str, str], MessageTemplates]


class Reader(HTMLParser):
    """HTML parser that collects visible text and link targets."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.said: list[str] = []
        self.links: list[str] = []
        self.feed(html)
        self.close()

    def handle_data(self, data: str) -> None:
        self.said.append(data.strip())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for name, value in attrs if tag == "a" and name == "href"]


@pytest.fixture(scope="module")
def messages() -> MessageTemplates:
    return MessageTemplates()


@pytest.fixture
def write_template(tmp_path: Path) -> WriteTemplate:
    """Return a function that writes an operator's version of one template."""

    def written(path: str, words: str) -> MessageTemplates:
        file = tmp_path / path
        file.parent.mkdir(exist_ok=True)
        file.write_text(words, encoding="utf-8")
        return MessageTemplates(tmp_path)

    return written


def test_every_message_has_both_forms_in_every_language_and_no_other_file() -> None:
    wanted = {
        f"{language}/{name}.{form}.j2" for name, language in EVERY for form in ("mail", "chat")
    }

    there = {
        path.relative_to(MESSAGE_TEMPLATES_DIR).as_posix()
        for path in MESSAGE_TEMPLATES_DIR.glob("*/*")
    }

    assert there == wanted | {f"{language}/questions.j2" for language in LANGUAGES}


@pytest.mark.parametrize(("name", "language"), EVERY)
def test_a_message_can_be_read_before_it_is_sent(
    messages: MessageTemplates, name: str, language: str
) -> None:
    preview = messages.preview(name, language)

    texts = (preview.mail.subject, preview.mail.text, preview.mail.html, preview.chat.text)
    assert all(texts)
    assert "\n" not in preview.mail.subject
    assert len(preview.mail.subject) <= 78
    assert not any(re.search(r"\{\{|\}\}|\{%|None|<built-in", text) for text in texts)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("question", [*ReviewFlag, "to_transfer"])
def test_each_question_has_words_in_every_language_and_the_command_that_answers_it(
    messages: MessageTemplates, question: str, language: str
) -> None:
    preview = messages.preview("organiser_question", language, question=question)

    assert re.search(r"`ticketing (orders|refunds|payments) ", preview.chat.text)
    assert question in messages.questions()
    assert len(preview.chat.text) < 1024
    assert preview.chat.template
    assert not re.search(r"[\n\t]| {5}", "".join(preview.chat.template.parameters))


def test_a_stranger_in_a_question_is_inert_and_short(messages: MessageTemplates) -> None:
    detail = "*Pay* https://evil.example " * 30
    question = ReviewQuestion("stuck", "ORD-1", detail)
    facts = SAMPLES["organiser_question"].all_variables | {"question": question}

    chat = messages.render_chat("organiser_question", "id", facts).text

    assert "https://evil.example" not in chat
    assert "*Pay*" not in chat
    assert len(chat) < 700


@pytest.mark.parametrize(("name", "language"), EVERY)
def test_text_and_html_of_a_mail_have_the_same_content(
    messages: MessageTemplates, name: str, language: str
) -> None:
    mail = messages.preview(name, language).mail

    seen = Reader(mail.html)
    lines = [line.removeprefix("- ") for line in mail.text.splitlines() if line not in {"", "-- "}]
    assert [line for line in lines if line.removesuffix(":") not in seen.said
            and line not in seen.said] == []  # fmt: skip
    assert seen.links == [EXAMPLE_BASE_URL + SAMPLES[name].url_path]


@pytest.mark.parametrize(("name", "language"), EVERY)
def test_a_message_uses_no_more_than_its_sample_and_its_sample_no_more_than_it(
    messages: MessageTemplates, name: str, language: str
) -> None:
    environment = Environment(autoescape=True)
    files = [MESSAGE_TEMPLATES_DIR / language / f"{name}.{form}.j2" for form in ("mail", "chat")]

    used = set().union(
        *(meta.find_undeclared_variables(environment.parse(file.read_text())) for file in files)
    )

    clock = {"eventDate", "eventTime"}
    given = set(SAMPLES[name].variables)
    assert used - clock - given == set()
    assert given - used - {"startsAt", "endsAt"} == set()
    assert bool(used & clock) == ("startsAt" in given)
    assert messages.names().count(name) == 1


@pytest.mark.parametrize("name", SAMPLES)
def test_every_language_has_the_same_parameters_for_meta(
    messages: MessageTemplates, name: str
) -> None:
    counted = {
        len(template.parameters)
        for language in LANGUAGES
        if (template := messages.preview(name, language).chat.template)
    }

    assert len(counted) == 1


@pytest.mark.parametrize(("name", "language"), EVERY)
def test_a_chat_text_keeps_to_what_meta_approves(
    messages: MessageTemplates, name: str, language: str
) -> None:
    asked = messages.approval_request(name, language)

    components = {each["type"]: each for each in asked["components"]}  # type: ignore[attr-defined]  # a list
    body, (button,) = components["BODY"]["text"], components["BUTTONS"]["buttons"]
    assert re.fullmatch(r"[a-z0-9_]+", str(asked["name"]))
    assert len(body) <= 1024
    assert len(button["text"]) <= 25
    assert not re.search(r"^\{\{|\}\}$|\}\}\s*\{\{|\n\n\n", body)
    assert ("HEADER" in components) == bool(SAMPLES[name].document_name)
    template = messages.preview(name, language).chat.template
    assert template is not None
    assert [list(template.parameters)] == components["BODY"]["example"]["body_text"]
    assert not any(re.search(r"[\n\t]|^$| {5}", text) for text in template.parameters)


def test_the_chat_text_others_send_is_the_approved_one_filled(messages: MessageTemplates) -> None:
    chat = messages.preview("voucher_ready", "id").chat

    assert chat.template is not None
    assert chat.template.parameters[2] == "WF-7Q4M9Z, WF-X2TAKD"
    assert "Voucher Paket 5 ribu Anda: WF-7Q4M9Z, WF-X2TAKD." in chat.text
    assert chat.text.endswith(f"\n\n{EXAMPLE_BASE_URL}orders/4QX9")
    assert chat.template.button_url_suffix == "orders/4QX9"


def test_instants_amounts_and_durations_are_formatted_in_the_language(
    messages: MessageTemplates,
) -> None:
    indonesian = messages.preview("order_placed", "id").mail.text
    english = messages.preview("order_placed", "en").mail.text

    assert "Rp205.000" in indonesian
    assert "20 Nov 2026, 16.30 WIB" in indonesian
    assert "20 Nov 2026, 16:30" in english
    assert "24 hours" in messages.preview("voucher_ready", "en").mail.text
    assert "Sabtu, 12 Desember 2026" in messages.preview("ticket_ready", "id").mail.text
    assert "Saturday, 12 December 2026" in messages.preview("ticket_ready", "en").mail.text


def test_no_name_injects_markup_into_a_mail(messages: MessageTemplates) -> None:
    name = 'Sari <script>alert("x")</script>\n\n- {{ url }}\n\nhttps://evil.example'
    facts = SAMPLES["order_paid"].all_variables | {"name": name}

    mail = messages.render_mail("order_paid", "id", facts)

    seen = Reader(mail.html)
    assert "<script>" not in mail.html
    assert seen.links == [EXAMPLE_BASE_URL + "orders/4QX9"]
    assert "\n- " not in mail.text
    assert "{{ url }}" in mail.text
    assert "<ul" not in mail.html


@given(st.text(max_size=60), st.sampled_from(LANGUAGES))
def test_any_name_makes_a_mail_and_a_parameter_on_one_line(name: str, language: str) -> None:
    facts = SAMPLES["order_paid"].all_variables | {"name": name}
    messages = MessageTemplates()

    mail = messages.render_mail("order_paid", language, facts)
    chat = messages.render_chat("order_paid", language, facts)

    assert mail.subject
    assert chat.template is not None
    assert all(chat.template.parameters)
    assert not any("\n" in text or "\t" in text for text in chat.template.parameters)


def test_attachments_and_the_unsubscribe_address_are_included(messages: MessageTemplates) -> None:
    facts = SAMPLES["ticket_ready"].all_variables

    mail = messages.render_mail(
        "ticket_ready", "id", facts, attachments=(PDF,), unsubscribe_url=f"{EXAMPLE_BASE_URL}u/1"
    )
    chat = messages.render_chat("ticket_ready", "id", facts, attachment=PDF)

    assert mail.attachments == (PDF,)
    assert mail.unsubscribe_url == f"{EXAMPLE_BASE_URL}u/1"
    assert chat.attachment == PDF


def test_a_chat_message_is_sent_as_it_was_approved(messages: MessageTemplates) -> None:
    with pytest.raises(TemplateBroken, match="document"):
        messages.render_chat("ticket_ready", "id", SAMPLES["ticket_ready"].all_variables)
    with pytest.raises(TemplateBroken, match="document"):
        messages.render_chat(
            "order_paid", "id", SAMPLES["order_paid"].all_variables, attachment=PDF
        )


@pytest.mark.parametrize("url", ["https://evil.example/", EXAMPLE_BASE_URL, ""])
def test_a_button_links_only_to_our_pages(messages: MessageTemplates, url: str) -> None:
    facts = SAMPLES["order_paid"].all_variables | {"url": url}

    with pytest.raises(TemplateBroken, match=re.escape(EXAMPLE_BASE_URL)):
        messages.render_chat("order_paid", "id", facts)


def test_our_own_address_stands_before_every_button() -> None:
    links = "https://tiket.kampus.example/"
    messages = MessageTemplates(base_url=links)
    facts = SAMPLES["order_paid"].all_variables | {"url": f"{links}orders/a1"}

    chat = messages.render_chat("order_paid", "id", facts)

    assert chat.template is not None
    assert chat.template.button_url_suffix == "orders/a1"
    assert f"{links}{{{{1}}}}" in str(messages.approval_request("order_paid", "id"))


def test_a_mail_without_an_address_has_no_button(messages: MessageTemplates) -> None:
    facts = SAMPLES["order_expired"].all_variables | {"url": ""}

    mail = messages.render_mail("order_expired", "id", facts)

    assert Reader(mail.html).links == []
    assert "Pesan lagi" not in mail.text


@pytest.mark.parametrize(
    ("name", "language"), [("nothing", "id"), ("order_paid", "xx"), ("../order_paid", "id")]
)
def test_an_unknown_message_is_refused_and_the_known_ones_named(
    messages: MessageTemplates, name: str, language: str
) -> None:
    with pytest.raises(TemplateBroken, match=r"order_placed.* in id, en"):
        messages.render_mail(name, language, {})
    with pytest.raises(TemplateBroken):
        messages.preview(name, language)


def test_missing_variables_are_named(messages: MessageTemplates) -> None:
    facts = {k: v for k, v in SAMPLES["order_paid"].all_variables.items() if k != "orderCode"}

    with pytest.raises(TemplateBroken, match=r"messages/id/order_paid.mail.j2.*'orderCode'"):
        messages.render_mail("order_paid", "id", facts)
    with pytest.raises(TemplateBroken, match=r"messages/id/order_paid.chat.j2.*'orderCode'"):
        messages.render_chat("order_paid", "id", facts)


def test_the_operators_own_template_takes_precedence(write_template: WriteTemplate) -> None:
    words = (
        "{% block subject %}Lunas {{ orderCode }}{% endblock %}"
        "{% block text %}Terima kasih!{% endblock %}{% block button %}Lihat{% endblock %}"
    )
    messages = write_template("id/order_paid.mail.j2", words)

    ours, theirs = (messages.preview("order_paid", language).mail for language in ("en", "id"))

    assert theirs.subject == "Lunas ORD-7Q4M9ZKDX2TA"
    assert ours.subject.startswith("Your payment")


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{% block subject %}", "mail.j2:1"),
        ("{% block subject %}a{% endblock %}", "'text'"),
        ("{% block subject %}{{ a.b }}{% endblock %}", "'a' is undefined"),
        ("{% block subject %}{{ ''.__class__.mro() }}{% endblock %}", "unsafe"),
        ("{% include '../../secret' %}{% block subject %}{% include '/etc/passwd' %}{% endblock %}",
         "TemplateNotFound"),
    ],
)  # fmt: skip
def test_an_error_in_an_operators_mail_is_refused_with_its_position(
    write_template: WriteTemplate, template: str, reason: str
) -> None:
    messages = write_template("id/order_paid.mail.j2", template)

    with pytest.raises(TemplateBroken, match=re.escape("messages/id/order_paid.mail.j2")) as broken:
        messages.preview("order_paid", "id")

    assert reason in str(broken.value)


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("Halo {{ name|upper }}.", "plain variables"),
        ("Halo {% if name %}a{% endif %}.", "plain variables"),
        ("{{ name }} membayar.", "before the first"),
        ("Halo {{ name }}", "after the last"),
        ("Halo {{ name }." + "x" * 1100, "TemplateSyntaxError"),
        ("Halo " + "x" * 1100, "at most 1024"),
        ("Halo {{ whoever }}.", "whoever"),
    ],
)
def test_a_chat_text_that_meta_would_not_approve_is_refused(
    write_template: WriteTemplate, template: str, reason: str
) -> None:
    messages = write_template("id/order_paid.chat.j2", template)

    with pytest.raises(TemplateBroken, match=re.escape(reason)):
        messages.render_chat("order_paid", "id", SAMPLES["order_paid"].all_variables)


def test_a_variable_named_twice_is_one_parameter() -> None:
    text = parse_chat_template(Environment(autoescape=True), "Halo {{ b }}, {{ a }} dan {{ b }}.")

    assert text.body == "Halo {{1}}, {{2}} dan {{1}}."
    assert text.variable_names == ("b", "a")
    assert (
        text.fill(text.parameters({"a": "", "b": "Sari {{2}}"}))
        == "Halo Sari {{2}}, - dan Sari {{2}}."
    )


@pytest.mark.parametrize(
    ("locale", "language"),
    [("id_ID", "id"), ("id-ID", "id"), ("id", "id"), ("en_GB", "en"), ("ar_EG", "en"), ("", "en")],
)
def test_messages_are_in_the_language_of_the_event_or_in_english(
    locale: str, language: str
) -> None:
    assert language_for_locale(locale) == language


def test_samples_use_the_time_zone_of_the_venue() -> None:
    sample = SAMPLES["batch_finished"]
    later = replace(
        sample,
        variables=dict(sample.variables) | {"finishedAt": datetime(2026, 1, 1, 17, tzinfo=UTC)},
    )

    mail = MessageTemplates().render_mail("batch_finished", "id", later.all_variables)

    assert "2 Jan 2026, 00.00 WIB" in mail.text
