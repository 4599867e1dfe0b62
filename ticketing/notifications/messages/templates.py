"""Message templates in `templates/messages/<language>/`, rendered as mails and WhatsApp messages.

`<message>.mail.j2` has the blocks subject, text and button; the HTML is made from the same text.
`<message>.chat.j2` is text with plain variables, which Meta approves with numbered placeholders.
The variables of a message are those of its sample.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from textwrap import shorten
from typing import Self

from jinja2 import (
    Environment,
    FileSystemLoader,
    StrictUndefined,
    TemplateError,
    TemplateSyntaxError,
    nodes,
)
from jinja2.sandbox import ImmutableSandboxedEnvironment

from ticketing.notifications.messages.localized_variables import (
    LocalizedValue,
    join_lists,
    localize_variables,
    make_inert,
)
from ticketing.notifications.messages.message import ApprovedTemplate, Attachment, ChatMessage, Mail
from ticketing.notifications.messages.template_samples import (
    EXAMPLE_BASE_URL,
    SAMPLES,
    ReviewQuestion,
    TemplateVariables,
)
from ticketing.platform.kernel.errors import TemplateBroken
from ticketing.platform.kernel.languages import LANGUAGES, language_of
from ticketing.platform.paths import TEMPLATES

_QUESTIONS = "questions.j2"
_MAX_DETAIL_LENGTH = 200  # of a question's detail; a WhatsApp message may have 1,024 in all
_MAX_TEMPLATE_LENGTH = 1024  # characters, Meta's limit
_PLACEHOLDER = re.compile(r"\{\{(\d+)\}\}")


@dataclass(frozen=True, slots=True)
class ChatTemplate:
    """Text with `{{1}}`, `{{2}}`, …, and the names of these variables."""

    body: str
    variable_names: tuple[str, ...]

    def parameters(self, texts: Mapping[str, str]) -> tuple[str, ...]:
        """Return the parameters in order; an empty one becomes "-", because Meta refuses it."""
        return tuple(texts[name] or "-" for name in self.variable_names)

    def fill(self, parameters: tuple[str, ...]) -> str:
        """Return the text with these parameters."""
        return _PLACEHOLDER.sub(lambda match: parameters[int(match[1]) - 1], self.body)


def parse_chat_template(environment: Environment, source: str) -> ChatTemplate:
    """Parse a template; raise ValueError for anything that Meta could not approve."""
    names: list[str] = []
    parts: list[nodes.Node] = []
    for node in environment.parse(source.strip()).body:
        parts += node.nodes if isinstance(node, nodes.Output) else [node]
    body = "".join(_render_node(part, names) for part in parts)
    if len(body) > _MAX_TEMPLATE_LENGTH:
        raise ValueError(f"{len(body)} characters; at most {_MAX_TEMPLATE_LENGTH} can be approved")
    if body.startswith("{{") or body.endswith("}}"):
        raise ValueError("there must be text before the first variable and after the last")
    return ChatTemplate(body, tuple(names))


def _render_node(part: nodes.Node, names: list[str]) -> str:
    match part:
        case nodes.TemplateData():
            return part.data
        case nodes.Name():
            if part.name not in names:
                names.append(part.name)
            return f"{{{{{names.index(part.name) + 1}}}}}"
    raise ValueError(f"line {part.lineno}: only text and plain variables can be approved")


MESSAGE_TEMPLATES_DIR = TEMPLATES / "messages"


_FALLBACK_LANGUAGE = "en"


_BLOCKS = ("subject", "text", "button")


_EMPTY_LINES = re.compile(r"\n{3,}")


_TEMPLATE_ERRORS = (
    TemplateError,
    TypeError,
    ValueError,
    ArithmeticError,
    LookupError,
    AttributeError,
)


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Lines of one paragraph, or the items of a list."""

    lines: tuple[str, ...]
    is_list: bool


@dataclass(frozen=True, slots=True)
class MessagePreview:
    """A message with sample variables, for every channel."""

    mail: Mail
    chat: ChatMessage


