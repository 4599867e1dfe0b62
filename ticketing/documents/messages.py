"""Texts to people, from `templates/messages/<language>/`: mails in both forms, and WhatsApp's.

`<message>.mail.j2` has the blocks subject, text and button; the HTML is made of the same text.
`<message>.chat.j2` is what message_chat.py reads. What a message may say is in its sample.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Self

from babel.dates import format_timedelta
from jinja2 import (
    Environment,
    FileSystemLoader,
    StrictUndefined,
    TemplateError,
    TemplateSyntaxError,
)
from jinja2.sandbox import ImmutableSandboxedEnvironment

from ticketing.documents.dates import spoken_date, spoken_instant, spoken_time
from ticketing.documents.message_chat import ChatText, chat_text
from ticketing.documents.message_samples import LINKS, SAMPLES, Fact, Facts
from ticketing.documents.text import printable
from ticketing.domain.errors import TemplateBroken
from ticketing.domain.messages import ApprovedTemplate, Attachment, ChatMessage, Mail
from ticketing.domain.money import Rupiah

OURS = Path(__file__).resolve().parents[2] / "templates" / "messages"
_LOCALES = {"id": "id_ID", "en": "en_GB"}
LANGUAGES = tuple(_LOCALES)
_OTHERWISE = "en"
_BLOCKS = ("subject", "text", "button")
_EMPTY_LINES = re.compile(r"\n{3,}")
Spoken = str | list[str]
_SLIPS = (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError)


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Lines that belong together, or the items of a list."""

    lines: tuple[str, ...]
    is_list: bool


@dataclass(frozen=True, slots=True)
class Preview:
    """One message with made-up facts, in every form it is sent in."""

    mail: Mail
    chat: ChatMessage


def language_of(locale: str) -> str:
    """The language to write to somebody in: their locale's, if we speak it."""
    language = locale.replace("-", "_").partition("_")[0].lower()
    return language if language in LANGUAGES else _OTHERWISE


