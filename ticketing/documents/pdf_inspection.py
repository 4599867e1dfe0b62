"""Read back a finished PDF with software that was not used to make it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import pypdfium2

from ticketing.documents.qr_picture import find_qr_text

POINTS_AN_INCH = 72
BLEED_DPI = 36  # 0.7 mm a pixel: a line of text outside of the page covers several
_PDFIUM = threading.Lock()  # PDFium is not thread-safe


def qr_text_of(pdf: bytes, *, dpi: int = 150) -> str | None:
    """Return the text of the QR code on the first page, or None."""
    return find_qr_text(_first_page(pdf, dpi, grayscale=True))


def picture_of(pdf: bytes, *, dpi: int = 96) -> bytes:
    """Return the first page as a PNG."""
    file = BytesIO()
    _first_page(pdf, dpi).save(file, "PNG")
    return file.getvalue()


def text_of(pdf: bytes) -> str:
    """Return the text of the first page, in the order of drawing."""
    with _open_page(pdf) as page:
        return str(page.get_textpage().get_text_range())


def draws_outside_page(pdf: bytes) -> bool:
    """Return whether anything visible is drawn beyond the edges of the first page.

    The page is drawn once more on a sheet of three times its size; what a clip hides is not seen.
    """
    with _open_page(pdf) as page:
        width, height = page.get_size()
        sheet = (-width, -height, 2 * width, 2 * height)
        page.set_mediabox(*sheet)
        page.set_cropbox(*sheet)
        image = page.render(scale=BLEED_DPI / POINTS_AN_INCH, grayscale=True).to_pil()
    # a pixel on the edge is partly inside
    left, top = image.width // 3 - 1, image.height // 3 - 1
    image.paste(255, (left, top, image.width - left, image.height - top))
    darkest, _ = image.getextrema()
    return bool(darkest < 255)  # noqa: PLR2004  # white


def same_picture(pdf: bytes, other: bytes, *, dpi: int = 100) -> bool:
    """Return whether the first pages look the same, to the last bit of each pixel."""
    return _pixels(pdf, dpi) == _pixels(other, dpi)


def _pixels(pdf: bytes, dpi: int) -> bytes:
    with _open_page(pdf) as page:
        return bytes(page.render(scale=dpi / POINTS_AN_INCH).buffer)


def _first_page(pdf: bytes, dpi: int, *, grayscale: bool = False) -> Any:  # noqa: ANN401  # pypdfium2 is untyped
    with _open_page(pdf) as page:
        return page.render(scale=dpi / POINTS_AN_INCH, grayscale=grayscale).to_pil()


@contextmanager
def _open_page(pdf: bytes) -> Iterator[Any]:  # pypdfium2 is untyped
    with _PDFIUM:
        document = pypdfium2.PdfDocument(pdf)
        try:
            yield document[0]
        finally:
            document.close()
