"""Number the glyphs of a subset of an OpenType font with PostScript outlines one by one.

In such fonts of Chinese, Japanese and Korean a glyph has an index and, in the table `charset`, a
character identifier (CID). Some viewers look for one and some for the other, so both must be equal.
The format is in Adobe's Technical Note 5176.
"""

from collections.abc import Iterator
from itertools import pairwise

_CFF_TAG = b"CFF "
_CHARSET, _ROS = 15, (12, 30)  # operators of the dictionary of a font
_PREDEFINED_CHARSETS = 2  # offsets up to this one are names of charsets
_SINGLE, _RANGES_OF_256, _RANGES = 0, 1, 2  # formats of a charset
_FIRST_RANGE_BYTES = 2


def renumber_cids(font: bytes) -> bytes:
    """Return the font with CIDs equal to indexes; a font without CIDs is unchanged."""
    begin, length = _table(font)
    table = bytearray(font[begin : begin + length])
    top = dict(_operators(_top_dictionary(bytes(table))))
    charset = top.get(_CHARSET, 0)
    if _ROS not in top or charset <= _PREDEFINED_CHARSETS:
        return font
    _write_identity(table, charset, _glyph_count(font))
    return font[:begin] + bytes(table) + font[begin + length :]


def _table(font: bytes, tag: bytes = _CFF_TAG) -> tuple[int, int]:
    """Return offset and length of a table of the font."""
    count = int.from_bytes(font[4:6])
    for at in range(12, 12 + 16 * count, 16):
        if font[at : at + 4] == tag:
            return int.from_bytes(font[at + 8 : at + 12]), int.from_bytes(font[at + 12 : at + 16])
    raise ValueError(f"the font has no table {tag.decode()!r}")


def _glyph_count(font: bytes) -> int:
    begin, _ = _table(font, b"maxp")
    return int.from_bytes(font[begin + 4 : begin + 6])


def _top_dictionary(table: bytes) -> bytes:
    """Return the dictionary of the only font: after the header and the index of names."""
    at = table[2]
    _, at = _index(table, at)
    (dictionary, *_), _ = _index(table, at)
    return dictionary


def _index(table: bytes, at: int) -> tuple[list[bytes], int]:
    """Return the items of an index, and where it ends."""
    count = int.from_bytes(table[at : at + 2])
    if count == 0:
        return [], at + 2
    size = table[at + 2]
    offsets = [
        int.from_bytes(table[at + 3 + size * n : at + 3 + size * (n + 1)]) for n in range(count + 1)
    ]
    base = at + 2 + size * (count + 1)
    items = [bytes(table[base + a : base + b]) for a, b in pairwise(offsets)]
    return items, base + offsets[-1]


def _operators(dictionary: bytes) -> Iterator[tuple[int | tuple[int, int], int]]:
    """Yield each operator with its last operand; real numbers are skipped."""
    at, operand = 0, 0
    while at < len(dictionary):
        first = dictionary[at]
        if first == 12:  # noqa: PLR2004  # an operator of two bytes
            yield (12, dictionary[at + 1]), operand
            at += 2
        elif first <= 21:  # noqa: PLR2004  # an operator of one byte
            yield first, operand
            at += 1
        else:
            operand, at = _operand(dictionary, at)


def _operand(dictionary: bytes, at: int) -> tuple[int, int]:
    """Return a number, and where it ends."""
    first, following = dictionary[at], dictionary[at + 1 : at + 5]
    match first:
        case 28:
            return int.from_bytes(following[:2], signed=True), at + 3
        case 29:
            return int.from_bytes(following, signed=True), at + 5
        case 30:  # a real number ends with a nibble of ones
            at += 1
            while dictionary[at] & 15 != 15:  # noqa: PLR2004
                at += 1
            return 0, at + 1
        case _ if first <= 246:  # noqa: PLR2004
            return first - 139, at + 1
        case _ if first <= 250:  # noqa: PLR2004
            return (first - 247) * 256 + following[0] + 108, at + 2
        case _:
            return -(first - 251) * 256 - following[0] - 108, at + 2


def _write_identity(table: bytearray, charset: int, glyphs: int) -> None:
    """Replace the CIDs of the charset, whose format and size stay, by 1, 2, 3 and so on."""
    kind, at, cid = table[charset], charset + 1, 1
    left_bytes = {_SINGLE: 0, _RANGES_OF_256: 1, _RANGES: 2}[kind]
    while cid < glyphs:
        table[at : at + _FIRST_RANGE_BYTES] = cid.to_bytes(2)
        at += _FIRST_RANGE_BYTES
        cid += 1 + int.from_bytes(table[at : at + left_bytes])
        at += left_bytes
