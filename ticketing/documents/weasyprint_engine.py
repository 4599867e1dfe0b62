"""The PDF engine: everything that depends on WeasyPrint.

It is imported on first use, because that takes a second. Documents of a template share fonts,
stylesheet and images, which saves a third of the time of a document.
"""

import atexit
import functools
import gc
import logging
import threading
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import url2pathname

from ticketing.documents.pdf_options import PdfOptions
from ticketing.documents.qr import QrCode
from ticketing.documents.templates import STYLESHEET_FILE, TEMPLATE_FILE, TicketTemplate
from ticketing.platform.kernel.errors import TemplateBroken, UndrawableText

LOG = logging.getLogger("weasyprint")
TOLERANCE_PX = 0.5
DEFLATE_LEVEL = 6  # level 9 takes a fifth longer and saves 15 bytes of 18,000
MISSING_GLYPH_PREFIX = ".notdef glyph"
OPAQUE_GRAPHICS_STATES = (
    b"/a1.0 gs",
    b"/A1.0 gs",
)  # WeasyPrint's operators for no transparency


class TemplatePdfWriter:
    """Writes PDFs of one template; keeps the resources that its documents share."""

    def __init__(self, template: TicketTemplate) -> None:
        """Read the stylesheet. Raises TemplateBroken for any warning of WeasyPrint."""
        self._weasyprint = _load_weasyprint()
        from weasyprint.text.fonts import FontConfiguration  # noqa: PLC0415

        self._template = template
        self.options = PdfOptions.of(template)
        self._fonts = FontConfiguration()
        self._images: dict[str, object] = {}
        self._fetcher = _folder_fetcher(template.folder)
        self._base_url = template.folder.as_uri() + "/"
        style = template.folder / STYLESHEET_FILE
        with self.warnings_as_errors(STYLESHEET_FILE):
            self._styles = [self._stylesheet(style)] if style.is_file() else []

    def _stylesheet(self, path: Path) -> Any:  # noqa: ANN401  # weasyprint is untyped
        return self._weasyprint.CSS(
            string=path.read_text(encoding="utf-8"),
            base_url=self._base_url,
            url_fetcher=self._fetcher,
            font_config=self._fonts,
        )

    def layout(self, html: str, codes: Mapping[str, QrCode]) -> Any:  # noqa: ANN401
        """Return the laid out document. Raises TemplateBroken unless it has one page.

        `codes` are the QR codes by the URL that the page uses for them.
        """
        self._images.update((url, _QrImage(code)) for url, code in codes.items())
        with self.warnings_as_errors():
            document = self._weasyprint.HTML(
                string=html, base_url=self._base_url, url_fetcher=self._fetcher
            ).render(font_config=self._fonts, stylesheets=self._styles, cache=self._images)
        for url in codes:
            del self._images[url]  # belongs to one ticket
        for url, image in self._images.items():
            if type(image).__name__ == "SVGImage":
                self._images[url] = _CachedSvgImage(image)
        if len(document.pages) != 1:
            raise TemplateBroken(
                f"template {self._template.id!r} takes {len(document.pages)} pages; a ticket is one"
            )
        return document

    def write_pdf(
        self,
        document: Any,  # noqa: ANN401
        *,
        title: str,
        author: str,
        subject: str,
        language: str,
        created: str,
        identifier: str,
    ) -> bytes:
        """Return the PDF file; it depends on no clock and no randomness.

        `created` is in ISO 8601, `identifier` the file's permanent identifier.
        """
        metadata = document.metadata
        metadata.title, metadata.authors = title, [author]
        metadata.description, metadata.lang = subject, language
        metadata.created = metadata.modified = created
        with self.warnings_as_errors():
            pdf: bytes = document.write_pdf(
                pdf_identifier=identifier, finisher=compress_streams,
                pdf_tags=self.options.tags, pdf_variant=self.options.variant or None,
            )  # fmt: skip
        return pdf

    @contextmanager
    def warnings_as_errors(self, file: str = TEMPLATE_FILE) -> Iterator[None]:
        """Raise an error for every warning that WeasyPrint logs."""
        complaints = _WarningCollector()
        LOG.addHandler(complaints)
        try:
            yield
        finally:
            LOG.removeHandler(complaints)
        undrawn = [text for text in complaints.texts if text.startswith(MISSING_GLYPH_PREFIX)]
        if undrawn:
            raise UndrawableText(undrawn[0])
        if complaints.texts:
            raise TemplateBroken(f"template {self._template.id!r}, {file}: {complaints.texts[0]}")


@functools.cache
def _load_weasyprint() -> Any:  # noqa: ANN401  # weasyprint is untyped
    """Return WeasyPrint, with its objects excluded from garbage collection.

    These 80,000 objects are never freed; scanning them took a tenth of the time of a document.
    """
    import weasyprint  # noqa: PLC0415  # takes a second

    gc.collect()
    gc.freeze()
    atexit.register(gc.unfreeze)  # else nanobind (zxing) reports leaks when the process ends
    return weasyprint


def compress_streams(_document: object, pdf: Any) -> None:  # noqa: ANN401  # pydyf is untyped
    """Compress the streams here, once; pydyf would do it twice because of the identifier."""
    for stream_object in pdf.objects:
        if getattr(stream_object, "compress", False):
            stream_object.compress = False
            content = stream_object.data.partition(b"\nstream\n")[2].removesuffix(b"\nendstream")
            stream_object.stream = [zlib.compress(content, DEFLATE_LEVEL)]
            stream_object.extra["Filter"] = "/FlateDecode"


