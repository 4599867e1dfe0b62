"""The door to documents: a ticket goes in, bytes come out. What draws them is nobody's business."""

import functools
import hashlib
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import astuple, dataclass
from datetime import UTC, datetime

from markupsafe import Markup

from ticketing.documents.fonts import font_problems, installed_fonts
from ticketing.documents.qr import QrCode
from ticketing.documents.template_context import SAMPLE_TICKET, language_variables, ticket_variables
from ticketing.documents.template_html import TicketHtmlTemplate, em_widths, overflow_message
from ticketing.documents.templates import TemplateFolders, TicketTemplate
from ticketing.documents.text_fitting import fit_font_size
from ticketing.documents.ticket_data import PrintedTicket
from ticketing.documents.weasyprint_engine import (
    PdfMetadata,
    TemplatePdfWriter,
    engine_problems,
    engine_version,
    overflowing_fields,
)
from ticketing.platform.kernel.errors import TextDoesNotFit, UndrawableText

QR_URL = "qr:ticket"  # what a page calls its code; a picture in the page would have to be parsed
MAX_LAYOUT_ATTEMPTS = 8  # each sets an overflowing field 6 % smaller


@dataclass(frozen=True, slots=True)
class PreflightIssue:
    """Why a ticket cannot be printed: a field, the characters at fault if it is about some."""

    field: str
    characters: str
    reason: str


class Renderer:
    """Renders tickets; the same ticket and template give the same bytes. For one thread."""

    def __init__(self, templates: TemplateFolders) -> None:
        """Cheap: templates, fonts and the engine are loaded when first needed."""
        self._templates = templates
        self._engine = engine_version()
        self._loaded: dict[str, _LoadedTemplate] = {}

    def document_key(self, ticket: PrintedTicket, template_id: str) -> str:
        """A digest of everything the document depends on: when it differs, the PDF is stale."""
        return self._document_key(ticket, self._templates.get(template_id))

    def check_template(self, template_id: str) -> None:
        """Refuse a template that cannot even print the sample ticket; cheap the second time."""
        self._load(template_id)

    def preflight_checker(
        self, template_id: str
    ) -> Callable[[PrintedTicket], list[PreflightIssue]]:
        """Tells of any ticket what `render` would refuse in its texts, without rendering it."""
        judge = self._load(template_id).find_issues
        return lambda ticket: [
            objection
            for field, text in ticket_variables(ticket).items()
            for objection in judge(field, text)
        ]

    def render(self, ticket: PrintedTicket, template_id: str) -> bytes:
        """The ticket as a PDF of one page.

        Raises UndrawableText, TextDoesNotFit or TemplateBroken.
        """
        loaded = self._load(template_id)
        texts = ticket_variables(ticket)
        _refuse_undrawable(texts)
        return loaded.print(ticket, texts, self._document_key(ticket, loaded.template)[:32])

    def _document_key(self, ticket: PrintedTicket, template: TicketTemplate) -> str:
        canonical = json.dumps(astuple(ticket), default=_json_default, ensure_ascii=False)
        parts = (self._engine, installed_fonts().digest, template.digest, canonical)
        return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()

    def _load(self, template_id: str) -> "_LoadedTemplate":
        template = self._templates.get(template_id)
        loaded = self._loaded.get(template_id)
        if loaded is None or loaded.template != template:
            loaded = self._loaded[template_id] = _LoadedTemplate(template)
        return loaded


class _LoadedTemplate:
    """A template that has printed the sample ticket: it works, and its places are known."""

    def __init__(self, template: TicketTemplate) -> None:
        self.template = template
        self.page = TicketHtmlTemplate(template)
        self._press = TemplatePdfWriter(template)
        self.print(SAMPLE_TICKET, ticket_variables(SAMPLE_TICKET), "0" * 32)
        # an event's own texts are the same on every ticket
        self.find_issues = functools.lru_cache(maxsize=1024)(self._find_issues)

    def _find_issues(self, field: str, text: str) -> tuple[PreflightIssue, ...]:
        found = []
        missing = "".join(sorted(installed_fonts().undrawable(text)))
        if missing:
            found.append(PreflightIssue(field, missing, _undrawable_message(field, missing)))
        place = self.page.text_boxes.get(field)
        if place and fit_font_size(text, place, em_widths(place.face)) is None:
            found.append(PreflightIssue(field, "", overflow_message(field, text, place)))
        return tuple(found)

    def print(self, ticket: PrintedTicket, texts: dict[str, str], identifier: str) -> bytes:
        """Lay out, set smaller what the layout shows to be too large, write."""
        code = QrCode(ticket.qr_text)
        codes = {QR_URL: code}
        variables = _template_variables(ticket, texts, *codes)
        tightened: Counter[str | None] = Counter()
        for _ in range(MAX_LAYOUT_ATTEMPTS):
            document = self._press.layout(self.page.render_html(variables, tightened), codes)
            outside = overflowing_fields(document)
            if not outside:
                return self._press.write_pdf(document, _pdf_metadata(ticket, texts, identifier))
            tightened.update(outside)
            if None in outside:
                break
        raise TextDoesNotFit(
            f"{', '.join(sorted(filter(None, outside))) or 'a text outside of any fit()'} leaves "
            f"its place on template {self.template.id!r}"
        )


def _pdf_metadata(ticket: PrintedTicket, texts: dict[str, str], identifier: str) -> PdfMetadata:
    return PdfMetadata(
        title=f"{texts['eventName']} - {texts['fullName']}",
        author=texts["eventName"],
        subject=texts["ticketCode"],
        language=language_variables(ticket)["languageTag"],
        created=ticket.issued_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        identifier=identifier,
    )


def installation_problems() -> list[str]:
    """What is missing on this machine for printing tickets, each with its way out."""
    return [*engine_problems(), *font_problems()]


def _template_variables(
    ticket: PrintedTicket, texts: dict[str, str], qr_url: str
) -> dict[str, str]:
    picture = Markup('<img class="qr" src="{}" alt="">').format(qr_url)
    return {**texts, **language_variables(ticket), "qr": picture, "qrCodeUrl": qr_url}


def _refuse_undrawable(texts: dict[str, str]) -> None:
    fonts = installed_fonts()
    for field, text in texts.items():
        missing = "".join(sorted(fonts.undrawable(text)))
        if missing:
            raise UndrawableText(_undrawable_message(field, missing))


def _undrawable_message(field: str, characters: str) -> str:
    points = ", ".join(f"{character} (U+{ord(character):04X})" for character in characters)
    return f"no installed font draws {points} in {field}"


def _json_default(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()  # the server may answer in any zone
    raise TypeError(f"{type(value).__name__} in a printed ticket")
