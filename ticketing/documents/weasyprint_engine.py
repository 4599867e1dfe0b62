"""WeasyPrint, and everything that printing a ticket knows about it.

Imported when first used: it takes a second. What one document can leave to the next (fonts,
stylesheet, images) is shared, which makes a document a third cheaper.
"""

import atexit
import functools
import gc
import logging
import threading
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import url2pathname

from ticketing.documents.qr import QrCode
from ticketing.documents.templates import STYLESHEET_FILE, TEMPLATE_FILE, TicketTemplate
from ticketing.platform.kernel.errors import TemplateBroken, UndrawableText

LOG = logging.getLogger("weasyprint")
TOLERANCE_PX = 0.5
DEFLATE_LEVEL = 6  # 9 takes a fifth longer and saves 15 bytes of 18,000
MISSING_GLYPH_PREFIX = ".notdef glyph"
OPAQUE_GRAPHICS_STATES = (
    b"/a1.0 gs",
    b"/A1.0 gs",
)  # how WeasyPrint says: no transparency from here on


@dataclass(frozen=True, slots=True)
class PdfMetadata:
    """What a PDF says about itself, beside its page."""

    title: str
    author: str
    subject: str
    language: str
    created: str  # ISO 8601
    identifier: str  # the file's permanent identity


class TemplatePdfWriter:
    """Prints pages of one template; keeps what its documents have in common."""

    def __init__(self, template: TicketTemplate) -> None:
        """Read the stylesheet; whatever WeasyPrint complains about is refused."""
        self._weasyprint = _load_weasyprint()
        from weasyprint.text.fonts import FontConfiguration  # noqa: PLC0415

        self._template = template
        self._fonts = FontConfiguration()
        self._images: dict[str, object] = {}
        self._fetcher = _folder_fetcher(template.folder)
        self._base_url = template.folder.as_uri() + "/"
        style = template.folder / STYLESHEET_FILE
        with self._warnings_as_errors(STYLESHEET_FILE):
            self._styles = [self._stylesheet(style)] if style.is_file() else []

    def _stylesheet(self, path: Path) -> Any:  # noqa: ANN401  # weasyprint is untyped
        return self._weasyprint.CSS(
            string=path.read_text(encoding="utf-8"),
            base_url=self._base_url,
            url_fetcher=self._fetcher,
            font_config=self._fonts,
        )

    def layout(self, html: str, codes: Mapping[str, QrCode]) -> Any:  # noqa: ANN401
        """The page in place, not yet a file; more or fewer than one page is refused.

        `codes` are pictures by the address under which the page names them.
        """
        self._images.update((url, _QrImage(code)) for url, code in codes.items())
        with self._warnings_as_errors(TEMPLATE_FILE):
            document = self._weasyprint.HTML(
                string=html, base_url=self._base_url, url_fetcher=self._fetcher
            ).render(font_config=self._fonts, stylesheets=self._styles, cache=self._images)
        for url in codes:
            del self._images[url]  # a ticket's own: never needed again
        for url, image in self._images.items():
            if type(image).__name__ == "SVGImage":
                self._images[url] = _CachedSvgImage(image)
        if len(document.pages) != 1:
            raise TemplateBroken(
                f"template {self._template.id!r} takes {len(document.pages)} pages; a ticket is one"
            )
        return document

    def write_pdf(self, document: Any, pdf_metadata: PdfMetadata) -> bytes:  # noqa: ANN401
        """The file. Nothing in it comes from a clock or from chance."""
        metadata = document.metadata
        metadata.title, metadata.authors = pdf_metadata.title, [pdf_metadata.author]
        metadata.description, metadata.lang = pdf_metadata.subject, pdf_metadata.language
        metadata.created = metadata.modified = pdf_metadata.created
        with self._warnings_as_errors(TEMPLATE_FILE):
            pdf: bytes = document.write_pdf(
                pdf_identifier=pdf_metadata.identifier, finisher=compress_streams
            )
        return pdf

    @contextmanager
    def _warnings_as_errors(self, file: str) -> Iterator[None]:
        """Turn what WeasyPrint only logs into a refusal."""
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
    """WeasyPrint, loaded, and its objects taken out of what the garbage collector walks through.

    They are 80,000 and never die; to look at them again and again took a tenth of each document.
    """
    import weasyprint  # noqa: PLC0415  # takes a second

    gc.collect()
    gc.freeze()
    atexit.register(gc.unfreeze)  # else nanobind (zxing) speaks of leaks when the process ends
    return weasyprint


