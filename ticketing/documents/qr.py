"""The QR code as one vector path: error correction M, alphanumeric mode, one mask for all.

Choosing the best of eight masks costs nine times as much and decodes no better: measured with
zxing under perspective, blur and noise, 300 codes each.
"""

from base64 import b64encode
from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise

import qrcode
from qrcode.util import MODE_ALPHA_NUM, QRData

MASK = 3
QUIET_ZONE = 4  # modules, as ISO/IEC 18004 demands

Point = tuple[int, int]


class QrCode:
    """A code's dark areas as closed outlines for the even-odd rule, quiet zone included.

    Outlines leave no seams between modules, and are a third of the corners of one box a run.
    """

    def __init__(self, text: str) -> None:
        """Encode a text of the QR alphanumeric set."""
        modules = qr_modules(text)
        self.side = len(modules) + 2 * QUIET_ZONE
        self.outlines = _outlines(_corners(modules))

    def data_url(self) -> str:
        """The code as an SVG picture, white ground included, to be named by an `img` element."""
        lines = (" ".join(f"{x},{y}" for x, y in outline) for outline in self.outlines)
        svg = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.side} {self.side}">'
            f'<path fill="#fff" d="M0 0h{self.side}v{self.side}H0z"/>'
            f'<path fill-rule="evenodd" d="M{"zM".join(lines)}z"/></svg>'
        )
        return "data:image/svg+xml;base64," + b64encode(svg.encode()).decode()


def qr_modules(text: str) -> list[list[bool]]:
    """The code's rows, dark modules true, without quiet zone."""
    code = qrcode.QRCode(error_correction=qrcode.ERROR_CORRECT_M, border=0, mask_pattern=MASK)
    code.add_data(QRData(text, mode=MODE_ALPHA_NUM), optimize=0)
    code.make(fit=True)
    return [[bool(module) for module in row] for row in code.modules]


def _outlines(corners: list[Point]) -> list[list[Point]]:
    """Walk from corner to corner, along a row and down a column in turn, until back again."""
    across = _partners(corners)
    down = {(x, y): (a, b) for (y, x), (b, a) in _partners((y, x) for x, y in corners).items()}
    found = []
    while across:
        corner, turn = across.popitem()
        outline = [corner, turn]
        del across[turn]
        while (corner := down[turn]) in across:
            turn = across.pop(corner)
            outline += (corner, turn)
            del across[turn]
        found.append(outline)
    return found


def _corners(modules: list[list[bool]]) -> list[Point]:
    """The points where the outline turns: an odd number of the four modules around is dark."""
    light = [False] * (len(modules) + 2)
    rows = [light, *([False, *row, False] for row in modules), light]
    return [
        (x + QUIET_ZONE, y + QUIET_ZONE)
        for y, (above, below) in enumerate(pairwise(rows))
        for x in range(len(above) - 1)
        if above[x] ^ above[x + 1] ^ below[x] ^ below[x + 1]
    ]


def _partners(corners: Iterable[Point]) -> dict[Point, Point]:
    """The other end of the horizontal edge at each corner: in a row they pair from the left."""
    rows: defaultdict[int, list[int]] = defaultdict(list)
    for x, y in sorted(corners):
        rows[y].append(x)
    pairs = {}
    for y, xs in rows.items():
        for left, right in zip(xs[::2], xs[1::2], strict=True):
            pairs[left, y] = right, y
            pairs[right, y] = left, y
    return pairs
