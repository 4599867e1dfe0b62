"""Operators of a page and of its texts, as WeasyPrint writes them; pure functions."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ticketing.documents.stamping.slots import NotStampable, SlotMark, marker_colour

BEGIN_TEXT, END_TEXT = b"BT", b"ET"
_TEXT_MATRIX = re.compile(rb"1 0 0 -1 (\S+) (\S+) Tm")
_FONT = re.compile(rb"/(\S+) (\S+) Tf")
_NO_KERNING = re.compile(rb"><|>-?0<")
_KERNING_AT_END = re.compile(rb">-?0\]|>-?[0-9.]+\](?= TJ\Z)")  # nothing is drawn after it
_CODE_DIGITS = 4
# a font is chosen, or a string of glyph codes is shown
_FONT_OR_CODES = re.compile(rb"/(\w+) (\S+) Tf|<([0-9a-f]*)>")


@dataclass(frozen=True, slots=True)
class DrawnLine:
    """A line of a slot: where it begins, and its operators."""

    x: float
    y: bytes
    operators: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class TextSlot:
    """A slot with a text; `number` is that of its mark."""

    number: int
    lines: tuple[DrawnLine, ...]


class QrSlot:
    """A slot with the dark modules of the QR code."""


@dataclass(frozen=True, slots=True)
class PageParts:
    """A page cut at its slots: as many slots as boundaries between `static` operators."""

    static: tuple[bytes, ...]
    slots: tuple[TextSlot | QrSlot, ...]


def split_page(
    operators: Sequence[bytes], marks: Sequence[SlotMark], qr_operator: bytes
) -> PageParts:
    """Cut the operators of a page at the colours that mark slots.

    `qr_operator` draws the ground of a QR code and an empty path of modules. Raises NotStampable
    for a slot that is not drawn exactly once as text.
    """
    numbers = {_colour_operator(marker_colour(n), 255): n for n in range(len(marks))}
    static: list[bytes] = []
    slots: list[TextSlot | QrSlot] = []
    parts, at = [], 0
    while at < len(operators):
        operator = operators[at]
        if operator == qr_operator:
            static.append(operator.removesuffix(b" f"))
            slots.append(QrSlot())
            at += 1
        elif operator in numbers:
            slot, at = _read_text_slot(operators, at + 1, numbers[operator], marks)
            slots.append(slot)
        else:
            static.append(operator)
            at += 1
            continue
        parts.append(b"\n".join(static))
        static = []
    parts.append(b"\n".join(static))
    _require_each_once(slots, marks)
    return PageParts(tuple(parts), tuple(slots))


def _read_text_slot(
    operators: Sequence[bytes], at: int, number: int, marks: Sequence[SlotMark]
) -> tuple[TextSlot, int]:
    if operators[at : at + 1] != [BEGIN_TEXT]:
        field = marks[number].field
        raise NotStampable(field, f"{field} draws more than its text; remove its decoration")
    end = operators.index(END_TEXT, at)
    return TextSlot(number, tuple(_read_lines(operators[at + 1 : end]))), end + 1


def _read_lines(operators: Sequence[bytes]) -> Iterator[DrawnLine]:
    begins = [at for at, operator in enumerate(operators) if _TEXT_MATRIX.fullmatch(operator)]
    for begin, end in pairwise([*begins, len(operators)]):
        x, y = _TEXT_MATRIX.fullmatch(operators[begin]).groups()  # type: ignore[union-attr]
        yield DrawnLine(float(x), y, tuple(operators[begin + 1 : end]))


def _require_each_once(slots: Iterable[TextSlot | QrSlot], marks: Sequence[SlotMark]) -> None:
    drawn = [slot.number for slot in slots if isinstance(slot, TextSlot)]
    for number, mark in enumerate(marks):
        if drawn.count(number) != 1:
            raise NotStampable(
                mark.field,
                f"{mark.field} is hidden, transparent, in an attribute or in a title; print it as"
                " visible text",
            )
    if not any(isinstance(slot, QrSlot) for slot in slots):
        raise NotStampable("qr", "the QR code is not drawn straight onto the page; use {{ qr }}")


def _colour_operator(colour: Iterable[float], whole: float) -> bytes:
    return b"%s rg" % b" ".join(number_operand(channel / whole) for channel in colour)


def fill_operator(colour: Iterable[float]) -> bytes:
    """Return the operator that fills with a colour; channels are from 0 to 1."""
    return _colour_operator(colour, 1)


def number_operand(number: float) -> bytes:
    """Return a number as pydyf writes it."""
    if number == int(number):
        return b"%d" % int(number)
    return f"{number:f}".rstrip("0").encode()


def join_line(operators: Iterable[bytes]) -> bytes:
    """Return the operators of a line as one, without kerning that moves nothing."""
    return _KERNING_AT_END.sub(b">]", _NO_KERNING.sub(b"", b" ".join(operators)))


def same_line(
    drawn: DrawnLine, operators: bytes, previous_font: tuple[bytes, bytes] | None
) -> bool:
    """Return whether a line of the page has these operators; it may inherit the font."""
    line = join_line(drawn.operators)
    if previous_font and not _FONT.match(line):
        line = b"/%s %s Tf %s" % (*previous_font, line)
    return line == operators


def last_font(operators: bytes) -> tuple[bytes, bytes] | None:
    """Return name and size of the font in which a line ends."""
    fonts = _FONT.findall(operators)
    return fonts[-1] if fonts else None


def glyphs_by_font(operators: bytes) -> dict[str, set[int]]:
    """Return the glyph codes that a line shows, by the name of the font."""
    used: dict[str, set[int]] = {}
    shown = set[int]()
    for name, _, codes in _FONT_OR_CODES.findall(operators):
        if name:
            shown = used.setdefault(name.decode(), set())
        shown.update(int(code, 16) for code in _split_codes(codes))
    return used


def replace_fonts(operators: bytes, fonts: dict[str, tuple[bytes, dict[int, int]]]) -> bytes:
    """Return a line with other fonts: `fonts` has the new name and codes by the old name."""
    codes_of: dict[int, int] | None = None

    def replacement(match: re.Match[bytes]) -> bytes:
        nonlocal codes_of
        if match[1]:
            name, codes_of = fonts.get(match[1].decode(), (match[1], None))
            return b"/%s %s Tf" % (name, match[2])
        if codes_of is None:
            return match[0]
        new = (b"%04x" % codes_of[int(code, 16)] for code in _split_codes(match[3]))
        return b"<%s>" % b"".join(new)

    return _FONT_OR_CODES.sub(replacement, operators)


def _split_codes(codes: bytes) -> Iterator[bytes]:
    return (codes[at : at + _CODE_DIGITS] for at in range(0, len(codes), _CODE_DIGITS))
