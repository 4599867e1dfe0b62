"""QR codes as one vector path: alphanumeric mode, error correction M, a fixed mask.

Choosing the best of eight masks takes nine times as long and decodes no better: measured with
zxing under perspective, blur and noise, 300 codes each. The positions of the bits are determined
from the library once per size, because placing them takes most of the time of a code. Code words
are computed from the library's tables in a tenth of the time of its `create_data`, which appends
single bits and divides polynomials again for every code; the result is the same.
"""

import functools
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from itertools import zip_longest
from operator import itemgetter, mul

import qrcode
from qrcode.base import Polynomial, RSBlock, gexp, rs_blocks
from qrcode.util import MODE_ALPHA_NUM, PAD0, PAD1, QRData, length_in_bits

ERROR_CORRECTION = qrcode.ERROR_CORRECT_M


def codeword_count(version: int) -> int:
    """Return the number of code words, error correction included."""
    return sum(block.total_count for block in _blocks(version))


def encode_codewords(text: str, version: int) -> bytes:
    """Return the code words in the order of placement; the text must fit the version."""
    words = iter(_data_codewords(text, version))
    blocks, checks = [], []
    for block in _blocks(version):
        blocks.append(bytes(next(words) for _ in range(block.data_count)))
        checks.append(_error_correction_codewords(blocks[-1], block.total_count - block.data_count))
    return bytes([*_interleave(blocks), *_interleave(checks)])


@functools.cache
def _blocks(version: int) -> list[RSBlock]:
    blocks: list[RSBlock] = rs_blocks(version, ERROR_CORRECTION)
    return blocks


def _interleave(blocks: Iterable[bytes]) -> Iterator[int]:
    """Yield the first word of every block, then the second ones; some blocks are shorter."""
    return (word for words in zip_longest(*blocks) for word in words if word is not None)


class _BitBuffer(list[str]):
    """The buffer interface that the library writes bits to."""

    def put(self, number: int, length: int) -> None:
        """Append a number with that many bits."""
        self.append(f"{number:0{length}b}")


def _data_codewords(text: str, version: int) -> bytes:
    """Return mode, length, text, terminator, and the padding of ISO/IEC 18004."""
    capacity: int = sum(block.data_count for block in _blocks(version))
    data, bits = QRData(text, mode=MODE_ALPHA_NUM), _BitBuffer()
    bits.put(MODE_ALPHA_NUM, 4)
    bits.put(len(data), length_in_bits(MODE_ALPHA_NUM, version))
    data.write(bits)
    ended = ("".join(bits) + "0000")[: capacity * 8]
    used = -(-len(ended) // 8)
    padding = bytes((PAD0, PAD1)) * capacity
    return int(ended.ljust(used * 8, "0"), 2).to_bytes(used) + padding[: capacity - used]


def _error_correction_codewords(words: bytes, count: int) -> bytes:
    """Return the remainder of the words as a polynomial over GF(256), by the generator."""
    remainders, top = _remainders(count), 8 * (count - 1)
    remainder = 0
    for word in words:
        head = remainder >> top
        remainder = (remainder ^ head << top) << 8 ^ remainders[head ^ word]
    return remainder.to_bytes(count)


@functools.cache
def _remainders(count: int) -> list[int]:
    """Return the remainder of one word for each of its values, for table-driven division."""
    factors = (Polynomial([1, gexp(power)], 0) for power in range(count))
    generator = functools.reduce(mul, factors)
    polynomials = (Polynomial([word], count) % generator for word in range(1, 256))
    return [0, *(int.from_bytes(bytes(left)) for left in polynomials)]


MASK_PATTERN = 3
QUIET_ZONE = 4  # modules, as ISO/IEC 18004 demands

_DARK = re.compile("1+")
_BitSelector = Callable[[str], tuple[str, ...]]
# dark modules side by side: column and row of the first, quiet zone included, and how many
ModuleRun = tuple[int, int, int]


class QrCode:
    """The dark modules of a code as boxes, one per run, to be filled as one path.

    Adjacent boxes leave no seam in one path; filled one by one they would.
    """

    def __init__(self, text: str) -> None:
        """Encode a text of QR's alphanumeric set."""
        self.side = qr_side(len(text))
        self.runs = list(_runs(qr_rows(text)))

    @classmethod
    def without_modules(cls, side: int) -> "QrCode":
        """Return the ground of a code, for the layout of a page whose code follows later."""
        code = cls.__new__(cls)
        code.side, code.runs = side, []
        return code

    def data_url(self) -> str:
        """Return the code as an SVG data URL with a white background, for an `img` element."""
        boxes = "".join(f"M{x} {y}h{width}v1h-{width}z" for x, y, width in self.runs)
        svg = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.side} {self.side}">'
            f'<path fill="#fff" d="M0 0h{self.side}v{self.side}H0z"/><path d="{boxes}"/></svg>'
        )
        return "data:image/svg+xml;base64," + b64encode(svg.encode()).decode()


