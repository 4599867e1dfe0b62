"""Render tickets to PDF. Callers do not depend on the PDF engine."""

import functools
import hashlib
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import astuple, dataclass
from datetime import UTC, datetime

from markupsafe import Markup

from ticketing.documents.emoji import leave_out_emoji
from ticketing.documents.fonts import font_problems, installed_fonts
from ticketing.documents.qr import QrCode
from ticketing.documents.template_context import (
    SAMPLE_TICKET,
    banner_of_test,
    language_variables,
    ticket_variables,
)
from ticketing.documents.template_html import TicketHtmlTemplate, em_widths, overflow_message
from ticketing.documents.template_proof import fit_location, prove_sample
from ticketing.documents.templates import TemplateFolders, TicketTemplate
from ticketing.documents.text_fitting import fit_font_size
from ticketing.documents.ticket_data import PrintedTicket
from ticketing.documents.weasyprint_engine import (
    TemplatePdfWriter,
    engine_problems,
    engine_version,
    overflowing_fields,
)
from ticketing.platform.kernel.errors import TemplateBroken, TextDoesNotFit, UndrawableText

QR_URL = "qr:ticket"  # the URL of the code in the page; an embedded image would be parsed
_PROVED: set[tuple[str, PrintedTicket]] = set()  # by digest: renderers of a process share proofs
# above everything that a template draws, at the edge of the page, where no code is
TEST_BANNER = (
    '<div style="position:fixed;z-index:2147483647;top:0;left:0;right:0;height:4.5mm;margin:0;'
    "padding:0;background:#ffd400;color:#000;font:bold 8pt/4.5mm Noto Sans,sans-serif;"
    'text-align:center;white-space:nowrap;overflow:hidden">{}</div>'
)
MAX_LAYOUT_ATTEMPTS = 8  # each reduces the font size of an overflowing field by 6 %


@dataclass(frozen=True, slots=True)
class PreflightIssue:
    """Reason why a ticket cannot be rendered: a field, and undrawable characters if any.

    A note is no obstacle: the ticket is rendered without these characters.
    """

    field: str
    characters: str
    reason: str
    is_note: bool = False


class Renderer:
    """Renders tickets; equal tickets and templates give equal bytes. Not thread-safe."""

    def __init__(self, templates: TemplateFolders) -> None:
        """Templates, fonts and the engine are loaded on first use."""
        self._templates = templates
        self._engine = engine_version()
        self._loaded: dict[str, _LoadedTemplate] = {}

    def document_key(self, ticket: PrintedTicket, template_id: str) -> str:
        """Return a digest of everything that a document depends on; a stale PDF has another one."""
        return self._document_key(ticket, self._templates.get(template_id))

    def check_template(self, template_id: str, sample: PrintedTicket = SAMPLE_TICKET) -> None:
        """Raise TemplateBroken for a template whose sample ticket nobody could use; cached."""
        try:
            self._load(template_id).prove(sample)
        except (TextDoesNotFit, UndrawableText) as error:
            place = fit_location(self._templates.get(template_id), error.details.get("field"))
            reason = f"template {template_id!r}, {place}: {error}"
            raise TemplateBroken(reason) from error

    def preflight_checker(
        self, template_id: str
    ) -> Callable[[PrintedTicket], list[PreflightIssue]]:
        """Return a function that finds the texts of a ticket that `render` would refuse."""
        find_issues = self._load(template_id).find_issues
        return lambda ticket: [
            issue
            for field, text in ticket_variables(ticket).items()
            for issue in find_issues(field, text)
        ]

    def render(self, ticket: PrintedTicket, template_id: str) -> bytes:
        """Return the ticket as a PDF of one page.

        Raises UndrawableText, TextDoesNotFit or TemplateBroken.
        """
        loaded = self._load(template_id)
        texts = _printed_texts(ticket)
        return loaded.print(ticket, texts, self._document_key(ticket, loaded.template)[:32])

    def _document_key(self, ticket: PrintedTicket, template: TicketTemplate) -> str:
        *printed, extra, is_test = astuple(ticket)
        # without kept columns and tests as before there were any, so that no document is stale
        values = [*printed, *filter(None, (extra, is_test and TEST_BANNER))]
        canonical = json.dumps(values, default=_json_default, ensure_ascii=False)
        parts = (self._engine, installed_fonts().digest, template.digest, canonical)
        return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()

    def _load(self, template_id: str) -> "_LoadedTemplate":
        template = self._templates.get(template_id)
        loaded = self._loaded.get(template_id)
        if loaded is None or loaded.template != template:
            loaded = self._loaded[template_id] = _LoadedTemplate(template)
        return loaded


