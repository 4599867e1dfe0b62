"""Builds the variants of a page: lay out probes, check that they move nothing, write the file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ticketing.documents.printed_page import PrintedPage
from ticketing.documents.stamping.alphabets import alphabet_of
from ticketing.documents.stamping.operators import TextSlot
from ticketing.documents.stamping.page_family import BasePage, PageFamily, moved
from ticketing.documents.stamping.page_layout import LayoutMarker, MarkedLayout, places_of
from ticketing.documents.stamping.pair_table import SharedWidths
from ticketing.documents.stamping.pdf_prefix import (
    PageSource,
    PdfPrefix,
    build_prefix,
    page_source,
)
from ticketing.documents.stamping.slots import is_slot
from ticketing.documents.stamping.weasyprint_access import (
    PagePainter,
    object_of,
    operators_of,
    page_of,
    widths_of,
)
from ticketing.documents.weasyprint_engine import TemplatePdfWriter, compress_streams

_PROBE = "Ax"
_PROBES = {
    "email": "a@b.id",
    "ticketCode": "TC-2026-00000000",
    "generatedAt": "1 Okt 2026",
}
_PROBE_ENDINGS = ("i", "WW WW")  # a little longer, and much
_MAX_FAMILIES = 32
# what tells the fonts of slots apart
_STYLE_NAMES = ("font_family", "font_weight", "font_style", "font_size", "lang", "direction")


@dataclass(frozen=True, slots=True)
class PageVariant:
    """A page that is ready for tickets: the shared part of the file and the learnt slots.

    `slots` are the numbers of its texts in the order of drawing, None for the QR code; `widths` are
    those of the glyphs in its fonts.
    """

    base: BasePage
    prefix: PdfPrefix
    family: PageFamily
    slots: tuple[int | None, ...]
    widths: SharedWidths


class VariantBuilder:
    """Builds variants of one template. Not thread-safe."""

    def __init__(
        self, marker: LayoutMarker, painter: PagePainter, writer: TemplatePdfWriter
    ) -> None:
        """All are of the same template."""
        self._marker, self._painter, self._writer = marker, painter, writer
        self._families: dict[object, PageFamily] = {}

    def build(self, printed: PrintedPage) -> PageVariant:
        """Return the variant for a ticket. Raises NotStampable."""
        probes = _probes(printed.texts)
        layout = self._marker.lay_out(printed, probes, {})
        places = places_of(layout)
        self._require_fixed(printed, layout)
        shared, widths = self._add_alphabets(layout, printed)
        styles = tuple(_style_key(layout, number) for number in range(len(layout.marks)))
        family = self._family(places, styles, shared)
        prefix = self._write(layout, printed)
        base = BasePage(printed, probes, replace(layout, document=None, boxes={}), places)
        slots = tuple(
            slot.number if isinstance(slot, TextSlot) else None for slot in layout.parts.slots
        )
        return PageVariant(base, prefix, family, slots, widths)

    def _family(self, places: object, styles: object, shared: SharedWidths) -> PageFamily:
        glyphs = frozenset((font, code) for font, codes in shared.items() for code in codes)
        key = (places, styles, glyphs)
        family = self._families.get(key)
        if family is None:
            if len(self._families) >= _MAX_FAMILIES:
                self._families.clear()
            family = PageFamily(self._marker, self._painter, shared)
            self._families[key] = family
        return family

    def _require_fixed(self, printed: PrintedPage, base: MarkedLayout) -> None:
        """Raise NotStampable when shorter or longer texts move static content."""
        fields = sorted({mark.field for mark in base.marks})
        for ending in _PROBE_ENDINGS:
            if self._moves_static(printed, base, ending, fields):
                for field in fields:  # find out which one
                    if self._moves_static(printed, base, ending, [field]):
                        raise moved(field)
                raise moved(" or ".join(fields))

    def _moves_static(
        self, printed: PrintedPage, base: MarkedLayout, ending: str, fields: Sequence[str]
    ) -> bool:
        probes = _probes(printed.texts)
        longer = {field: probes[field] + ending for field in fields}
        other = self._marker.lay_out(printed, {**probes, **longer}, {})
        return other.parts.static != base.parts.static

    def _add_alphabets(
        self, layout: MarkedLayout, printed: PrintedPage
    ) -> tuple[SharedWidths, SharedWidths]:
        """Add alphabets to the fonts of the document; return their widths, and all widths.

        A glyph whose width is another one on the page, which depends on the size at which it was
        drawn first, is not shared.
        """
        page_fonts: dict[int, Any] = layout.document.fonts
        own_fonts: dict[int, Any] = {}
        with self._writer.warnings_as_errors():
            self._painter.paint_page(layout.document, page_fonts)  # first, as in a full render
            for number, mark in enumerate(layout.marks):
                alphabet = list(alphabet_of(mark.field, printed))
                for fonts in (page_fonts, own_fonts):
                    self._painter.draw_texts(layout.boxes[number][0], alphabet, fonts)
        page_widths, own_widths = widths_of(page_fonts), widths_of(own_fonts)
        shared = {
            font: {
                code: width for code, width in glyphs.items() if page_widths[font][code] == width
            }
            for font, glyphs in own_widths.items()
        }
        return shared, page_widths

    def _write(self, layout: MarkedLayout, printed: PrintedPage) -> PdfPrefix:
        prefixes = []

        def finish(document: object, pdf: Any) -> None:  # noqa: ANN401  # pydyf is untyped
            compress_streams(document, pdf)
            prefixes.append(build_prefix(pdf, layout.parts))

        layout.document.metadata.lang = printed.event.language["languageTag"]
        with self._writer.warnings_as_errors():
            layout.document.write_pdf(finisher=finish)
        return prefixes[0]


def source_of_document(document: Any) -> PageSource:  # noqa: ANN401  # weasyprint is untyped
    """Return the first page of a document as it is laid out, without slots."""
    pages = []

    def finish(document: object, pdf: Any) -> None:  # noqa: ANN401  # pydyf is untyped
        operators = operators_of(object_of(pdf, page_of(pdf)["Contents"]))
        compress_streams(document, pdf)
        pages.append(page_source(pdf, (b"\n".join(operators),)))

    document.write_pdf(finisher=finish)
    return pages[0]


def _probes(texts: Mapping[str, str]) -> dict[str, str]:
    """Return the texts of a ticket with a probe in each slot."""
    return {
        field: _PROBES.get(field, _PROBE) if text and is_slot(field) else text
        for field, text in texts.items()
    }


def _style_key(layout: MarkedLayout, number: int) -> object:
    style = layout.boxes[number][0].style
    return tuple(str(style[name]) for name in _STYLE_NAMES)
