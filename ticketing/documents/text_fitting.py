"""Choose the font size at which a text fits its box on the ticket, by arithmetic without layout.

The estimate errs on the small side. The preflight check and rendering use the same estimate, so
they cannot disagree about a text.
"""

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass

PT_PER_MM = 72 / 25.4
STEP_PT = 0.5
WIDTH_SAFETY_FACTOR = 0.97  # of the width: kerning and rounding are not in the sum of advances
SINGLE_LINE_MIN_RATIO = 0.7  # a name this much smaller on one line looks better than on two
# Least line height by script, as a multiple of the font size: the ink of the Noto fonts from the
# highest to the lowest mark. At less, the descenders of a line touch the next one.
_LINE_HEIGHTS = (
    (2.8, re.compile("[\u0f00-\u0fff]")),  # Tibetan
    (2.2, re.compile("[\u1000-\u109f\u1b00-\u1b7f\ua980-\ua9df\ua9e0-\ua9ff\uaa60-\uaa7f]")),
    (1.9, re.compile("[\u0c80-\u0cff\u1780-\u17ff]")),  # Kannada, Khmer
    (1.55, re.compile("[\u0590-\u0eff\u1880-\u1bff\uaa00-\uaa5f\U00010a00-\U00011fff]")),
)
_WIDE = "\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7ff\uf900-\ufaff\ufe30-\uffef\U00020000-\U0003ffff"
# wide characters (Han, kana, hangul) may be split anywhere, other words at blanks
_ATOMS = re.compile(f"[{_WIDE}]| +|[^ {_WIDE}]+")


@dataclass(frozen=True, slots=True)
class TextBox:
    """The box of a field on the ticket, and its range of font sizes."""

    field: str
    width_mm: float
    height_mm: float
    largest_pt: float
    smallest_pt: float
    leading: float  # line height as a multiple of the font size
    face: str  # in fontconfig's syntax: `Noto Sans:bold`


def fit_font_size(text: str, box: TextBox, em_width: Callable[[str], float]) -> float | None:
    """Return the largest size in points at which the text fits its box, or None.

    `em` returns a character's width. One line is preferred, then whole words on several lines; a
    word is split only if nothing else fits.
    """
    width, height = box.width_mm * PT_PER_MM * WIDTH_SAFETY_FACTOR, box.height_mm * PT_PER_MM
    total = sum(map(em_width, text))
    sizes = _sizes(box.largest_pt, box.smallest_pt)
    leading = line_height(text, box.leading)
    for size in sizes:
        if size < box.largest_pt * SINGLE_LINE_MIN_RATIO:
            break
        if total * size <= width and size * leading <= height:
            return size
    atoms = [(atom.isspace(), sum(map(em_width, atom))) for atom in _ATOMS.findall(text)]
    for parting in (False, True):
        for size in sizes:
            lines = _lines(atoms, width / size, break_words=parting)
            if lines is not None and lines * size * leading <= height:
                return size
    return None


def line_height(text: str, leading: float) -> float:
    """Return the line height of a text, at least `leading`, as a multiple of the font size."""
    if text.isascii():
        return leading
    least = next((height for height, script in _LINE_HEIGHTS if script.search(text)), leading)
    return max(least, leading)


@functools.cache
def _sizes(largest_pt: float, smallest_pt: float) -> tuple[float, ...]:
    steps = int((largest_pt - smallest_pt) / STEP_PT)
    return tuple(largest_pt - STEP_PT * step for step in range(steps + 1))


def _lines(atoms: list[tuple[bool, float]], limit: float, *, break_words: bool) -> int | None:
    """Return the number of lines, or None when a word is wider than a line and not split."""
    lines, used = 1, 0.0
    for blank, width in atoms:
        if used + width <= limit:
            used += width
        elif blank:
            used = limit  # a blank may overhang at the end of a line
        elif width <= limit:
            lines, used = lines + 1, width
        elif break_words:
            # a character that no longer fits leaves up to one em unused on each line
            full, rest = divmod(width, max(limit - 1, 1))
            lines, used = lines + 1 + int(full), rest
        else:
            return None
    return lines
