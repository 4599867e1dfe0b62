"""All private calls of WeasyPrint that stamping needs.

The versions of WeasyPrint and pydyf are pinned. If another one changes such a call, the samples of
each template fail when it is compiled: every ticket is rendered in full, and `ticketing doctor`
warns, until this module is adapted.
"""

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ticketing.documents.stamping.operators import (
    fill_operator,
    glyphs_by_font,
    join_line,
)
from ticketing.documents.stamping.slots import SLOT_TAG, NotStampable


@dataclass(frozen=True, slots=True)
class Glyph:
    """Width of a glyph in thousandths of an em, and the characters it stands for."""

    width: int
    text: str


@dataclass(frozen=True, slots=True)
class ShapedLine:
    """A line as WeasyPrint draws it; sizes are in CSS pixels.

    `glyphs` are those of each font by its name, `rest` is the text that did not fit.
    """

    text: str
    operators: bytes
    width: float
    height: float
    baseline: float
    glyphs: dict[str, dict[int, Glyph]]
    rest: str


@dataclass(frozen=True, slots=True)
class SlotBox:
    """The boxes around a line of a slot: its text, line, block and element with `data-fit`."""

    text: Any
    line: Any
    block: Any
    fit: Any

    @property
    def style(self) -> Any:  # noqa: ANN401  # weasyprint is untyped
        """Return the computed style of the text."""
        return self.text.style


class PagePainter:
    """Paints laid out pages and single lines. Not thread-safe."""

    def __init__(self, stream: Any) -> None:  # noqa: ANN401  # weasyprint is untyped
        """`stream` is any page's stream: its constructor changes with each version."""
        self._stream = stream
        self.fonts: dict[int, Any] = {}
        self._scratch = self._new_stream(self.fonts)

    def _new_stream(self, fonts: dict[int, Any]) -> Any:  # noqa: ANN401  # weasyprint is untyped
        import pydyf  # noqa: PLC0415  # with WeasyPrint, which takes a second

        kinds = ("ExtGState", "XObject", "Pattern", "Shading")
        resources = pydyf.Dictionary({kind: pydyf.Dictionary() for kind in kinds})
        resources["ColorSpace"] = None
        return self._stream.clone(fonts=fonts, resources=resources, images={})

    def paint_page(self, document: Any, fonts: dict[int, Any] | None = None) -> list[bytes]:  # noqa: ANN401
        """Return the operators of the only page, without building fonts."""
        page = document.pages[0]
        stream = self._new_stream({} if fonts is None else fonts)
        stream.transform(d=-1, f=page.height * 0.75)
        page.paint(stream, 0.75)
        return operators_of(stream)

    def shape(self, style: Any, box: Any, text: str, room: float | None) -> ShapedLine:  # noqa: ANN401
        """Return as much of a text as fits on one line. Raises NotStampable for emoji."""
        from weasyprint.draw.text import draw_first_line  # noqa: PLC0415  # takes a second
        from weasyprint.matrix import Matrix  # noqa: PLC0415
        from weasyprint.text.line_break import split_first_line  # noqa: PLC0415

        layout, _, resume, width, height, baseline = split_first_line(text, style, None, room, 0)
        if not layout.text:
            raise NotStampable("", "a line without text")
        line = box.copy_with_text(layout.text)
        line.pango_layout, line.width = layout, width
        stream = self._clean_scratch()
        # `draw_text` without colour and decoration, which took two fifths of its time
        layout.reactivate(box.style)
        if draw_first_line(stream, line, "clip", "none", Matrix(d=-1)):
            raise NotStampable("", "an emoji is drawn as a picture")
        layout.deactivate()
        operators = join_line(operators_of(stream)[1:])  # without the text matrix
        rest = text.encode()[resume:].decode() if resume else ""
        glyphs = self._used_glyphs(operators)
        return ShapedLine(layout.text, operators, width, height, baseline, glyphs, rest)

    def draw_texts(self, box: SlotBox, texts: Iterable[str], fonts: dict[int, Any]) -> None:
        """Add the glyphs of texts in the style of a slot to fonts."""
        from weasyprint.draw.text import draw_text  # noqa: PLC0415  # takes a second
        from weasyprint.text.line_break import split_first_line  # noqa: PLC0415

        stream = self._new_stream(fonts)
        for text in texts:
            layout, *_ = split_first_line(text, box.style, None, None, 0)
            line = box.text.copy_with_text(layout.text)
            line.pango_layout = layout
            line.position_x = line.position_y = line.baseline = line.width = 0
            draw_text(stream, line, 0, "clip", "none")

    def _clean_scratch(self) -> Any:  # noqa: ANN401  # weasyprint is untyped
        """Return the stream as if it were new: a line must not depend on the lines before it."""
        scratch = self._scratch
        scratch.stream.clear()
        scratch._current_font = scratch._old_font = None  # noqa: SLF001
        scratch._current_color = scratch._current_alpha = None  # noqa: SLF001
        for font in self.fonts.values():
            font.widths, font.to_unicode = {}, {}
        return scratch

    def _used_glyphs(self, operators: bytes) -> dict[str, dict[int, Glyph]]:
        used = glyphs_by_font(operators)
        found: dict[str, dict[int, Glyph]] = {}
        for font in self.fonts.values():
            if font.hash not in used:
                continue
            font.file_content = b""  # a copy of up to 20 MB; the face is read from its file
            if any(code >= font.glyph_count for code in used[font.hash]):
                raise NotStampable("", "no font has a character")
            if font.bitmap or font.png or font.svg or font.colr or "fvar" in font.tables:
                raise NotStampable("", f"the font {font.family} has pictures or variations")
            found[font.hash] = {
                code: Glyph(font.widths[code], font.to_unicode.get(code, ""))
                for code in used[font.hash]
            }
        return found

    def font(self, name: str) -> Any:  # noqa: ANN401  # weasyprint is untyped
        """Return the font with this name in operators."""
        return next(font for font in self.fonts.values() if font.hash == name)


