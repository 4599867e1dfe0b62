"""QR codes of many texts at once, bit for bit those of `qr`.

For one length the modules are an affine function of the bits of the text: those of a base text,
exclusive-or one term for each bit that differs. The terms are learnt from `qr`, once per length,
and applied to whole batches by numpy. A batch takes 10 us a code, a single code 600.
"""

import functools
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ticketing.documents.qr import QUIET_ZONE, qr_rows
from ticketing.documents.stamping.qr_stream import box_width

Array = np.ndarray[Any, Any]
ALPHANUMERIC = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_PAIR_BITS, _SINGLE_BITS, _LOW_BITS = 11, 6, 6
_BASE = len(ALPHANUMERIC)
_MAX_SIDE = 61  # modules; larger codes would need tables of many megabytes
_AT_ONCE = 16  # codes whose arrays stay in the processor's cache


class ModuleTable:
    """Modules of codes for texts of one length."""

    def __init__(self, length: int) -> None:
        self._length = length
        base = ALPHANUMERIC[0] * length
        modules = _packed(base)
        self.side = len(qr_rows(base))
        self._size = len(modules)
        self._stride = self._size // self.side
        self._base = _as_words(modules)
        self._low, self._high = self._learn(base, modules)
        self._values = np.zeros(256, np.int16)
        self._values[list(ALPHANUMERIC.encode())] = range(_BASE)

    def _learn(self, base: str, modules: Array) -> tuple[Array, Array]:
        """Return the terms of the low and of the high bits of each pair of characters."""
        pairs = -(-self._length // 2)
        low = np.zeros((pairs, 1 << _LOW_BITS, len(self._base)), np.uint64)
        high = np.zeros((pairs, 1 << _PAIR_BITS - _LOW_BITS, len(self._base)), np.uint64)
        for at in range(0, self._length, 2):
            bits = _PAIR_BITS if at + 1 < self._length else _SINGLE_BITS
            terms = [
                _as_words(_packed(_with_value(base, at, 1 << bit)) ^ modules) for bit in range(bits)
            ]
            _combine(terms[:_LOW_BITS], low[at // 2])
            _combine(terms[_LOW_BITS:], high[at // 2])
        return low, high

    def modules(self, texts: Sequence[str]) -> Array:
        """Return the dark modules of texts as bits: code, row, bytes of the row."""
        letters = np.frombuffer("".join(texts).encode("ascii"), np.uint8)
        values = self._values[letters.reshape(len(texts), self._length)]
        pairs = values[:, 0::2].copy()
        pairs[:, : self._length // 2] *= _BASE
        pairs[:, : self._length // 2] += values[:, 1::2]
        at = np.arange(pairs.shape[1])
        terms = self._low[at, pairs & (1 << _LOW_BITS) - 1]
        terms ^= self._high[at, pairs >> _LOW_BITS]
        found = np.bitwise_xor.reduce(terms, axis=1) ^ self._base
        shape = len(texts), self.side, self._stride
        modules: Array = found.view(np.uint8)[:, : self._size].reshape(shape)
        return modules


class PathTable:
    """Operators of boxes, one for each run of dark modules."""

    def __init__(self, side: int) -> None:
        self._side, self._width = side, box_width(side + QUIET_ZONE)
        boxes = np.zeros((side, side * (side + 1)), f"S{self._width}")
        for length in range(1, side + 1):
            for y in range(side):
                for x in range(side - length + 1):
                    box = b"%d %d %d 1 re" % (x + QUIET_ZONE, y + QUIET_ZONE, length)
                    boxes[length - 1, y * (side + 1) + x] = box
        letters = boxes.view(np.uint8)
        letters[letters == 0] = ord(" ")
        self._boxes = boxes

    def paths(self, modules: Array) -> Iterator[bytes]:
        """Yield the path of each code."""
        count, side = len(modules), self._side
        cells = side * (side + 1)  # a light module ends each row
        bits = np.unpackbits(modules, axis=2)[:, :, : side + 1].copy()
        bits[:, :, side] = 0
        edges = np.diff(bits.reshape(-1).view(np.int8), prepend=0)
        begins = np.flatnonzero(edges == 1)
        lengths = np.flatnonzero(edges == -1) - begins
        operators = self._boxes[lengths - 1, begins % cells].tobytes()
        ends = np.searchsorted(begins, np.arange(0, (count + 1) * cells, cells)) * self._width
        for begin, end in pairwise(ends.tolist()):
            yield operators[begin:end]


def qr_paths(texts: Sequence[str]) -> Iterator[bytes]:
    """Yield the operators of boxes for texts of one length; none for a length that is too large."""
    tables = _tables(len(texts[0]))
    if tables is None:
        return
    modules, paths = tables
    for at in range(0, len(texts), _AT_ONCE):
        yield from paths.paths(modules.modules(texts[at : at + _AT_ONCE]))


@functools.lru_cache(maxsize=4)
def _tables(length: int) -> tuple[ModuleTable, PathTable] | None:
    if len(qr_rows(ALPHANUMERIC[0] * length)) > _MAX_SIDE:
        return None
    modules = ModuleTable(length)
    return modules, PathTable(modules.side)


def _packed(text: str) -> Array:
    """Return the modules of a text as bits, each row from a whole byte on."""
    rows = [[int(module) for module in row] for row in qr_rows(text)]
    return np.packbits(np.array(rows, np.uint8), axis=1).reshape(-1)


def _as_words(modules: Array) -> Array:
    """Return bytes as words of 64 bits, which are combined eight times as fast."""
    return np.pad(modules, (0, -len(modules) % 8)).view(np.uint64)


def _with_value(base: str, at: int, value: int) -> str:
    """Return the base text with a pair of characters, or the last one, of this value."""
    if at + 1 == len(base):
        return base[:at] + ALPHANUMERIC[value]
    return base[:at] + "".join(ALPHANUMERIC[v] for v in divmod(value, _BASE)) + base[at + 2 :]


def _combine(terms: Sequence[Array], table: Array) -> None:
    """Set each row of a table to the exclusive-or of the terms that its number selects."""
    for bit, term in enumerate(terms):
        table[1 << bit : 2 << bit] = table[: 1 << bit] ^ term
