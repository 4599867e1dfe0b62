"""Stamp tickets of one template: the fast way to the same picture as a full render."""

import functools
from collections import OrderedDict
from collections.abc import Mapping

from ticketing.documents.engine_version import engine_name
from ticketing.documents.printed_page import PrintedPage
from ticketing.documents.rendered_ticket import RenderedTicket
from ticketing.documents.stamping.operators import QrSlot
from ticketing.documents.stamping.page_family import PlacedText
from ticketing.documents.stamping.page_layout import LayoutMarker
from ticketing.documents.stamping.pair_table import SetLine
from ticketing.documents.stamping.pdf_tail import DocumentInformation, ExtraFonts, write_tail
from ticketing.documents.stamping.qr_stream import QrStreams
from ticketing.documents.stamping.slots import NotStampable
from ticketing.documents.stamping.ticket_fonts import FontNames, FontSource, embed_fonts
from ticketing.documents.stamping.variant_builder import PageVariant, VariantBuilder
from ticketing.documents.stamping.weasyprint_access import PagePainter, page_stream
from ticketing.documents.template_html import TicketHtmlTemplate
from ticketing.documents.weasyprint_engine import TemplatePdfWriter

_MAX_VARIANTS = 256


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
        placed = {
            number: variant.family.place(variant.base, number, printed.own_texts[mark.field])
            for number, mark in enumerate(variant.base.layout.marks)
        }
        tail = self._tail(variant, printed, placed, identifier)
        prefix = variant.prefix
        digest = prefix.digest.copy()  # saves four fifths of the time of hashing a file
        digest.update(tail)
        return RenderedTicket(prefix.content, tail, digest.hexdigest(), in_full=False)

    def can_mark(self, printed: PrintedPage) -> bool:
        """Return whether the slots of the page of a ticket can be marked."""
        try:
            self._variant(printed)
        except NotStampable:
            return False
        return True

    def _tail(
        self,
        variant: PageVariant,
        printed: PrintedPage,
        placed: Mapping[int, PlacedText],
        identifier: str,
    ) -> bytes:
        fonts: ExtraFonts | None = None
        names: FontNames = {}
        lines = [line for each in placed.values() for line in each.lines if line.glyphs]
        if lines:
            fonts, names = self._ticket_fonts(variant, lines)
        streams = [
            self.codes.stream(printed.qr_text)
            if isinstance(slot, QrSlot)
            else placed[slot.number].operators(names)
            for slot in variant.slots
        ]
        information = DocumentInformation(
            engine_name(), printed.title, printed.event.texts["eventName"],
            printed.own_texts["ticketCode"], _pdf_date(printed.created),
        )  # fmt: skip
        return write_tail(variant.prefix, streams, information, identifier, fonts)

    def _ticket_fonts(
        self, variant: PageVariant, lines: list[SetLine]
    ) -> tuple[ExtraFonts, FontNames]:
        """Return fonts for the lines with glyphs that the fonts of the page do not have."""
        for name in {name for line in lines for name in line.glyphs or ()}:
            if name not in self._sources:
                self._sources[name] = FontSource(self._painter.font(name))
        return embed_fonts(lines, self._sources, variant.prefix.next_free, variant.widths)

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