def glyph_advances(text: str, style: Any) -> list[int]:  # noqa: ANN401  # weasyprint is untyped
    """Return the advances of the glyphs of a line, in units of Pango."""
    from weasyprint.text.ffi import ffi  # noqa: PLC0415  # takes a second
    from weasyprint.text.line_break import create_layout  # noqa: PLC0415

    layout = create_layout(text, style, None, None, 0)
    first_line, _ = layout.get_first_line()
    advances: list[int] = []
    run = first_line.runs[0]
    while run != ffi.NULL:
        glyphs = run.data.glyphs
        advances += [glyph.geometry.width for glyph in glyphs.glyphs[0 : glyphs.num_glyphs]]
        run = run.next
    return advances


def operators_of(stream: Any) -> list[bytes]:  # noqa: ANN401  # weasyprint is untyped
    """Return the operators of a stream as bytes."""
    import pydyf  # noqa: PLC0415  # with WeasyPrint, which takes a second

    return [each if isinstance(each, bytes) else pydyf._to_bytes(each) for each in stream.stream]  # noqa: SLF001


def page_of(pdf: Any) -> Any:  # noqa: ANN401  # pydyf is untyped
    """Return the dictionary of the first page."""
    return pdf.objects[pdf.pages["Kids"][0]]


def object_of(pdf: Any, reference: Any) -> Any:  # noqa: ANN401  # pydyf is untyped
    """Return the object that a reference `7 0 R` names."""
    return pdf.objects[int(reference.split()[0])]


def resources_of(pdf: Any) -> dict[bytes, dict[bytes, bytes]]:  # noqa: ANN401  # pydyf is untyped
    """Return the resources of the first page by kind and name."""
    import pydyf  # noqa: PLC0415  # with WeasyPrint, which takes a second

    kinds = object_of(pdf, page_of(pdf)["Resources"]).items()
    return {
        kind.encode(): {
            name.encode(): pydyf._to_bytes(value)  # noqa: SLF001
            for name, value in (
                entries if hasattr(entries, "items") else object_of(pdf, entries)
            ).items()
        }
        for kind, entries in kinds
    }


