"""Small fonts of one ticket for the glyphs that the shared fonts of the variant do not have."""

import functools
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

from ticketing.documents.stamping.cff_charset import renumber_cids
from ticketing.documents.stamping.harfbuzz_subset import SubsettableFace
from ticketing.documents.stamping.pair_table import LineGlyphs, SharedWidths
from ticketing.documents.stamping.pdf_prefix import stream_object
from ticketing.documents.stamping.pdf_tail import ExtraFonts
from ticketing.documents.stamping.slots import NotStampable
from ticketing.documents.stamping.weasyprint_access import Glyph, face_address, vertical_extent

FontNames = dict[str, tuple[bytes, dict[int, int]]]  # new name and codes by the old name
NeededGlyphs = dict[str, dict[int, Glyph]]  # by font and code
_COMPRESSION = 6
_SMALL_FONT_BYTES = 4096
_OBJECTS_A_FONT = 5
_OPENTYPE_WITH_CFF = b"OTTO"
_CODES_A_BLOCK = 100  # of a character map


class FontSource:
    """An installed face of which tickets take glyphs."""

    def __init__(self, font: Any) -> None:  # noqa: ANN401  # weasyprint is untyped
        """`font` is WeasyPrint's."""
        self._font = font
        self._extent = vertical_extent(font)
        self._face = SubsettableFace(face_address(font), font.glyph_count)

    def embed(self, number: int, glyphs: Mapping[int, Glyph]) -> tuple[list[bytes], dict[int, int]]:
        """Return the objects of a font from this number on, and its codes by glyph."""
        subset = self._face.subset(glyphs)
        is_cff = subset.content.startswith(_OPENTYPE_WITH_CFF)
        content = renumber_cids(subset.content) if is_cff else subset.content
        by_code = {subset.numbers[glyph]: each for glyph, each in glyphs.items()}
        objects = self._objects(number, content, dict(sorted(by_code.items())), is_cff=is_cff)
        return objects, subset.numbers

    def _objects(
        self, number: int, content: bytes, glyphs: Mapping[int, Glyph], *, is_cff: bool
    ) -> list[bytes]:
        file, descriptor, descendant, character_map, font = range(number, number + _OBJECTS_A_FONT)
        kind = b"/Subtype/OpenType" if is_cff else b"/Length1 %d" % len(content)
        widths = b"".join(b"%d[%d]" % (code, glyph.width) for code, glyph in glyphs.items())
        return [
            _font_file(file, kind, content),
            self._descriptor(descriptor, b"/FontFile%d %d 0 R" % (3 if is_cff else 2, file)),
            b"%d 0 obj\n<</Type/Font/Subtype/CIDFontType%d/BaseFont%s/CIDSystemInfo<</Registry"
            b"(Adobe)/Ordering(Identity)/Supplement 0>>/CIDToGIDMap/Identity/W[%s]"
            b"/FontDescriptor %d 0 R>>\nendobj\n"
            % (descendant, 0 if is_cff else 2, self._font.name, widths, descriptor),
            stream_object(character_map, b"", _character_map(glyphs)),  # short
            b"%d 0 obj\n<</Type/Font/Subtype/Type0/BaseFont%s/ToUnicode %d 0 R"
            b"/Encoding/Identity-H/DescendantFonts[%d 0 R]>>\nendobj\n"
            % (font, self._font.name, character_map, descendant),
        ]

    def _descriptor(self, number: int, file: bytes) -> bytes:
        font, (ascent, descent) = self._font, self._extent
        return (
            b"%d 0 obj\n<</Type/FontDescriptor/FontName%s/Flags %d/FontBBox[0 %d 1000 %d]"
            b"/ItalicAngle 0/Ascent %d/Descent %d/CapHeight %d/StemV 80/StemH 80%s>>\nendobj\n"
            % (number, font.name, font.flags, descent, ascent, ascent, descent, ascent, file)
        )


def needed_glyphs(lines: Iterable[LineGlyphs], page_widths: SharedWidths) -> NeededGlyphs:
    """Return the glyphs of all lines together.

    `page_widths` are the widths of the glyphs that are on the page already.
    Raises NotStampable when a glyph has two widths, which depends on what a page draws first.
    """
    needed: NeededGlyphs = {}
    for line in lines:
        for font, glyphs in line.items():
            known = needed.setdefault(font, {})
            for code, glyph in glyphs.items():
                on_page = page_widths.get(font, {}).get(code, glyph.width)
                if known.setdefault(code, glyph).width != glyph.width or on_page != glyph.width:
                    raise NotStampable("", "a glyph has another width at another size")
    return needed


def embed_fonts(
    needed: NeededGlyphs, sources: Mapping[str, FontSource], number: int, first_name: int = 0
) -> tuple[ExtraFonts, FontNames]:
    """Return fonts as objects from `number` on, and their names, which count from `first_name`."""
    objects: list[bytes] = []
    names: FontNames = {}
    references = []
    for at, (font, glyphs) in enumerate(needed.items(), first_name):
        added, codes = sources[font].embed(number + len(objects), glyphs)
        objects += added
        name = b"T%d" % at
        names[font] = name, codes
        references.append(b"/%s %d 0 R" % (name, number + len(objects) - 1))
    return ExtraFonts(objects, b"".join(references)), names


def _font_file(number: int, dictionary: bytes, content: bytes) -> bytes:
    """Return the object of a font file, a small one as it is: packing it takes 40 us."""
    if len(content) <= _SMALL_FONT_BYTES:
        return stream_object(number, dictionary, content)
    packed = zlib.compress(content, _COMPRESSION)
    return stream_object(number, dictionary + b"/Filter/FlateDecode", packed)


def _character_map(glyphs: Mapping[int, Glyph]) -> bytes:
    """Return the characters of codes, for search and copying."""
    rows = [
        b"<%04x><%s>\n" % (code, _hexadecimal(glyph.text))
        for code, glyph in glyphs.items()
        if glyph.text
    ]
    blocks = [rows[at : at + _CODES_A_BLOCK] for at in range(0, len(rows), _CODES_A_BLOCK)]
    return (
        b"/CIDInit/ProcSet findresource begin 12 dict begin begincmap/CIDSystemInfo<</Registry"
        b"(Adobe)/Ordering(UCS)/Supplement 0>>def/CMapName/Adobe-Identity-UCS def/CMapType 2 def"
        b" 1 begincodespacerange<0000><ffff>endcodespacerange\n%sendcmap CMapName currentdict/CMap"
        b" defineresource pop end end"
        % b"".join(
            b"%d beginbfchar\n%sendbfchar\n" % (len(block), b"".join(block)) for block in blocks
        )
    )


@functools.lru_cache(maxsize=4096)
def _hexadecimal(text: str) -> bytes:
    return text.encode("utf-16-be").hex().encode()
