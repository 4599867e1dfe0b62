"""One page of a template with its baked texts, cut at its slots."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ticketing.documents.printed_page import QR_URL, PrintedPage, qr_variables
from ticketing.documents.qr import QrCode
from ticketing.documents.stamping.operators import PageParts, TextSlot, split_page
from ticketing.documents.stamping.placement import SlotPlace, place_of
from ticketing.documents.stamping.slots import NotStampable, SlotMark, SlotMarks, mark_slots
from ticketing.documents.stamping.weasyprint_access import PagePainter, SlotBox, slot_boxes
from ticketing.documents.template_html import ShrinkSteps, TicketHtmlTemplate
from ticketing.documents.text_fitting import TextBox
from ticketing.documents.weasyprint_engine import TemplatePdfWriter, qr_operator


@dataclass(frozen=True, slots=True)
class MarkedLayout:
    """A layout whose slots are marked: its parts, and the boxes of each slot by number."""

    document: Any
    marks: Sequence[SlotMark]
    fit_boxes: Mapping[str, TextBox]
    parts: PageParts
    boxes: Mapping[int, Sequence[SlotBox]]

    def text_slot(self, number: int) -> TextSlot:
        """Return the slot of a mark."""
        return next(
            slot
            for slot in self.parts.slots
            if isinstance(slot, TextSlot) and slot.number == number
        )


class LayoutMarker:
    """Lays out a template with marked slots. Not thread-safe."""

    def __init__(
        self, page: TicketHtmlTemplate, writer: TemplatePdfWriter, painter: PagePainter
    ) -> None:
        """`page` and `writer` are of one template."""
        self._page, self._writer, self._painter = page, writer, painter
        self.layouts = 0  # that were needed, for measurements

    def lay_out(
        self, printed: PrintedPage, texts: Mapping[str, str], shrink_steps: ShrinkSteps
    ) -> MarkedLayout:
        """Return the page of a ticket with these texts. Raises NotStampable."""
        self.layouts += 1
        marks, fit_boxes = SlotMarks(), dict[str, TextBox]()
        html = self._page.render_html(
            {**mark_slots(texts, marks.add), **printed.event.language, **qr_variables()},
            shrink_steps,
            plain_texts=texts,
            boxes=fit_boxes,
        )
        blank = QrCode.without_modules(printed.qr_side)
        document = self._writer.layout(html + printed.event.banner, {QR_URL: blank})
        with self._writer.warnings_as_errors():
            operators = self._painter.paint_page(document)
        parts = split_page(operators, marks.marks, qr_operator(blank))
        boxes = slot_boxes(document)
        _require_the_same_texts(marks.marks, boxes)
        return MarkedLayout(document, marks.marks, fit_boxes, parts, boxes)


def _require_the_same_texts(
    marks: Sequence[SlotMark], boxes: Mapping[int, Sequence[SlotBox]]
) -> None:
    for number, mark in enumerate(marks):
        shown = "".join(box.text.text for box in boxes.get(number, ()))
        if shown.replace(" ", "") != mark.text.replace(" ", ""):
            raise NotStampable(
                mark.field,
                f"{mark.field} is changed by a filter or by text-transform; print it as it is",
            )


def places_of(layout: MarkedLayout) -> tuple[SlotPlace, ...]:
    """Return the place of each slot. Raises NotStampable."""
    places = []
    for number, mark in enumerate(layout.marks):
        box = layout.boxes[number][0]
        if box.fit is not None and box.fit.element.get("data-fit") != mark.field:
            raise NotStampable(
                mark.field,
                f"{mark.field} is in the fit() box of {box.fit.element.get('data-fit')}; give it"
                " one of its own",
            )
        places.append(place_of(mark.field, box))
    return tuple(places)
