"""Sets the texts of one slot at one font size to lines of operators."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from ticketing.documents.stamping.operators import number_operand, replace_fonts
from ticketing.documents.stamping.pair_table import (
    LineGlyphs,
    PairTable,
    SetLine,
    SharedWidths,
    is_plain_letter,
)
from ticketing.documents.stamping.placement import SlotPlace
from ticketing.documents.stamping.slots import NotStampable
from ticketing.documents.stamping.ticket_fonts import FontNames
from ticketing.documents.stamping.weasyprint_access import (
    PagePainter,
    ShapedLine,
    SlotBox,
    authors_fill,
    glyph_advances,
)

Metrics = tuple[tuple[float, float], ...]  # height and baseline of each line
# baselines of the lines, or None where the text overflows, or why it cannot be stamped
Geometry = tuple[bytes, ...] | None | NotStampable
_MAX_LINES = 20


class PlacedText(NamedTuple):  # is made three times as fast as a frozen dataclass
    """A slot with glyphs that the page lacks: parts of its operators, and the glyphs of a line."""

    parts: tuple[tuple[bytes, LineGlyphs | None], ...]

    @property
    def glyphs(self) -> list[LineGlyphs]:
        """Return the glyphs that the fonts of the page do not have."""
        return [glyphs for _, glyphs in self.parts if glyphs]

    def operators(self, names: FontNames) -> bytes:
        """Return the operators of the slot, with fonts of the ticket by these names."""
        return b" ".join(
            [replace_fonts(part, names) if glyphs else part for part, glyphs in self.parts]
        )


class TextSetter:
    """A slot at one size: its style, its place, and what is known of its letters."""

    def __init__(
        self, box: SlotBox, place: SlotPlace, painter: PagePainter, shared: SharedWidths
    ) -> None:
        """`box` is of a layout with a text at this size."""
        self.place, self.fill = place, authors_fill(box)
        # the same for all texts that begin at the left
        self._left = None if place.share else number_operand(place.left)
        self.geometries: dict[Metrics, Geometry] = {}
        self._style: Any = box.style
        self._box, self._painter, self._shared = box.text, painter, shared
        plain = (
            self._style["direction"] == "ltr"
            and self._style["letter_spacing"] in {"normal", 0}
            and self._style["word_spacing"] == 0
            and self._style["white_space"] == self._style["word_break"] == "normal"
        )
        self._pairs = PairTable(shared) if plain else None

    def draw(self, lines: Sequence[SetLine], baselines: Sequence[bytes]) -> bytes | PlacedText:
        """Return the operators of lines on these baselines."""
        drawn = [
            (b"1 0 0 -1 %s %s Tm %s" % (self._x(line.width), baseline, line.operators), line.glyphs)
            for line, baseline in zip(lines, baselines, strict=True)
        ]
        if any(glyphs for _, glyphs in drawn):
            return PlacedText(((self.fill + b" BT", None), *drawn, (b"ET", None)))
        joined = b" ".join([operators for operators, _ in drawn])
        return b"%s BT %s ET" % (self.fill, joined)

    def draw_line(self, text: str) -> bytes | None:
        """Return the operators of a text on one line of known letters, or None for another one.

        It is what `set_lines` and `draw` return for nine texts of ten, in a third of the time.
        """
        pairs = self._pairs
        geometry = self.geometries.get((pairs.metrics,)) if pairs is not None else None
        if pairs is None or type(geometry) is not tuple:
            return None
        line = pairs.set_line(text, self.place.room)
        if line is None:
            return None
        width, shown = line
        return b"%s BT 1 0 0 -1 %s %s Tm %s ET" % (self.fill, self._x(width), geometry[0], shown)

    def _x(self, width: float) -> bytes:
        """Return where a line of this width begins, as an operand."""
        return self._left or number_operand(self.place.x_of(width))

    def set_lines(self, text: str) -> list[SetLine]:
        """Return the lines of a text. Raises NotStampable when they leave their place."""
        if self._pairs is not None:
            lines = self._pairs.set_lines(text, self.place.room)
            if lines is not None:
                return lines
        return [self._line(each) for each in self._shape(text)]

    def _shape(self, text: str) -> list[ShapedLine]:
        """Return the lines as Pango sets them."""
        lines: list[ShapedLine] = []
        rest = text
        while rest:
            line = self._painter.shape(self._style, self._box, rest, self.place.room)
            if line.width > self.place.room or len(lines) == _MAX_LINES:
                raise NotStampable("", "a line is wider than its place")
            lines.append(line)
            self._learn(line)
            rest = line.rest
        if self._pairs is not None and len(lines) > 1 and all(map(is_plain_letter, text)):
            # any word may end a line of another text, and no line has the pairs around blanks
            for part in (text, *text.split(" ")):
                self._learn(self._painter.shape(self._style, self._box, part, None))
        return lines

    def _learn(self, line: ShapedLine) -> None:
        if self._pairs is not None and all(map(is_plain_letter, line.text)):
            advances = glyph_advances(line.text, self._style)
            self._pairs.learn(line.text, line, advances)

    def _line(self, line: ShapedLine) -> SetLine:
        return SetLine(
            line.operators,
            line.width,
            (line.height, line.baseline),
            None if self._is_shared(line) else line.glyphs,
        )

    def _is_shared(self, line: ShapedLine) -> bool:
        """Return whether the shared fonts have all glyphs, with the widths of this line."""
        return all(
            self._shared.get(font, {}).get(code) == glyph.width
            for font, glyphs in line.glyphs.items()
            for code, glyph in glyphs.items()
        )
