"""Texts set from a table of letter pairs, which takes a tenth of the time of Pango.

Nearly every Latin text is drawn so that code and advance of a letter depend on the letter after it
alone. The table learns from lines that Pango has set; a pair that is met with two results, which
contextual features of a font could give, ends the use of the table.
"""

import functools
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from operator import add
from typing import NamedTuple

from ticketing.documents.stamping.weasyprint_access import Glyph, ShapedLine

SharedWidths = Mapping[str, Mapping[int, int]]  # by name of the font and glyph
LineGlyphs = Mapping[str, Mapping[int, Glyph]]  # by name of the font and code
UNITS_PER_PX = 1024  # of Pango
_END = "\0"  # stands after the last letter of a line
_PLAIN_LINE = re.compile(rb"(/\w+ \S+ Tf )\[<([0-9a-f><-]*)>\] TJ")
_LETTER = re.compile(rb"([0-9a-f]{4})(?:>(-?\d+)<)?")
_MAX_PAIRS = 5_000
# Unicode allows no line break beside these, other than at blanks
_UNBREAKABLE = frozenset("'\u2019.,")


class SetLine(NamedTuple):  # is made three times as fast as a frozen dataclass
    """A line ready to be placed; `glyphs` are None when the shared fonts draw all of them."""

    operators: bytes
    width: float
    metrics: tuple[float, float]  # height and baseline
    glyphs: LineGlyphs | None = None


class PairTable:
    """Letter pairs of one font at one size."""

    def __init__(self, shared: SharedWidths) -> None:
        """`shared` has the widths of the glyphs in the shared fonts, by name of the font."""
        self._shared = shared
        self._codes: dict[str, bytes] = {}
        self._advances: dict[str, int] = {}
        self._head = b""
        self.metrics = (0.0, 0.0)
        self._is_usable = True

    def set_lines(self, text: str, room: float) -> list[SetLine] | None:
        """Return the lines of a text, or None when Pango must set it."""
        line = self.set_line(text, room)
        if line is not None:
            width, operators = line
            return [SetLine(operators, width, self.metrics)]
        pairs = list(map(add, text, text[1:] + _END))
        if not all(map(self._advances.__contains__, pairs)):
            return None
        codes = list(map(self._codes.__getitem__, pairs))
        return self._broken(text, codes, list(map(self._advances.__getitem__, pairs)), room)

    def set_line(self, text: str, room: float) -> tuple[float, bytes] | None:
        """Return width and operators of a text on one line, or None when it does not fit there."""
        pairs = list(map(add, text, text[1:] + _END))
        try:
            width = sum(map(self._advances.__getitem__, pairs)) / UNITS_PER_PX
        except KeyError:
            return None
        if width > room:
            return None
        return width, b"%s[<%s>] TJ" % (self._head, b"".join(map(self._codes.__getitem__, pairs)))

    def _broken(
        self, text: str, codes: Sequence[bytes], advances: Sequence[int], room: float
    ) -> list[SetLine] | None:
        """Break at blanks, as many words on a line as fit."""
        if not _breaks_at_blanks(text):
            return None
        ends = [at for at, letter in enumerate(text) if letter == " "] + [len(text)]
        sums = [0, *accumulate(advances)]
        lines: list[SetLine] = []
        begin, fitting = 0, None
        for end in ends:
            line = self._measured(text, sums, begin, end)
            if line is None:
                return None
            if line > room and fitting is not None:
                lines.append(self._part(text, codes, begin, *fitting))
                begin = fitting[0] + 1
                line = self._measured(text, sums, begin, end)
            if line is None or line > room:
                return None  # a word is wider than the line
            fitting = end, line
        if fitting is not None:
            lines.append(self._part(text, codes, begin, *fitting))
        return lines

    def _measured(self, text: str, sums: Sequence[int], begin: int, end: int) -> float | None:
        last = self._advances.get(text[end - 1] + _END)
        return None if last is None else (sums[end - 1] - sums[begin] + last) / UNITS_PER_PX

    def _part(
        self, text: str, codes: Sequence[bytes], begin: int, end: int, width: float
    ) -> SetLine:
        return self._line([*codes[begin : end - 1], self._codes[text[end - 1] + _END]], width)

    def _line(self, codes: Iterable[bytes], width: float) -> SetLine:
        return SetLine(b"%s[<%s>] TJ" % (self._head, b"".join(codes)), width, self.metrics)

    def learn(self, text: str, line: ShapedLine, advances: Sequence[int]) -> None:
        """Learn the pairs of a line that Pango has set."""
        letters = self._letters(text, line, advances)
        if letters is None:
            return
        if len(self._codes) > _MAX_PAIRS:
            self._codes.clear()
            self._advances.clear()
        for pair, code, advance in zip(
            map(add, text, text[1:] + _END), letters, advances, strict=True
        ):
            if self._codes.setdefault(pair, code) != code or (
                self._advances.setdefault(pair, advance) != advance
            ):
                self._is_usable = False
                self._advances.clear()
                return

    def _letters(self, text: str, line: ShapedLine, advances: Sequence[int]) -> list[bytes] | None:
        """Return the operator of each letter, or None unless letter and glyph correspond."""
        plain = _PLAIN_LINE.fullmatch(line.operators)
        if not self._is_usable or plain is None or not all(map(is_plain_letter, text)):
            return None
        codes = [(match[1], match[0]) for match in _LETTER.finditer(plain[2])]
        (font,) = line.glyphs
        glyphs, shared = line.glyphs[font], self._shared.get(font, {})
        if len(codes) != len(text) or sum(advances) / UNITS_PER_PX != line.width:
            return None
        for letter, (code, _) in zip(text, codes, strict=True):
            glyph = glyphs[int(code, 16)]
            if glyph.text != letter or shared.get(int(code, 16)) != glyph.width:
                return None
        metrics = line.height, line.baseline
        if self._head and (self._head, self.metrics) != (plain[1], metrics):
            return None
        self._head, self.metrics = plain[1], metrics
        return [operator for _, operator in codes]


@functools.lru_cache(maxsize=4096)
def is_plain_letter(character: str) -> bool:
    """Return whether the character is Latin or of no script, and joins with no other."""
    category = unicodedata.category(character)
    if category[0] == "L":
        return unicodedata.name(character, "").startswith("LATIN ")
    return category in {"Nd", "Zs", "Pd", "Ps", "Pe", "Po", "Pi", "Pf", "Sm", "Sc"}


def _breaks_at_blanks(text: str) -> bool:
    return all(letter == " " or letter in _UNBREAKABLE or letter.isalpha() for letter in text)