class Messages:
    """All texts. Facts are those of the message's sample; instants are aware, money is Rupiah."""

    def __init__(self, own: Path | None = None, *, links: str = LINKS) -> None:
        """`own` is laid out like our folder and wins file by file.

        `links` is where all our addresses begin: a button is approved with it.
        """
        self._links = links
        self._loader = FileSystemLoader([OURS] if own is None else [own, OURS])
        self._plain = self._environment(escapes=False)
        self._html = self._environment(escapes=True)

    @classmethod
    def linking_to(cls, base_url: str, own: Path | None = None) -> Self:
        """Make the texts whose links begin with a URL; empty means that of the samples."""
        return cls(own, links=f"{base_url}/") if base_url else cls(own)

    def _environment(self, *, escapes: bool) -> Environment:
        return ImmutableSandboxedEnvironment(
            loader=self._loader,
            undefined=StrictUndefined,
            autoescape=escapes,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def names(self) -> list[str]:
        """Every message there is."""
        return sorted(SAMPLES)

    def mail(
        self,
        name: str,
        language: str,
        facts: Facts,
        *,
        attachments: tuple[Attachment, ...] = (),
        unsubscribe_url: str = "",
    ) -> Mail:
        """A message as a mail."""
        with _told(name, language, "mail"):
            spoken = _spoken(facts, language)
            written = self._blocks(name, language, spoken)
            organiser, url = str(spoken["organiser"]), str(spoken["url"])
            html = self._html.get_template("layout.html.j2").render(
                subject=written["subject"], button=written["button"], url=url, language=language,
                paragraphs=_paragraphs(written["text"]), organiser=organiser,
            )  # fmt: skip
        link = f"{written['button']}:\n{url}\n\n" if url else ""
        text = f"{written['text']}\n\n{link}-- \n{organiser}\n"
        return Mail(written["subject"], text, html, attachments, unsubscribe_url)

    def chat(
        self, name: str, language: str, facts: Facts, *, attachment: Attachment | None = None
    ) -> ChatMessage:
        """A message for WhatsApp: as Meta's template, and as the text that others send."""
        with _told(name, language, "chat"):
            if SAMPLES[name].carries_document is not bool(attachment):
                raise ValueError("it is sent with a document, or without, as it was approved")
            spoken = _spoken(facts, language)
            url = str(spoken["url"])
            if not url.startswith(self._links) or url == self._links:
                raise ValueError(f"its button leads below {self._links} and nowhere else")
            text = self._chat_text(name, language)
            parameters = text.parameters(_joined(spoken))
        use = ApprovedTemplate(name, language, parameters, url.removeprefix(self._links))
        return ChatMessage(f"{text.filled(parameters)}\n\n{url}", use, attachment)

    def approval(self, name: str, language: str) -> dict[str, object]:
        """What Meta is asked to approve, once for each message and language.

        A document's header also needs the handle of an example file, which only Meta can give.
        """
        with _told(name, language, "chat"):
            sample = SAMPLES[name]
            spoken = _spoken(sample.all_facts, language)
            text = self._chat_text(name, language)
            label = self._blocks(name, language, spoken)["button"]
        link = {"url": self._links + "{{1}}", "example": [self._links + sample.path]}
        button = {"type": "URL", "text": label, **link}
        example = {"body_text": [list(text.parameters(_joined(spoken)))]}
        body = {"type": "BODY", "text": text.body, "example": example}
        header = [{"type": "HEADER", "format": "DOCUMENT"}] if sample.carries_document else []
        components = [*header, body, {"type": "BUTTONS", "buttons": [button]}]
        kind = {"name": name, "language": language, "category": "UTILITY"}
        return {**kind, "components": components}

    def preview(self, name: str, language: str) -> Preview:
        """A message with its sample's facts: its words can be read before anybody gets them."""
        with _told(name, language, "mail"):
            sample = SAMPLES[name]
        facts, file = sample.all_facts | {"url": self._links + sample.path}, None
        if sample.carries_document:
            file = Attachment(sample.document_name, b"%PDF-")
        mail = self.mail(name, language, facts, attachments=(file,) if file else ())
        return Preview(mail, self.chat(name, language, facts, attachment=file))

    def _blocks(self, name: str, language: str, spoken: Mapping[str, Spoken]) -> dict[str, str]:
        template = self._plain.get_template(f"{language}/{name}.mail.j2")
        context = template.new_context(dict(spoken))
        written = {block: "".join(template.blocks[block](context)).strip() for block in _BLOCKS}
        return written | {"text": _EMPTY_LINES.sub("\n\n", written["text"])}

    def _chat_text(self, name: str, language: str) -> ChatText:
        source, _, _ = self._loader.get_source(self._plain, f"{language}/{name}.chat.j2")
        return chat_text(self._plain, source)


@contextmanager
def _told(name: str, language: str, form: str) -> Iterator[None]:
    """Around a text: a slip in it, or facts that do not fit it, by file and line."""
    if name not in SAMPLES or language not in LANGUAGES:
        known = f"{', '.join(SAMPLES)} in {', '.join(LANGUAGES)}"
        raise TemplateBroken(f"no message {name!r} in {language!r}; there are {known}")
    try:
        yield
    except _SLIPS as error:
        line = f":{error.lineno}" if isinstance(error, TemplateSyntaxError) else ""
        what = f"{type(error).__name__}: {error}"
        raise TemplateBroken(f"messages/{language}/{name}.{form}.j2{line}: {what}") from error


def _spoken(facts: Facts, language: str) -> dict[str, Spoken]:
    """Facts as people of that language write them, each on one line of its own.

    An event's `startsAt` and `endsAt` are also told as `eventDate` and `eventTime`.
    """
    zone, locale = str(facts["timeZone"]), _LOCALES[language]
    spoken = {name: _said(fact, zone, locale) for name, fact in facts.items()}
    starts, ends = facts.get("startsAt"), facts.get("endsAt")
    if isinstance(starts, datetime) and isinstance(ends, datetime):
        clock = (starts, ends, zone, locale)
        spoken |= {"eventDate": spoken_date(*clock), "eventTime": spoken_time(*clock)}
    return spoken


def _said(fact: Fact, zone: str, locale: str) -> Spoken:
    if isinstance(fact, datetime):
        return spoken_instant(fact, zone, locale)
    if isinstance(fact, timedelta):
        return format_timedelta(fact, "minute", threshold=2, locale=locale)
    if isinstance(fact, (str, int, Rupiah)):
        return printable(str(fact))
    return [printable(each) for each in fact]


def _joined(spoken: Mapping[str, Spoken]) -> dict[str, str]:
    return {
        name: said if isinstance(said, str) else ", ".join(said) for name, said in spoken.items()
    }


def _paragraphs(text: str) -> list[Paragraph]:
    """What stands between empty lines; a run of lines that begin with a dash is a list."""
    paragraphs = []
    for block in text.split("\n\n"):
        for is_list, run in groupby(block.splitlines(), lambda line: line.startswith("- ")):
            lines = tuple(line.removeprefix("- ") if is_list else line for line in run)
            paragraphs.append(Paragraph(lines, is_list))
    return paragraphs