def slot_boxes(document: Any) -> dict[int, list[SlotBox]]:  # noqa: ANN401
    """Return the text boxes of each slot, in the order of lines."""
    found: dict[int, list[SlotBox]] = {}
    _walk(document.pages[0]._page_box, (), found)  # noqa: SLF001
    return found


def _walk(box: Any, parents: tuple[Any, ...], found: dict[int, list[SlotBox]]) -> None:  # noqa: ANN401
    from weasyprint.formatting_structure import boxes  # noqa: PLC0415  # takes a second

    if isinstance(box, boxes.TextBox):
        slot = next((parent for parent in reversed(parents) if _is_slot_element(parent)), None)
        if slot is not None:
            number = int(slot.element.get("data-slot"))
            found.setdefault(number, []).append(_slot_box(box, parents))
        return
    for child in getattr(box, "children", ()):
        _walk(child, (*parents, box), found)


def _is_slot_element(box: Any) -> bool:  # noqa: ANN401  # weasyprint is untyped
    return box.element is not None and box.element_tag == SLOT_TAG


def _slot_box(text: Any, parents: tuple[Any, ...]) -> SlotBox:  # noqa: ANN401
    line_at = max(at for at, box in enumerate(parents) if type(box).__name__ == "LineBox")
    fit = next((box for box in reversed(parents) if _has_fit(box)), None)
    return SlotBox(text, parents[line_at], parents[line_at - 1], fit)


def _has_fit(box: Any) -> bool:  # noqa: ANN401  # weasyprint is untyped
    return (
        box.element is not None
        and box.element_tag == box.element.tag
        and type(box).__name__ != "LineBox"
        and box.element.get("data-fit") is not None
    )


def authors_fill(box: SlotBox) -> bytes:
    """Return the operator for the colour that the text has without the mark of its slot."""
    element_style = box.style.parent_style
    colour = element_style.parent_style["color"]
    if colour.alpha != 1 or colour.space not in {"srgb", "hsl", "hwb"}:
        raise NotStampable("", "its colour is transparent or not of the RGB space")
    return fill_operator(colour.to("srgb").coordinates)


def widths_of(fonts: dict[int, Any]) -> dict[str, dict[int, int]]:
    """Return the widths of the glyphs that were drawn, by name of the font."""
    return {
        font.hash: {code: font.widths[code] for code in font.to_unicode} for font in fonts.values()
    }


def face_address(font: Any) -> int:  # noqa: ANN401  # weasyprint is untyped
    """Return the address of a font's face in HarfBuzz."""
    from weasyprint.text.ffi import ffi  # noqa: PLC0415  # takes a second

    return int(ffi.cast("uintptr_t", font.hb_face))


@functools.cache
def page_stream() -> Any:  # noqa: ANN401  # weasyprint is untyped
    """Return the stream of some page, to be cloned."""
    import weasyprint  # noqa: PLC0415  # takes a second

    streams = []

    def keep(_document: object, pdf: Any) -> None:  # noqa: ANN401  # pydyf is untyped
        streams.append(object_of(pdf, page_of(pdf)["Contents"]))

    weasyprint.HTML(string="").render().write_pdf(finisher=keep)
    return streams[0]


def vertical_extent(font: Any) -> tuple[int, int]:  # noqa: ANN401  # weasyprint is untyped
    """Return ascent and descent of a font in thousandths of an em.

    WeasyPrint's own are rounded at the size at which the font was used first.
    """
    from weasyprint.text.ffi import ffi, harfbuzz  # noqa: PLC0415  # takes a second

    tag = harfbuzz.hb_tag_from_string(b"hhea", -1)
    table = harfbuzz.hb_face_reference_table(font.hb_face, tag)
    data = ffi.unpack(
        harfbuzz.hb_blob_get_data(table, ffi.NULL), harfbuzz.hb_blob_get_length(table)
    )
    harfbuzz.hb_blob_destroy(table)
    ascent, descent = (int.from_bytes(data[at : at + 2], signed=True) for at in (4, 6))
    return round(ascent * 1000 / font.upem), round(descent * 1000 / font.upem)
