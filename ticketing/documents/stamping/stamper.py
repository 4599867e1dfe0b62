"""Stamp tickets of one template: the fast way to the same picture as a full render."""

import functools
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from ticketing.documents.engine_version import engine_name
from ticketing.documents.printed_page import PrintedPage
from ticketing.documents.rendered_ticket import RenderedTicket
from ticketing.documents.stamping.page_layout import LayoutMarker
from ticketing.documents.stamping.pdf_prefix import PageSource
from ticketing.documents.stamping.pdf_tail import DocumentInformation, ExtraFonts, write_tail
from ticketing.documents.stamping.qr_stream import QrStreams
from ticketing.documents.stamping.slots import NotStampable
from ticketing.documents.stamping.text_setter import PlacedText
from ticketing.documents.stamping.ticket_fonts import (
    FontNames,
    FontSource,
    NeededGlyphs,
    embed_fonts,
    needed_glyphs,
)
from ticketing.documents.stamping.variant_builder import PageVariant, VariantBuilder
from ticketing.documents.stamping.weasyprint_access import PagePainter, page_stream
from ticketing.documents.template_html import TicketHtmlTemplate
from ticketing.documents.weasyprint_engine import TemplatePdfWriter

_MAX_VARIANTS = 256


@dataclass(frozen=True, slots=True)
class DrawnPage:
    """A ticket on its page before it is written: what stands in its slots, and its own glyphs.

    A page that is rendered in full has no slots.
    """

    source: PageSource
    slots: Sequence[bytes | PlacedText]
    needed: NeededGlyphs


class Stamper:
    """Stamps tickets of one template. Not thread-safe."""

    def __init__(self, page: TicketHtmlTemplate, writer: TemplatePdfWriter) -> None:
        """`page` and `writer` have rendered a ticket of this template before."""
        self.codes = QrStreams()
        self._painter = PagePainter(page_stream())
        self.marker = LayoutMarker(page, writer, self._painter)
        self._builder = VariantBuilder(self.marker, self._painter, writer)
        self._variants: OrderedDict[object, PageVariant | NotStampable] = OrderedDict()
        self._sources: dict[str, FontSource] = {}

    def stamp(self, printed: PrintedPage, identifier: str) -> RenderedTicket:
        """Return the PDF file of a ticket. Raises NotStampable when it needs a full render."""
        variant = self._variant(printed)
        tail = self._tail(variant, printed, identifier)
        prefix = variant.prefix
        digest = prefix.digest.copy()  # saves four fifths of the time of hashing a file
        digest.update(tail)
        return RenderedTicket(prefix.content, tail, digest.hexdigest(), in_full=False)

    def draw(self, printed: PrintedPage) -> DrawnPage:
        """Return the page of a ticket for a print run. Raises NotStampable."""
        variant = self._variant(printed)
        slots = self._fill_slots(variant, printed)
        return DrawnPage(variant.prefix.source, slots, _needed(variant, slots))

    def can_mark(self, printed: PrintedPage) -> bool:
        """Return whether the slots of the page of a ticket can be marked."""
        try:
            self._variant(printed)
        except NotStampable:
            return False
        return True

    def _fill_slots(self, variant: PageVariant, printed: PrintedPage) -> list[bytes | PlacedText]:
        base, place, texts = variant.base, variant.family.place, printed.own_texts
        marks = base.layout.marks
        return [
            self.codes.stream(printed.qr_text)
            if number is None
            else place(base, number, texts[marks[number].field])
            for number in variant.slots
        ]

    def _tail(self, variant: PageVariant, printed: PrintedPage, identifier: str) -> bytes:
        slots = self._fill_slots(variant, printed)
        fonts: ExtraFonts | None = None
        names: FontNames = {}
        needed = _needed(variant, slots)
        if needed:
            fonts, names = self.embed(needed, variant.prefix.next_free)
        streams = [slot if isinstance(slot, bytes) else slot.operators(names) for slot in slots]
        information = DocumentInformation(
            engine_name(), printed.title, printed.event.texts["eventName"],
            printed.own_texts["ticketCode"], _pdf_date(printed.created),
        )  # fmt: skip
        return write_tail(variant.prefix, streams, information, identifier, fonts)

    def embed(
        self, needed: NeededGlyphs, number: int, first_name: int = 0
    ) -> tuple[ExtraFonts, FontNames]:
        """Return fonts with these glyphs as objects from `number` on, and their names."""
        for name in needed:
            if name not in self._sources:
                self._sources[name] = FontSource(self._painter.font(name))
        return embed_fonts(needed, self._sources, number, first_name)

    def _variant(self, printed: PrintedPage) -> PageVariant:
        key = _variant_key(printed)
        variant = self._variants.get(key)
        if variant is None:
            try:
                variant = self._builder.build(printed)
            except NotStampable as reason:
                variant = reason.with_traceback(None)  # which would keep layouts in memory
            self._variants[key] = variant
            if len(self._variants) > _MAX_VARIANTS:
                self._variants.popitem(last=False)
        if isinstance(variant, NotStampable):
            raise NotStampable(variant.field, str(variant))
        return variant


def _needed(variant: PageVariant, slots: Sequence[bytes | PlacedText]) -> NeededGlyphs:
    """Return the glyphs that the fonts of the page do not have."""
    lines = [line for slot in slots if not isinstance(slot, bytes) for line in slot.glyphs]
    return needed_glyphs(lines, variant.widths) if lines else {}


def _variant_key(printed: PrintedPage) -> object:
    """Return what a page depends on: baked texts, and which of the others are there."""
    return (
        printed.event.key,
        printed.qr_side,
        tuple([name for name, text in printed.own_texts.items() if text]),
    )


@functools.lru_cache(maxsize=1024)
def _pdf_date(created: str) -> str:
    """Return `D:20261001033000Z` for `2026-10-01T03:30:00Z`."""
    return "D:" + created.translate({ord(letter): None for letter in "-:T"})
