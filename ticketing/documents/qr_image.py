"""QR codes as PNG or SVG images with options. The code printed on tickets is in `qr`."""

import struct
import zlib
from dataclasses import dataclass
from enum import StrEnum

import qrcode
from qrcode.util import QRData, optimal_mode

from ticketing.documents.qr import MASK_PATTERN
from ticketing.platform.kernel.errors import Refused


class ErrorCorrection(StrEnum):
    """Level of error correction: 7, 15, 25 or 30 % of the code may be damaged."""

    L = "L"
    M = "M"
    Q = "Q"
    H = "H"


_LEVELS = {
    ErrorCorrection.L: qrcode.ERROR_CORRECT_L,
    ErrorCorrection.M: qrcode.ERROR_CORRECT_M,
    ErrorCorrection.Q: qrcode.ERROR_CORRECT_Q,
    ErrorCorrection.H: qrcode.ERROR_CORRECT_H,
}


class PictureTooSmall(Refused):
    """The code does not fit into that many pixels."""


@dataclass(frozen=True, slots=True)
class QrImageOptions:
    """Options: `size` in pixels, `margin` in modules, colours as six hexadecimal digits."""

    size: int = 300
    margin: int = 4
    dark: str = "000000"
    light: str = "ffffff"
    correction: ErrorCorrection = ErrorCorrection.M


def qr_png(text: str, options: QrImageOptions) -> bytes:
    """Return the code as a PNG with two colours and a whole number of pixels per module."""
    modules = _modules(text, options.correction)
    side = len(modules) + 2 * options.margin
    scale = options.size // side
    if scale == 0:
        raise PictureTooSmall(
            f"size {options.size}: this code needs {side} pixels", size=options.size
        )
    left = (options.size - len(modules) * scale) // 2
    right = options.size - left - len(modules) * scale
    blank = _row([False] * options.size)
    middle = b"".join(
        _row([False] * left + [dark for dark in row for _ in range(scale)] + [False] * right)
        * scale
        for row in modules
    )
    return _png_file(options, blank * left + middle + blank * right)


def qr_svg(text: str, options: QrImageOptions) -> str:
    """Return the code as an SVG document."""
    modules = _modules(text, options.correction)
    side = len(modules) + 2 * options.margin
    path = "".join(
        f"M{x + options.margin} {y + options.margin}h1v1h-1z"
        for y, row in enumerate(modules)
        for x, dark in enumerate(row)
        if dark
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{options.size}" height="{options.size}"'
        f' viewBox="0 0 {side} {side}" shape-rendering="crispEdges">'
        f'<path fill="#{options.light}" d="M0 0h{side}v{side}H0z"/>'
        f'<path fill="#{options.dark}" d="{path}"/></svg>'
    )


def _modules(text: str, correction: ErrorCorrection) -> list[list[bool]]:
    code = qrcode.QRCode(error_correction=_LEVELS[correction], border=0, mask_pattern=MASK_PATTERN)
    code.add_data(QRData(text, mode=optimal_mode(text.encode())), optimize=0)
    code.make(fit=True)
    return [[bool(module) for module in row] for row in code.modules]


def _row(pixels: list[bool]) -> bytes:
    """Return a PNG row with one bit per pixel: filter byte, bits, padding."""
    width = (len(pixels) + 7) // 8
    bits = int("".join("1" if dark else "0" for dark in pixels).ljust(width * 8, "0"), 2)
    return b"\0" + bits.to_bytes(width)


def _png_file(options: QrImageOptions, rows: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", options.size, options.size, 1, 3, 0, 0, 0)  # a palette of two
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (
            _chunk(b"IHDR", header),
            _chunk(b"PLTE", bytes.fromhex(options.light + options.dark)),
            _chunk(b"IDAT", zlib.compress(rows)),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)
