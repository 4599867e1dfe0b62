"""The QR code as one vector path: error correction M, alphanumeric mode, one mask for all.

Choosing the best of eight masks costs nine times as much and decodes no better: measured with
zxing under perspective, blur and noise, 300 codes each. Where the bits of the code words go is
learnt from the library once a size, since asking again is most of the time a code takes.
"""

import functools
import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from operator import itemgetter

import qrcode
from qrcode.util import MODE_ALPHA_NUM, QRData

from ticketing.documents.qr_words import LEVEL, code_words, word_count

MASK = 3
QUIET_ZONE = 4  # modules, as ISO/IEC 18004 demands

_DARK = re.compile("1+")
_Pick = Callable[[str], tuple[str, ...]]
# dark modules side by side: column and row of the first, quiet zone included, and how many
Run = tuple[int, int, int]


class QrCode:
    """A code's dark modules as boxes, one a run, to be filled as one path.

    In one path, boxes that touch leave no seam; filled one by one they would.
    """

    def __init__(self, text: str) -> None:
        """Encode a text of the QR alphanumeric set."""
        rows = qr_rows(text)
        self.side = len(rows) + 2 * QUIET_ZONE
        self.runs = list(_runs(rows))

    def data_url(self) -> str:
        """The code as an SVG picture, white ground included, to be named by an `img` element."""
        boxes = "".join(f"M{x} {y}h{width}v1h-{width}z" for x, y, width in self.runs)
        svg = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.side} {self.side}">'
            f'<path fill="#fff" d="M0 0h{self.side}v{self.side}H0z"/><path d="{boxes}"/></svg>'
        )
        return "data:image/svg+xml;base64," + b64encode(svg.encode()).decode()


def _runs(rows: list[str]) -> Iterator[Run]:
    for y, row in enumerate(rows, QUIET_ZONE):
        for start, end in map(re.Match.span, _DARK.finditer(row)):
            yield start + QUIET_ZONE, y, end - start


def qr_rows(text: str) -> list[str]:
    """The code's rows, a dark module `1` and a light one `0`, without quiet zone."""
    version = _version(len(text))
    return _layout(version).rows(code_words(text, version))


@functools.cache
def _version(length: int) -> int:
    """The smallest code that holds so many characters."""
    code = qrcode.QRCode(error_correction=LEVEL)
    code.add_data(QRData("0" * length, mode=MODE_ALPHA_NUM), optimize=0)
    version: int = code.best_fit()
    return version


class _Layout:
    """Where the bits of the code words go in codes of one version, and which modules are fixed."""

    def __init__(self, version: int) -> None:
        self._side = 4 * version + 17
        self._bits = 8 * word_count(version)
        self._pick, self._mask = self._learnt(functools.partial(_modules, version))

    def rows(self, words: bytes) -> list[str]:
        """The rows for these code words."""
        bits = f"{int.from_bytes(words):0{self._bits}b}0"
        modules = f"{int(''.join(self._pick(bits)), 2) ^ self._mask:0{self._side**2}b}"
        return [modules[at : at + self._side] for at in range(0, len(modules), self._side)]

    def _learnt(self, modules: Callable[[bytes], int]) -> tuple[_Pick, int]:
        """Which bit of the words each module shows, and the modules when all of them are zero.

        Bit n of the words is set in the k-th code if the number n + 1 has its bit k set: what a
        module shows in all of them spells the number, and zero for a module that never changes.
        """
        fixed = modules(bytes(self._bits // 8))
        spelled = [0] * self._side**2
        for place in range((self._bits + 1).bit_length()):
            words = "".join(str(number >> place & 1) for number in range(1, self._bits + 1))
            shown = modules(int(words, 2).to_bytes(self._bits // 8)) ^ fixed
            for at, bit in enumerate(f"{shown:0{len(spelled)}b}"):
                spelled[at] |= int(bit) << place
        return itemgetter(*(number - 1 for number in spelled)), fixed


_layout = functools.cache(_Layout)


def _modules(version: int, words: bytes) -> int:
    """All modules, row by row, as the library places these code words."""
    code = qrcode.QRCode(version, error_correction=LEVEL, border=0, mask_pattern=MASK)
    code.data_cache = list(words)
    code.makeImpl(test=False, mask_pattern=MASK)
    return int("".join("1" if module else "0" for row in code.modules for module in row), 2)
