"""Read back a finished PDF with software that was not used to make it."""

from io import BytesIO
from typing import Any

import pypdfium2
import zxingcpp

POINTS_AN_INCH = 72
_QR = zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.QRCode])


def qr_text_of(pdf: bytes, *, dpi: int = 150) -> str | None:
    """Return the text of the QR code on the first page, or None."""
    found = zxingcpp.read_barcodes(_first_page(pdf, dpi), formats=_QR)
    return str(found[0].text) if found else None


def picture_of(pdf: bytes, *, dpi: int = 96) -> bytes:
    """Return the first page as a PNG."""
    file = BytesIO()
    _first_page(pdf, dpi).save(file, "PNG")
    return file.getvalue()


def _first_page(pdf: bytes, dpi: int) -> Any:  # noqa: ANN401  # pypdfium2 is untyped
    document = pypdfium2.PdfDocument(pdf)
    try:
        return document[0].render(scale=dpi / POINTS_AN_INCH).to_pil()
    finally:
        document.close()
