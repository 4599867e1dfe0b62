"""Renders the tickets of one template: stamped where that is proved equal, else in full."""

import functools
import threading
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, cast

import structlog

from ticketing.documents.document_key import DocumentKeys
from ticketing.documents.emoji import leave_out_emoji
from ticketing.documents.fonts import installed_fonts
from ticketing.documents.printed_page import (
    QR_URL,
    PrintedPage,
    no_font_draws,
    qr_variables,
    undrawable_message,
)
from ticketing.documents.qr import QrCode
from ticketing.documents.rendered_ticket import RenderedTicket
from ticketing.documents.stamping.compile import compile_stamper
from ticketing.documents.stamping.pdf_tail import ExtraFonts
from ticketing.documents.stamping.slots import NotStampable, element_of_slot, mark_slots
from ticketing.documents.stamping.stamper import DrawnPage, Stamper
from ticketing.documents.stamping.ticket_fonts import FontNames, NeededGlyphs
from ticketing.documents.stamping.variant_builder import source_of_document
from ticketing.documents.template_context import SAMPLE_TICKET
from ticketing.documents.template_html import TicketHtmlTemplate, em_widths, overflow_message
from ticketing.documents.template_proof import field_location, prove_sample
from ticketing.documents.templates import TicketTemplate
from ticketing.documents.text_fitting import fit_font_size
from ticketing.documents.ticket_data import PrintedTicket
from ticketing.documents.weasyprint_engine import TemplatePdfWriter, overflowing_fields
from ticketing.platform.kernel.errors import TextDoesNotFit, TicketingError

LOG = structlog.stdlib.get_logger("ticketing.documents")
MAX_LAYOUT_ATTEMPTS = 8  # each reduces the font size of an overflowing field by 6 %
_MAX_TEMPLATES = 16  # in memory
_IDENTIFIER_LENGTH = 32


@dataclass(frozen=True, slots=True)
class PreflightIssue:
    """Reason why a ticket cannot be rendered: a field, and undrawable characters if any.

    A note is no obstacle: the ticket is rendered without these characters.
    """

    field: str
    characters: str
    reason: str
    is_note: bool = False