def _runs(rows: list[str]) -> Iterator[ModuleRun]:
    for y, row in enumerate(rows, QUIET_ZONE):
        for start, end in map(re.Match.span, _DARK.finditer(row)):
            yield start + QUIET_ZONE, y, end - start


def qr_side(length: int) -> int:
    """Return the modules in a row of a code for a text of this length, with the quiet zone."""
    return 4 * _version(length) + 17 + 2 * QUIET_ZONE


def qr_rows(text: str) -> list[str]:
    """Return the rows of the code, dark modules as `1` and light as `0`, without quiet zone."""
    version = _version(len(text))
    return _layout(version).rows(encode_codewords(text, version))


@functools.cache
def _version(length: int) -> int:
    """Return the smallest version that holds a number of characters."""
    code = qrcode.QRCode(error_correction=ERROR_CORRECTION)
    code.add_data(QRData("0" * length, mode=MODE_ALPHA_NUM), optimize=0)
    version: int = code.best_fit()
    return version


class _Layout:
    """Positions of the bits of code words in one version, and its fixed modules."""

    def __init__(self, version: int) -> None:
        self._side = 4 * version + 17
        self._bits = 8 * codeword_count(version)
        self._pick, self._mask = self._learn_bit_positions(functools.partial(_modules, version))

    def rows(self, words: bytes) -> list[str]:
        """Return the rows for these code words."""
        bits = f"{int.from_bytes(words):0{self._bits}b}0"
        modules = f"{int(''.join(self._pick(bits)), 2) ^ self._mask:0{self._side**2}b}"
        return [modules[at : at + self._side] for at in range(0, len(modules), self._side)]

    def _learn_bit_positions(self, modules: Callable[[bytes], int]) -> tuple[_BitSelector, int]:
        """Return which bit each module shows, and the modules for words of zeros.

        Bit n of the words is set in the k-th code if bit k of the number n + 1 is set: the values
        of a module in all codes are the digits of that number, and zero for a fixed module.
        """
        fixed = modules(bytes(self._bits // 8))
        bit_numbers = [0] * self._side**2
        for place in range((self._bits + 1).bit_length()):
            words = "".join(str(number >> place & 1) for number in range(1, self._bits + 1))
            shown = modules(int(words, 2).to_bytes(self._bits // 8)) ^ fixed
            for at, bit in enumerate(f"{shown:0{len(bit_numbers)}b}"):
                bit_numbers[at] |= int(bit) << place
        return itemgetter(*(number - 1 for number in bit_numbers)), fixed


_layout = functools.cache(_Layout)


def _modules(version: int, words: bytes) -> int:
    """Return all modules, row by row, as the library places these code words."""
    code = qrcode.QRCode(
        version, error_correction=ERROR_CORRECTION, border=0, mask_pattern=MASK_PATTERN
    )
    code.data_cache = list(words)
    code.makeImpl(test=False, mask_pattern=MASK_PATTERN)
    return int("".join("1" if module else "0" for row in code.modules for module in row), 2)