def language_for_locale(locale: str) -> str:
    """Return the language of a locale if there are templates for it, else English."""
    language = language_of(locale)
    return language if language in LANGUAGES else _FALLBACK_LANGUAGE


class MessageTemplates:
    """All templates. Variables are those of the sample; times are aware, amounts are Rupiah."""

    def __init__(
        self, override_dir: Path | None = None, *, base_url: str = EXAMPLE_BASE_URL
    ) -> None:
        """Load the templates; files in `override_dir` take precedence.

        `base_url` begins every link: a button is approved with it.
        """
        self._links = base_url
        self._loader = FileSystemLoader(
            [MESSAGE_TEMPLATES_DIR]
            if override_dir is None
            else [override_dir, MESSAGE_TEMPLATES_DIR]
        )
        self._plain = self._environment(escapes=False)
        self._html = self._environment(escapes=True)

    @classmethod
    def linking_to(cls, base_url: str, own: Path | None = None) -> Self:
        """Return templates whose links begin with a URL; empty means that of the samples."""
        return cls(own, base_url=f"{base_url}/") if base_url else cls(own)

    def _environment(self, *, escapes: bool) -> Environment:
        return ImmutableSandboxedEnvironment(
            loader=self._loader,
            undefined=StrictUndefined,
            autoescape=escapes,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def names(self) -> list[str]:
        """Return the names of all messages."""
        return sorted(SAMPLES)

    def render_mail(
        self,
        name: str,
        language: str,
        variables: TemplateVariables,
        *,
        attachments: tuple[Attachment, ...] = (),
        unsubscribe_url: str = "",
    ) -> Mail:
        """Render a message as a mail."""
        with _reporting_template_errors(name, language, "mail"):
            localized = self._localize(variables, language)
            blocks = self._render_blocks(name, language, localized)
            organiser, url = str(localized["organiser"]), str(localized["url"])
            html = self._html.get_template("layout.html.j2").render(
                subject=blocks["subject"], button=blocks["button"], url=url, language=language,
                paragraphs=_paragraphs(blocks["text"]), organiser=organiser,
            )  # fmt: skip
        link = f"{blocks['button']}:\n{url}\n\n" if url else ""
        text = f"{blocks['text']}\n\n{link}-- \n{organiser}\n"
        return Mail(blocks["subject"], text, html, attachments, unsubscribe_url)

    def render_chat(
        self,
        name: str,
        language: str,
        variables: TemplateVariables,
        *,
        attachment: Attachment | None = None,
    ) -> ChatMessage:
        """Render a message for WhatsApp: as Meta's template, and as text for other providers."""
        with _reporting_template_errors(name, language, "chat"):
            if bool(SAMPLES[name].document_name) is not bool(attachment):
                raise ValueError(
                    "an attachment must be given exactly if the template has a document header"
                )
            localized = self._localize(variables, language, in_chat=True)
            url = str(localized["url"])
            if not url.startswith(self._links) or url == self._links:
                raise ValueError(f"its button URL must begin with {self._links}")
            text = self._chat_template(name, language)
            parameters = text.parameters(join_lists(localized))
        use = ApprovedTemplate(name, language, parameters, url.removeprefix(self._links))
        return ChatMessage(f"{text.fill(parameters)}\n\n{url}", use, attachment)

    def approval_request(self, name: str, language: str) -> dict[str, object]:
        """Return the request for Meta's approval of a message in a language.

        A document header also needs the handle of an example file, which only Meta can issue.
        """
        with _reporting_template_errors(name, language, "chat"):
            sample = SAMPLES[name]
            localized = self._localize(sample.all_variables, language, in_chat=True)
            text = self._chat_template(name, language)
            label = self._render_blocks(name, language, localized)["button"]
        link = {"url": self._links + "{{1}}", "example": [self._links + sample.url_path]}
        button = {"type": "URL", "text": label, **link}
        example = {"body_text": [list(text.parameters(join_lists(localized)))]}
        body = {"type": "BODY", "text": text.body, "example": example}
        header = [{"type": "HEADER", "format": "DOCUMENT"}] if sample.document_name else []
        components = [*header, body, {"type": "BUTTONS", "buttons": [button]}]
        kind = {"name": name, "language": language, "category": "UTILITY"}
        return {**kind, "components": components}

    def questions(self) -> list[str]:
        """Return the names of what the organiser may have to decide."""
        return sorted(self._plain.get_template(f"{_FALLBACK_LANGUAGE}/{_QUESTIONS}").blocks)

    def preview(self, name: str, language: str, *, question: str = "") -> MessagePreview:
        """Render a message with its sample variables, or with another question."""
        with _reporting_template_errors(name, language, "mail"):
            sample = SAMPLES[name]
        facts, file = sample.all_variables | {"url": self._links + sample.url_path}, None
        asked = facts.get("question")
        if question and isinstance(asked, ReviewQuestion):
            facts["question"] = replace(asked, name=question)
        if sample.document_name:
            file = Attachment(sample.document_name, b"%PDF-")
        mail = self.render_mail(name, language, facts, attachments=(file,) if file else ())
        return MessagePreview(mail, self.render_chat(name, language, facts, attachment=file))

    def _localize(
        self, variables: TemplateVariables, language: str, *, in_chat: bool = False
    ) -> dict[str, LocalizedValue]:
        """Return the variables as text, a question in the words of its block."""
        asked = {
            name: self._question_text(value, language, in_chat=in_chat)
            for name, value in variables.items()
            if isinstance(value, ReviewQuestion)
        }
        return localize_variables(variables, language, in_chat=in_chat) | asked

    def _question_text(self, question: ReviewQuestion, language: str, *, in_chat: bool) -> str:
        template = self._plain.get_template(f"{language}/{_QUESTIONS}")
        detail = shorten(question.detail, _MAX_DETAIL_LENGTH, placeholder="…")
        given = {"detail": make_inert(detail, in_chat=in_chat), "orderCode": question.order_code}
        return "".join(template.blocks[question.name](template.new_context(given))).strip()

    def _render_blocks(
        self, name: str, language: str, localized: Mapping[str, LocalizedValue]
    ) -> dict[str, str]:
        template = self._plain.get_template(f"{language}/{name}.mail.j2")
        context = template.new_context(dict(localized))
        blocks = {block: "".join(template.blocks[block](context)).strip() for block in _BLOCKS}
        return blocks | {"text": _EMPTY_LINES.sub("\n\n", blocks["text"])}

    def _chat_template(self, name: str, language: str) -> ChatTemplate:
        source, _, _ = self._loader.get_source(self._plain, f"{language}/{name}.chat.j2")
        return parse_chat_template(self._plain, source)


@contextmanager
def _reporting_template_errors(name: str, language: str, form: str) -> Iterator[None]:
    """Context manager that raises template errors as TemplateBroken with file and line."""
    if name not in SAMPLES or language not in LANGUAGES:
        known = f"{', '.join(SAMPLES)} in {', '.join(LANGUAGES)}"
        raise TemplateBroken(f"no message {name!r} in {language!r}; there are {known}")
    try:
        yield
    except _TEMPLATE_ERRORS as error:
        line = f":{error.lineno}" if isinstance(error, TemplateSyntaxError) else ""
        what = f"{type(error).__name__}: {error}"
        raise TemplateBroken(f"messages/{language}/{name}.{form}.j2{line}: {what}") from error


def _paragraphs(text: str) -> list[Paragraph]:
    """Split text at empty lines; consecutive lines that begin with a dash are a list."""
    paragraphs = []
    for block in text.split("\n\n"):
        for is_list, run in groupby(block.splitlines(), lambda line: line.startswith("- ")):
            lines = tuple(line.removeprefix("- ") if is_list else line for line in run)
            paragraphs.append(Paragraph(lines, is_list))
    return paragraphs