class _LoadedTemplate:
    """A template that has rendered the sample ticket, so that its text boxes are known."""

    def __init__(self, template: TicketTemplate) -> None:
        self.template = template
        self.page = TicketHtmlTemplate(template)
        self._writer = TemplatePdfWriter(template)
        self.print(SAMPLE_TICKET, ticket_variables(SAMPLE_TICKET), "0" * 32)
        # cached, because the texts of an event are the same on every ticket
        self.find_issues = functools.lru_cache(maxsize=1024)(self._find_issues)

    def prove(self, sample: PrintedTicket) -> None:
        """Render a sample and read it back. Raises TemplateBroken with file, line and reason."""
        proof = self.template.digest, sample
        if proof in _PROVED:
            return
        texts = _printed_texts(sample)
        pdf = self.print(sample, texts, "0" * 32)
        prove_sample(self.template, pdf, texts, sample.qr_text)
        _PROVED.add(proof)

    def _find_issues(self, field: str, text: str) -> tuple[PreflightIssue, ...]:
        found, fonts = [], installed_fonts()
        printed = leave_out_emoji(text, fonts.undrawable)
        if printed != text:
            left_out = "".join(sorted(fonts.undrawable(text) - fonts.undrawable(printed)))
            reason = f"{field} is printed as {printed!r}, because {_no_font_draws(left_out)}"
            found.append(PreflightIssue(field, left_out, reason, is_note=True))
        missing = "".join(sorted(fonts.undrawable(printed)))
        if missing:
            found.append(PreflightIssue(field, missing, _undrawable_message(field, missing)))
        box = self.page.text_boxes.get(field)
        if box and fit_font_size(printed, box, em_widths(box.face)) is None:
            found.append(PreflightIssue(field, "", overflow_message(field, printed, box)))
        return tuple(found)

    def print(self, ticket: PrintedTicket, texts: dict[str, str], identifier: str) -> bytes:
        """Lay out, reduce overflows fields until all fit, and write the PDF."""
        code = QrCode(ticket.qr_text)
        codes = {QR_URL: code}
        variables = _template_variables(ticket, texts, *codes)
        banner = TEST_BANNER.format(banner_of_test(ticket.locale)) if ticket.is_test else ""
        shrink_steps: Counter[str | None] = Counter()
        for _ in range(MAX_LAYOUT_ATTEMPTS):
            document = self._writer.layout(
                self.page.render_html(variables, shrink_steps) + banner, codes
            )
            overflows = overflowing_fields(document)
            if not overflows:
                return self._writer.write_pdf(
                    document,
                    title=f"{texts['eventName']} - {texts['fullName']}",
                    author=texts["eventName"],
                    subject=texts["ticketCode"],
                    language=variables["languageTag"],
                    created=ticket.issued_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                    identifier=identifier,
                )
            shrink_steps.update(overflows)
            if None in overflows:
                break
        raise TextDoesNotFit(
            f"{', '.join(sorted(filter(None, overflows))) or 'a text outside of fit()'} leaves "
            f"its box on template {self.template.id!r}",
            field=min(filter(None, overflows), default=""),
        )


def installation_problems() -> list[str]:
    """Return what is missing on this machine for rendering tickets, with what to do."""
    return [*engine_problems(), *font_problems()]


def _template_variables(
    ticket: PrintedTicket, texts: dict[str, str], qr_url: str
) -> dict[str, str]:
    picture = Markup('<img class="qr" src="{}" alt="">').format(qr_url)
    return {**texts, **language_variables(ticket), "qr": picture, "qrCodeUrl": qr_url}


def _printed_texts(ticket: PrintedTicket) -> dict[str, str]:
    """Return the texts of a ticket. Raises UndrawableText for a character other than an emoji."""
    fonts = installed_fonts()
    texts = {
        field: leave_out_emoji(text, fonts.undrawable)
        for field, text in ticket_variables(ticket).items()
    }
    for field, text in texts.items():
        missing = "".join(sorted(fonts.undrawable(text)))
        if missing:
            raise UndrawableText(_undrawable_message(field, missing))
    return texts


def _undrawable_message(field: str, characters: str) -> str:
    return f"{_no_font_draws(characters)} in {field}"


def _no_font_draws(characters: str) -> str:
    # the characters themselves would be boxes in the report, for the same want of a font
    points = ", ".join(f"U+{ord(character):04X}" for character in characters)
    return f"no installed font draws {points}"


def _json_default(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()  # the database may return any zone
    raise TypeError(f"a printed ticket has a value of type {type(value).__name__}")