class _QrImage:
    """A code drawn directly into the page, seven times faster than as an SVG."""

    def __init__(self, code: QrCode) -> None:
        self._code = code

    def get_intrinsic_size(self, _resolution: float, _font_size: float) -> tuple[None, None, int]:
        """Return no intrinsic size and a square ratio."""
        return None, None, 1

    def draw(self, stream: Any, width: float, height: float, _style: object) -> None:  # noqa: ANN401
        """Draw black on white, one unit per module."""
        side = self._code.side
        with stream.stacked():
            stream.transform(a=width / side, d=height / side)
            stream.stream.append(qr_operator(self._code))


def qr_operator(code: QrCode) -> bytes:
    """Return the operators that draw a code, one unit per module: the ground, then one path."""
    boxes = " ".join(f"{x} {y} {width} 1 re" for x, y, width in code.runs)
    return f"1 g 0 0 {code.side} {code.side} re f 0 g {boxes} f".encode()


class _CachedSvgImage:
    """An SVG of the template whose drawing operators are reused when they are self-contained.

    They are when they refer to no resource of one document: gradients, fonts, transparency.
    """

    def __init__(self, image: Any) -> None:  # noqa: ANN401  # weasyprint is untyped
        self._image = image
        self._drawn: dict[tuple[float, float], list[bytes]] = {}

    def get_intrinsic_size(self, resolution: float, font_size: float) -> Any:  # noqa: ANN401
        """Return the intrinsic size of the image."""
        return self._image.get_intrinsic_size(resolution, font_size)

    def draw(self, stream: Any, width: float, height: float, style: object) -> None:  # noqa: ANN401
        """Draw the image, from the cache if possible."""
        with stream.stacked():
            stream.set_alpha(1.0)
            stream.set_alpha(1.0, stroke=True)
            drawn = self._drawn.get((width, height))
            if drawn is not None:
                stream.stream.extend(drawn)
                return
            begins = len(stream.stream)
            self._image.draw(stream, width, height, style)
            drawn = [each for each in stream.stream[begins:] if each not in OPAQUE_GRAPHICS_STATES]
            if not any(b"/" in each for each in drawn):
                self._drawn[width, height] = drawn
                stream.stream[begins:] = drawn  # the first drawing must equal the next ones


class _WarningCollector(logging.Handler):
    """Collects the warnings of this thread; other threads render other documents."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self.texts.append(" ".join(record.getMessage().split()))


def overflowing_fields(document: Any) -> set[str | None]:  # noqa: ANN401  # weasyprint is untyped
    """Return the fields that overflow their box; None stands for text outside of the page."""
    page = document.pages[0]._page_box  # noqa: SLF001  # the only way to see the layout
    boxes = list(page.descendants(placeholders=True))
    found: set[str | None] = {
        _field_of_box(box)
        for box in boxes
        if _field_of_box(box) and not _contains_lines(box, _lines(box))
    }
    if not found and not _contains_lines(page, filter(_is_line, boxes)):
        found.add(None)
    return found


def _field_of_box(box: Any) -> str | None:  # noqa: ANN401  # weasyprint is untyped
    """Return the field of a layout box; lines and texts in it have the same element."""
    if box.element is None or box.element_tag != box.element.tag or _is_line(box):
        return None
    field: str | None = box.element.get("data-fit") if hasattr(box, "width") else None
    return field


def _contains_lines(box: Any, lines: Iterable[Any]) -> bool:  # noqa: ANN401  # weasyprint is untyped
    """Return whether the lines and their texts are within the content of the box."""
    left, top = box.content_box_x() - TOLERANCE_PX, box.content_box_y() - TOLERANCE_PX
    right, bottom = left + box.width + 2 * TOLERANCE_PX, top + box.height + 2 * TOLERANCE_PX
    return all(
        top <= line.position_y
        and line.position_y + line.height <= bottom
        and all(
            left <= text.position_x and text.position_x + text.width <= right
            for text in _texts(line)
        )
        for line in lines
    )


def _lines(box: Any) -> Iterator[Any]:  # noqa: ANN401  # weasyprint is untyped
    return filter(_is_line, box.descendants(placeholders=True))


def _texts(line: Any) -> Iterator[Any]:  # noqa: ANN401  # weasyprint is untyped
    return (box for box in line.descendants() if hasattr(box, "text") and box.text.strip())


def _is_line(box: Any) -> bool:  # noqa: ANN401  # weasyprint is untyped
    return type(box).__name__ == "LineBox"


def _folder_fetcher(folder: Path) -> Any:  # noqa: ANN401  # weasyprint is untyped
    """Return a fetcher for a template's own files and data: URLs; rendering needs no network."""
    from weasyprint.urls import URLFetcher  # noqa: PLC0415  # takes a second

    root = folder.resolve()

    class FolderFetcher(URLFetcher):  # type: ignore[misc]  # weasyprint is untyped
        """Refuses the network and files outside of the template's folder."""

        def fetch(self, url: str, headers: Mapping[str, str] | None = None) -> object:
            scheme, _, rest = url.partition(":")
            if scheme == "file":
                path = Path(url2pathname(rest.removeprefix("//").partition("?")[0])).resolve()
                if not path.is_relative_to(root):
                    raise ValueError("a template may only use files of its own folder")
            elif scheme != "data":
                raise ValueError("a template may not use the network; put the file in its folder")
            return super().fetch(url, headers)

    return FolderFetcher()


def engine_problems() -> list[str]:
    """Return the reasons why rendering is slow or fails on this machine, with what to do."""
    try:
        from weasyprint.text import ffi  # noqa: PLC0415  # takes a second
    except OSError as error:
        return [f"Pango cannot be loaded ({error}); install libpango-1.0-0 and libpangoft2-1.0-0"]
    if ffi.harfbuzz_subset is None:
        return ["rendering is six times slower without libharfbuzz-subset0: install it"]
    return []
