"""What is learnt about the slots of pages that differ in their baked texts only.

Each text of a slot belongs to a class: its font style and the heights of its lines. The first text
of a class is laid out by WeasyPrint, which tells where lines stand; it also proves that the text
moves nothing else and that our operators are those of WeasyPrint. The next ones only need
arithmetic.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ticketing.documents.printed_page import PrintedPage
from ticketing.documents.stamping.operators import last_font, same_line
from ticketing.documents.stamping.page_layout import LayoutMarker, MarkedLayout, places_of
from ticketing.documents.stamping.pair_table import SetLine, SharedWidths
from ticketing.documents.stamping.placement import SlotPlace
from ticketing.documents.stamping.slots import NotStampable
from ticketing.documents.stamping.text_setter import Geometry, PlacedText, TextSetter
from ticketing.documents.stamping.weasyprint_access import PagePainter
from ticketing.documents.template_html import fitted_style
from ticketing.documents.weasyprint_engine import overflowing_fields

MAX_SHRINK_STEPS = 7  # the renderer tries eight layouts
_MAX_CLASSES = 1_000  # of one slot at one size
_MAX_REMEMBERED_TEXTS = 1_000
_TOLERANCE_PX = 1e-4


@dataclass(frozen=True, slots=True)
class BasePage:
    """A variant as laid out with probes: what may not change with the text of a slot."""

    printed: PrintedPage
    probes: Mapping[str, str]
    layout: MarkedLayout
    places: tuple[SlotPlace, ...]


@dataclass(frozen=True, slots=True)
class _LatestLayout:
    base: BasePage
    key: tuple[int, str, int]
    layout: MarkedLayout


class PageFamily:
    """Slots of pages whose places and styles are the same. Not thread-safe."""

    def __init__(self, marker: LayoutMarker, painter: PagePainter, shared: SharedWidths) -> None:
        """`shared` are the widths of glyphs that the fonts of each of these pages have."""
        self._marker, self._painter, self._shared = marker, painter, shared
        self._setters: dict[tuple[int, str, int], TextSetter] = {}
        self._remembered: dict[tuple[int, str], bytes | PlacedText] = {}
        self._latest: _LatestLayout | None = None

    def place(self, base: BasePage, number: int, text: str) -> bytes | PlacedText:
        """Return the lines of a slot. Raises NotStampable, or TextDoesNotFit."""
        placed = self._remembered.get((number, text))
        if placed is None:
            placed = self._place(base, number, text)
            if len(self._remembered) >= _MAX_REMEMBERED_TEXTS:
                self._remembered.clear()
            self._remembered[number, text] = placed
        return placed

    def _place(self, base: BasePage, number: int, text: str) -> bytes | PlacedText:
        field = base.layout.marks[number].field
        box = base.layout.fit_boxes.get(field)
        for step in range(MAX_SHRINK_STEPS + 1):
            style = "" if box is None else fitted_style(text, box, step)
            placed = self._place_at_size(base, number, text, (number, style, step))
            if placed is not None:
                return placed
            if box is None:
                break
        raise NotStampable(field, f"{field} overflows its box")

    def _place_at_size(
        self, base: BasePage, number: int, text: str, key: tuple[int, str, int]
    ) -> bytes | PlacedText | None:
        setter = self._setters.get(key)
        if setter is None:
            setter = self._learn_style(base, number, text, key)
        line = setter.draw_line(text)
        if line is not None:
            return line
        lines = setter.set_lines(text)
        metrics = tuple([line.metrics for line in lines])
        try:
            geometry = setter.geometries[metrics]
        except KeyError:
            geometry = self._learn(base, number, text, key[2], lines, setter)
            if len(setter.geometries) >= _MAX_CLASSES:
                setter.geometries.clear()
            setter.geometries[metrics] = geometry
        if isinstance(geometry, NotStampable):
            raise NotStampable(geometry.field, str(geometry))
        return None if geometry is None else setter.draw(lines, geometry)

    def _layout(self, base: BasePage, number: int, text: str, step: int) -> MarkedLayout:
        """Return the layout with a text, the latest one from memory: two steps need it."""
        field = base.layout.marks[number].field
        latest = self._latest
        if latest is not None and latest.base is base and latest.key == (number, text, step):
            return latest.layout
        texts = {**base.probes, field: text}
        layout = self._marker.lay_out(base.printed, texts, {field: step})
        self._latest = _LatestLayout(base, (number, text, step), layout)
        return layout

    def _learn_style(
        self, base: BasePage, number: int, text: str, key: tuple[int, str, int]
    ) -> TextSetter:
        layout = self._layout(base, number, text, key[2])
        field = layout.marks[number].field
        place = places_of(layout)[number]
        box = layout.boxes[number][0]
        if box.fit is not None and key[1] not in box.fit.element.get("style"):
            raise NotStampable(field, f"{field} has two boxes of fit() on the page; keep one")
        if not _same_place(place, base.places[number]):
            raise NotStampable(
                field, f"the element of {field} becomes wider with its text; give it a width"
            )
        setter = TextSetter(box, place, self._painter, self._shared)
        self._setters[key] = setter
        return setter

    def _learn(  # noqa: PLR0917  # one text in all its aspects
        self,
        base: BasePage,
        number: int,
        text: str,
        step: int,
        lines: list[SetLine],
        setter: TextSetter,
    ) -> Geometry:
        try:
            layout = self._layout(base, number, text, step)
            self._latest = None
            return self._proved(base, layout, number, lines, setter)
        except NotStampable as reason:
            return reason.with_traceback(None)  # which would keep the layout in memory

    def _proved(
        self,
        base: BasePage,
        layout: MarkedLayout,
        number: int,
        lines: list[SetLine],
        setter: TextSetter,
    ) -> tuple[bytes, ...] | None:
        """Return the baselines, if WeasyPrint has drawn the lines that we would draw.

        None for a text that overflows its box.
        """
        field = layout.marks[number].field
        overflowing = overflowing_fields(layout.document)
        _require_nothing_moved(base.layout, layout, field)
        if field in overflowing:
            return None
        if overflowing:
            raise NotStampable(field, f"{field} leaves the page")
        drawn = layout.text_slot(number).lines
        if len(drawn) != len(lines) or (setter.place.is_after_text and len(lines) > 1):
            raise NotStampable(field, f"{field} is broken into other lines")
        fonts = [None, *(last_font(line.operators) for line in lines)]
        for at, (ours, theirs) in enumerate(zip(lines, drawn, strict=True)):
            x = setter.place.x_of(ours.width)
            if abs(x - theirs.x) > _TOLERANCE_PX or not same_line(
                theirs, ours.operators, fonts[at]
            ):
                raise NotStampable(field, f"{field} is drawn in another way")
        return tuple(line.y for line in drawn)


def _require_nothing_moved(base: MarkedLayout, other: MarkedLayout, field: str) -> None:
    """Raise NotStampable when a text of the field moved something else on the page."""
    if base.parts.static != other.parts.static:
        raise moved(field)
    for number, mark in enumerate(base.marks):
        if mark.field != field and base.text_slot(number) != other.text_slot(number):
            raise moved(field)


def moved(field: str) -> NotStampable:
    """Return the refusal of a field that moves other content."""
    return NotStampable(
        field, f"{field} moves what is around it; give its element a fixed width and height"
    )


def _same_place(one: SlotPlace, other: SlotPlace) -> bool:
    return one.share == other.share and all(
        abs(first - second) < _TOLERANCE_PX
        for first, second in ((one.left, other.left), (one.room, other.room))
    )
