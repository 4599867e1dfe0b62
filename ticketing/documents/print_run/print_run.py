"""One PDF of many tickets, written while they are drawn.

Tickets come in chunks. The letters of other scripts that the tickets of a chunk need are put into
common fonts, so that the memory and the file do not depend on the number of tickets.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from ticketing.documents.print_run.pdf_writer import PdfWriter
from ticketing.documents.print_run.shared_resources import CopiedPage, SharedResources, rename
from ticketing.documents.print_run.sheet_layout import Placement, SheetLayout
from ticketing.documents.print_run.text_pages import text_pages
from ticketing.documents.stamping.pdf_prefix import PageSource
from ticketing.documents.stamping.pdf_tail import pdf_string
from ticketing.documents.stamping.stamper import DrawnPage
from ticketing.documents.stamping.text_setter import PlacedText
from ticketing.documents.stamping.ticket_fonts import FontNames, NeededGlyphs
from ticketing.documents.template_renderer import TemplateRenderer

_PAGES_A_NODE = 500  # of the tree of pages
_MAX_KNOWN_SOURCES = 256
_LONG_STREAM = 120  # bytes; a shorter one hardly becomes smaller


@dataclass(slots=True)
class _Sheet:
    """A sheet that is being filled: its content streams and marks."""

    contents: list[int] = field(default_factory=list)
    marks: list[bytes] = field(default_factory=list)
    tickets: int = 0


class PrintRun:
    """Writes tickets to sheets in the order in which they are added."""

    def __init__(
        self, write: Callable[[bytes], object], layout: SheetLayout | None, *, title: str
    ) -> None:
        """`write` gets the parts of the file; without a layout each ticket is a page."""
        self._writer = PdfWriter(write)
        self._layout, self._title = layout, title
        self._catalogue, self._tree = self._writer.reserve(), self._writer.reserve()
        self._resources = SharedResources(self._writer)
        self._copied: dict[PageSource, CopiedPage] = {}
        self._nodes: list[tuple[int, list[int]]] = []  # number and pages
        self._sheet = _Sheet()
        self._fonts = 0

    def add(self, template: TemplateRenderer, pages: Sequence[DrawnPage]) -> None:
        """Write tickets of one template. Raises DoesNotFitSheet before anything is written."""
        if self._layout is not None:
            for each in pages:
                self._layout.place(0, *_size(each.source))
        names = self._embed_fonts(template, pages)
        for page, names_of_page in zip(pages, names, strict=True):
            self._add_page(page, names_of_page)

    def add_text(self, heading: str, lines: Sequence[str]) -> None:
        """Write lines on pages of their own, after the last sheet."""
        if self._sheet.tickets:
            self._finish_sheet()
        for source in text_pages(heading, lines):
            copied = self._resources.copy(source)
            self._write_page(copied.static, source.box)

    def finish(self, identifier: str) -> None:
        """Write the end of the file; the same `identifier` gives the same bytes."""
        if self._sheet.tickets:
            self._finish_sheet()
        nodes = self._nodes or [(self._writer.reserve(), [])]
        for number, pages in nodes:
            self._writer.put_dictionary(
                number,
                b"<</Type/Pages/Parent %d 0 R/Count %d/Kids[%s]>>"
                % (self._tree, len(pages), _references(pages)),
            )
        self._writer.put_dictionary(
            self._tree,
            b"<</Type/Pages/Count %d/Kids[%s]>>"
            % (sum(len(pages) for _, pages in nodes), _references([each for each, _ in nodes])),
        )
        self._resources.finish()
        self._writer.put_dictionary(
            self._catalogue,
            # printers must not change the size of tickets
            b"<</Type/Catalog/Pages %d 0 R/ViewerPreferences<</PrintScaling/None>>>>" % self._tree,
        )
        information = self._writer.add_dictionary(b"<</Title%s>>" % pdf_string(self._title))
        digest = sha256(identifier.encode()).hexdigest()[:32].encode()
        self._writer.finish(self._catalogue, information, digest)

    def _embed_fonts(
        self, template: TemplateRenderer, pages: Sequence[DrawnPage]
    ) -> Iterator[FontNames]:
        """Yield the names of the fonts for each page."""
        groups: list[NeededGlyphs] = []
        group_of = [_join_group(page.needed, groups) if page.needed else None for page in pages]
        names = []
        for group in groups:
            fonts, names_of_group = template.embed(group, self._writer.next_number, self._fonts)
            self._fonts += len(group)
            self._writer.add_written(fonts.objects)
            self._resources.add_fonts(fonts.references)
            names.append(names_of_group)
        for number in group_of:
            yield {} if number is None else names[number]

    def _add_page(self, page: DrawnPage, names: FontNames) -> None:
        copied = self._copy(page)
        streams = [self._write_slot(slot, names, copied) for slot in page.slots]
        contents = [copied.static[0]]
        for stream, static in zip(streams, copied.static[1:], strict=True):
            contents += [stream, static]
        if self._layout is None:
            self._write_page(contents, page.source.box)
        else:
            self._put_on_sheet(self._layout, page.source, contents)

    def _copy(self, page: DrawnPage) -> CopiedPage:
        copied = self._copied.get(page.source)
        if copied is None:
            copied = self._resources.copy(page.source)
            if len(self._copied) >= _MAX_KNOWN_SOURCES:
                self._copied.clear()
            self._copied[page.source] = copied
        return copied

    def _write_slot(self, slot: bytes | PlacedText, names: FontNames, copied: CopiedPage) -> int:
        operators = slot if isinstance(slot, bytes) else slot.operators(names)
        is_long = len(operators) > _LONG_STREAM
        return self._writer.add_stream(rename(operators, copied.renamed), is_compressed=is_long)

    def _write_page(self, contents: Sequence[int], box: Sequence[float]) -> None:
        if not self._nodes or len(self._nodes[-1][1]) == _PAGES_A_NODE:
            self._nodes.append((self._writer.reserve(), []))
        parent, pages = self._nodes[-1]
        pages.append(
            self._writer.add_dictionary(
                b"<</Type/Page/Parent %d 0 R/MediaBox[%s]/Resources %d 0 R/Contents[%s]>>"
                % (parent, _numbers(box), self._resources.number, _references(contents))
            )
        )

    def _put_on_sheet(
        self, layout: SheetLayout, source: PageSource, contents: Sequence[int]
    ) -> None:
        sheet = self._sheet
        placed = layout.place(sheet.tickets, *_size(source))
        begin = _begin_of_ticket(placed, source.box, is_first=sheet.tickets == 0)
        sheet.contents += [self._resources.add_operators(begin), *contents]
        if layout.crop_marks:
            sheet.marks += [
                b"%s m %s l S" % (_numbers(line[:2]), _numbers(line[2:]))
                for line in layout.marks(sheet.tickets, placed)
            ]
        sheet.tickets += 1
        if sheet.tickets == layout.tickets:
            self._finish_sheet()

    def _finish_sheet(self) -> None:
        sheet, self._sheet = self._sheet, _Sheet()
        marks = b"\n".join([b"Q 0 G 0.25 w", *sheet.marks])
        sheet.contents.append(self._resources.add_operators(marks))
        width, height = self._layout.size  # type: ignore[union-attr]  # else there is no sheet
        self._write_page(sheet.contents, (0, 0, width, height))


def _join_group(needed: NeededGlyphs, groups: list[NeededGlyphs]) -> int:
    """Add glyphs to the first group in which none has another width; return its number."""
    fitting = (number for number, group in enumerate(groups) if _agree(needed, group))
    number = next(fitting, len(groups))
    if number == len(groups):
        groups.append({})
    for font, glyphs in needed.items():
        groups[number].setdefault(font, {}).update(glyphs)
    return number


def _agree(needed: NeededGlyphs, group: NeededGlyphs) -> bool:
    return all(
        group.get(font, {}).get(code, glyph) == glyph
        for font, glyphs in needed.items()
        for code, glyph in glyphs.items()
    )


def _size(source: PageSource) -> tuple[float, float]:
    left, bottom, right, top = source.box
    return right - left, top - bottom


def _begin_of_ticket(placed: Placement, box: Sequence[float], *, is_first: bool) -> bytes:
    """Return operators that end the ticket before, move to this one and cut what is beyond it."""
    left, bottom, *_ = box
    matrix = (
        placed.scale, 0, 0, placed.scale,
        placed.x - left * placed.scale, placed.y - bottom * placed.scale,
    )  # fmt: skip
    width, height = placed.width / placed.scale, placed.height / placed.scale
    clip = _numbers((left, bottom, width, height))
    return b"%sq %s cm %s re W n" % (b"" if is_first else b"Q ", _numbers(matrix), clip)


def _numbers(values: Sequence[float]) -> bytes:
    return " ".join(f"{value:.6f}".rstrip("0").rstrip(".") for value in values).encode()


def _references(numbers: Sequence[int]) -> bytes:
    return b" ".join([b"%d 0 R" % number for number in numbers])