def compress_streams(_document: object, pdf: Any) -> None:  # noqa: ANN401  # pydyf is untyped
    """Compress the streams here, once: for the file's identifier pydyf would do it all twice."""
    for each in pdf.objects:
        if getattr(each, "compress", False):
            each.compress = False
            content = each.data.partition(b"\nstream\n")[2].removesuffix(b"\nendstream")
            each.stream = [zlib.compress(content, DEFLATE_LEVEL)]
            each.extra["Filter"] = "/FlateDecode"


class _QrImage:
    """A code drawn straight into the page: seven times faster than through an SVG."""

    def __init__(self, code: QrCode) -> None:
        self._code = code

    def get_intrinsic_size(self, _resolution: float, _font_size: float) -> tuple[None, None, int]:
        """No size of its own, square."""
        return None, None, 1

    def draw(self, stream: Any, width: float, height: float, _style: object) -> None:  # noqa: ANN401
        """Black on white, one module a unit."""
        side = self._code.side
        boxes = " ".join(f"{x} {y} {width} 1 re" for x, y, width in self._code.runs)
        with stream.stacked():
            stream.transform(a=width / side, d=height / side)
            stream.stream.append(f"1 g 0 0 {side} {side} re f 0 g {boxes} f".encode())


class _CachedSvgImage:
    """An SVG of the template: what drawing it wrote once is written again, if it can stand alone.

    It can when it names nothing that belongs to one document: gradients, fonts, transparency.
    """

    def __init__(self, image: Any) -> None:  # noqa: ANN401  # weasyprint is untyped
        self._image = image
        self._drawn: dict[tuple[float, float], list[bytes]] = {}

    def get_intrinsic_size(self, resolution: float, font_size: float) -> Any:  # noqa: ANN401
        """As the picture says."""
        return self._image.get_intrinsic_size(resolution, font_size)

    def draw(self, stream: Any, width: float, height: float, style: object) -> None:  # noqa: ANN401
        """In full colour, from memory if we can."""
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
                stream.stream[begins:] = drawn  # the first time must not differ from the next


class _WarningCollector(logging.Handler):
    """Collects warnings of this thread; another thread's document is not our business."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self.texts.append(" ".join(record.getMessage().split()))


def overflowing_fields(document: Any) -> set[str | None]:  # noqa: ANN401  # weasyprint is untyped
    """Fields with a text that leaves its place; None stands for any text that leaves the page."""
    page = document.pages[0]._page_box  # noqa: SLF001  # the only way to see the layout
    boxes = list(page.descendants(placeholders=True))
    places = [box for box in boxes if _field_of_box(box) and not _contains_lines(box, _lines(box))]
    found: set[str | None] = {_field_of_box(box) for box in places}
    if not found and not _contains_lines(page, filter(_is_line, boxes)):
        found.add(None)
    return found


def _field_of_box(box: Any) -> str | None:  # noqa: ANN401  # weasyprint is untyped
    """The field that a box is the place of; lines and texts in it belong to the same element."""
    if box.element is None or box.element_tag != box.element.tag or _is_line(box):
        return None
    field: str | None = box.element.get("data-fit") if hasattr(box, "width") else None
    return field


def _contains_lines(box: Any, lines: Iterable[Any]) -> bool:  # noqa: ANN401  # weasyprint is untyped
    """Whether the lines, and the texts in them, lie within the content of the box."""
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
    """Fetches a template's own files and data: addresses; a ticket needs no network to print."""
    from weasyprint.urls import URLFetcher  # noqa: PLC0415  # takes a second

    root = folder.resolve()

    class FolderFetcher(URLFetcher):  # type: ignore[misc]  # weasyprint is untyped
        """Refuses the network and every file outside the template's folder."""

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


def engine_version() -> str:
    """The version of the engine, without importing it."""
    from importlib.metadata import version as installed  # noqa: PLC0415  # 20 ms

    return f"weasyprint {installed('weasyprint')}"


def engine_problems() -> list[str]:
    """What makes this machine print slowly or not at all, each with its way out."""
    try:
        from weasyprint.text import ffi  # noqa: PLC0415  # takes a second
    except OSError as error:
        return [f"Pango cannot be loaded ({error}); install libpango-1.0-0 and libpangoft2-1.0-0"]
    if ffi.harfbuzz_subset is None:
        return ["tickets print six times slower without it: install libharfbuzz-subset0"]
    return []
