"""Read QR codes from pictures."""

from io import BytesIO

import zxingcpp
from PIL import Image, UnidentifiedImageError

from ticketing.platform.kernel.errors import Refused

MAX_SIDE = 2000  # pixels; a small file can hold a picture that fills the memory
_QR = zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.QRCode])


class UnreadablePicture(Refused):
    """The bytes are no picture, or one that is too large."""


def read_qr_picture(content: bytes) -> str | None:
    """Return the text of the QR code in a JPEG or PNG, or None. Raises UnreadablePicture."""
    try:
        with Image.open(BytesIO(content), formats=["JPEG", "PNG"]) as picture:
            if max(picture.size) > MAX_SIDE:
                raise UnreadablePicture(
                    f"the picture has {picture.width} x {picture.height} pixels; send at most"
                    f" {MAX_SIDE} on each side"
                )
            gray = picture.convert("L")
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise UnreadablePicture("the body is no JPEG or PNG picture") from error
    return find_qr_text(gray)


def find_qr_text(picture: Image.Image) -> str | None:
    """Return the text of a QR code in a picture, or None."""
    found = zxingcpp.read_barcodes(picture, formats=_QR)
    return str(found[0].text) if found else None