class TemplateRenderer:
    """A template that has rendered the sample ticket, so that its text boxes are known.

    Thread-safe: threads take turns.
    """

    def __init__(self, template: TicketTemplate) -> None:
        """Raises TemplateBroken with file and line."""
        self.template = template
        self.page = TicketHtmlTemplate(template)
        self._writer = TemplatePdfWriter(template)
        self._lock = threading.RLock()
        self._stamper: Stamper | NotStampable | None = None
        self._keys: DocumentKeys | None = None
        self._proved = set[PrintedTicket]()
        self._print(SAMPLE_TICKET, "0" * _IDENTIFIER_LENGTH, is_marked=False)
        # cached, because the texts of an event are the same on every ticket
        self.find_issues = functools.lru_cache(maxsize=1024)(self._find_issues)

    @property
    def stamper(self) -> Stamper | NotStampable:
        """Return the stamper, or why tickets of this template are rendered in full."""
        if self._stamper is None:
            with self._lock:
                if self._stamper is None:
                    print_marked = functools.partial(self._print, is_marked=True)
                    self._stamper = compile_stamper(self.page, self._writer, print_marked)
        return self._stamper

    @property
    def stamping_refusal(self) -> str | None:
        """Return why tickets are rendered in full, with file, line and way out; None if not."""
        if not isinstance(self.stamper, NotStampable):
            return None
        return f"{field_location(self.template, self.stamper.field)}: {self.stamper}"

    def document_key(self, ticket: PrintedTicket) -> str:
        """Return a digest of everything that a document depends on; a stale PDF has another one."""
        if self._keys is None:
            is_stamped = not isinstance(self.stamper, NotStampable)
            self._keys = DocumentKeys(self.template.digest, is_stamped=is_stamped)
        return self._keys.key_of(ticket)

    def prepare(self, tickets: Iterable[PrintedTicket]) -> None:
        """Make the QR codes of tickets that follow; many at once take a third of the time."""
        if isinstance(self.stamper, Stamper):
            with self._lock:
                self.stamper.codes.prepare(ticket.qr_text for ticket in tickets)

    def render(self, ticket: PrintedTicket, key: str | None = None) -> RenderedTicket:
        """Return the ticket as a PDF of one page; `key` is its document key if it is known.

        Raises UndrawableText, TextDoesNotFit or TemplateBroken.
        """
        identifier = (key or self.document_key(ticket))[:_IDENTIFIER_LENGTH]
        stamped = self._stamp(ticket, identifier)
        if stamped is not None:
            return stamped
        content = self.render_in_full(ticket, identifier)
        return RenderedTicket(b"", content, sha256(content).hexdigest(), in_full=True)

    def _stamp(self, ticket: PrintedTicket, identifier: str) -> RenderedTicket | None:
        stamper = self.stamper
        if isinstance(stamper, NotStampable):
            return None
        printed = PrintedPage.of(ticket)
        try:
            with self._lock:
                return stamper.stamp(printed, identifier)
        except NotStampable as reason:
            LOG.info("ticket rendered in full", ticketId=ticket.ticket_id, reason=str(reason))
        except TicketingError:
            pass  # the full render raises it as well
        except Exception:
            LOG.exception("stamping failed; rendered in full", ticketId=ticket.ticket_id)
        return None

    def render_in_full(self, ticket: PrintedTicket, identifier: str) -> bytes:
        """Return the PDF file as if tickets of this template could not be stamped."""
        with self._lock:
            stamper = self.stamper
            is_marked = isinstance(stamper, Stamper) and stamper.can_mark(PrintedPage.of(ticket))
            return self._print(ticket, identifier, is_marked=is_marked)

    def draw(self, ticket: PrintedTicket) -> DrawnPage:
        """Return the page of a ticket for a print run. Raises what `render` raises."""
        printed, stamper = PrintedPage.of(ticket), self.stamper
        with self._lock:
            if isinstance(stamper, Stamper):
                with suppress(NotStampable):
                    return stamper.draw(printed)
            is_marked = isinstance(stamper, Stamper) and stamper.can_mark(printed)
            document = self._lay_out(printed, is_marked=is_marked)
            with self._writer.warnings_as_errors():
                return DrawnPage(source_of_document(document), (), {})

    def embed(
        self, needed: NeededGlyphs, number: int, first_name: int
    ) -> tuple[ExtraFonts, FontNames]:
        """Return fonts with glyphs of drawn pages as objects from `number` on, and their names."""
        with self._lock:
            return cast("Stamper", self.stamper).embed(needed, number, first_name)

    def _print(self, ticket: PrintedTicket, identifier: str, *, is_marked: bool) -> bytes:
        printed = PrintedPage.of(ticket)
        return self._write(printed, self._lay_out(printed, is_marked=is_marked), identifier)

    def _print_changed(self, ticket: PrintedTicket, page: TicketHtmlTemplate, html: str) -> bytes:
        """Return the PDF of a ticket with another page, and with HTML behind it."""
        printed = PrintedPage.of(ticket)
        document = self._lay_out(printed, is_marked=False, page=page, appended=html)
        return self._write(printed, document, "0" * _IDENTIFIER_LENGTH)

    def _write(self, printed: PrintedPage, document: Any, identifier: str) -> bytes:  # noqa: ANN401
        event = printed.event
        return self._writer.write_pdf(
            document,
            title=printed.title,
            author=event.texts["eventName"],
            subject=printed.own_texts["ticketCode"],
            language=event.language["languageTag"],
            created=printed.created,
            identifier=identifier,
        )

    def _lay_out(
        self,
        printed: PrintedPage,
        *,
        is_marked: bool,
        page: TicketHtmlTemplate | None = None,
        appended: str = "",
    ) -> Any:  # noqa: ANN401
        """Return the document, with overflowing fields reduced until all fit."""
        texts, event = printed.texts, printed.event
        marked = mark_slots(texts, element_of_slot) if is_marked else texts
        variables = {**marked, **event.language, **qr_variables()}
        codes = {QR_URL: QrCode(printed.qr_text)}
        shrink_steps: Counter[str | None] = Counter()
        for _ in range(MAX_LAYOUT_ATTEMPTS):
            html = (page or self.page).render_html(variables, shrink_steps, plain_texts=texts)
            document = self._writer.layout(html + event.banner + appended, codes)
            overflows = overflowing_fields(document)
            if not overflows:
                return document
            shrink_steps.update(overflows)
            if None in overflows:
                break
        raise TextDoesNotFit(
            f"{', '.join(sorted(filter(None, overflows))) or 'a text outside of fit()'} leaves "
            f"its box on template {self.template.id!r}",
            field=min(filter(None, overflows), default=""),
        )

    def prove(self, sample: PrintedTicket) -> None:
        """Render a sample and read it back. Raises TemplateBroken with file, line and reason."""
        with self._lock:
            if sample in self._proved:
                return
            pdf = self.render(sample).content
            texts = PrintedPage.of(sample).texts
            print_page = functools.partial(self._print_changed, sample)
            prove_sample(self.template, pdf, texts, sample.qr_text, print_page)
            self._proved.add(sample)

    def _find_issues(self, field: str, text: str) -> tuple[PreflightIssue, ...]:
        found, fonts = [], installed_fonts()
        printed = leave_out_emoji(text, fonts.undrawable)
        if printed != text:
            left_out = "".join(sorted(fonts.undrawable(text) - fonts.undrawable(printed)))
            reason = f"{field} is printed as {printed!r}, because {no_font_draws(left_out)}"
            found.append(PreflightIssue(field, left_out, reason, is_note=True))
        missing = "".join(sorted(fonts.undrawable(printed)))
        if missing:
            found.append(PreflightIssue(field, missing, undrawable_message(field, missing)))
        box = self.page.text_boxes.get(field)
        if box and fit_font_size(printed, box, em_widths(box.face)) is None:
            found.append(PreflightIssue(field, "", overflow_message(field, printed, box)))
        return tuple(found)


load_template = functools.lru_cache(maxsize=_MAX_TEMPLATES)(TemplateRenderer)
"""Return the renderer of a template; all of a process share it."""
