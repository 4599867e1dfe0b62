"""Where the lines of a slot stand: its block, alignment, and which CSS stamping can follow."""

from dataclasses import dataclass
from typing import Any

from ticketing.documents.stamping.slots import NotStampable
from ticketing.documents.stamping.weasyprint_access import SlotBox

_TOLERANCE_PX = 0.5
# the value that each property must have, and what an author does instead
_REQUIRED = {
    "text_transform": ("none", "write the text in capitals in the roster"),
    "text_decoration_line": ("none", "draw a border"),
    "hyphens": ("manual", "remove `hyphens`"),
    "visibility": ("visible", "make it visible"),
}


@dataclass(frozen=True, slots=True)
class SlotPlace:
    """The space of a slot's lines in CSS pixels; `share` of the free space is left of a line."""

    left: float
    room: float
    share: float
    is_after_text: bool

    def x_of(self, width: float) -> float:
        """Return where a line of this width begins."""
        return self.left + (self.room - width) * self.share


def place_of(field: str, box: SlotBox) -> SlotPlace:
    """Return the place of a slot. Raises NotStampable for CSS that stamping cannot follow."""
    _require_plain_css(field, box)
    others = [each for each in box.line.descendants() if _is_content(each, box)]
    share = _share_left(box)
    left, room = box.block.content_box_x(), box.block.width
    if not others:
        return SlotPlace(left, room, share, is_after_text=False)
    begins, ends = box.text.position_x, box.text.position_x + box.text.width
    is_rtl = box.line.style["direction"] == "rtl"
    is_last = all(
        each.position_x >= ends - _TOLERANCE_PX
        if is_rtl
        else each.position_x <= begins - _TOLERANCE_PX
        for each in others
    )
    if share != is_rtl or not is_last:
        raise NotStampable(
            field,
            f"other content stands after {field} on its line; put it into an element of its own"
            " with a width",
        )
    if is_rtl:
        return SlotPlace(left, ends - left, share, is_after_text=True)
    return SlotPlace(begins, room - (begins - left), share, is_after_text=True)


def _is_content(each: Any, box: SlotBox) -> bool:  # noqa: ANN401  # weasyprint is untyped
    """Return whether a box of the line is drawn there, beside the text of the slot."""
    if each is box.text or type(each).__name__ in {"InlineBox", "LineBox"}:
        return False
    return bool(each.text.strip()) if hasattr(each, "text") else True


def _share_left(box: SlotBox) -> float:
    is_rtl = box.line.style["direction"] == "rtl"
    return {
        "left": 0,
        "right": 1,
        "center": 0.5,
        "start": float(is_rtl),
        "end": float(not is_rtl),
        "justify": float(is_rtl),
    }[box.line.style["text_align_all"]]


def _require_plain_css(field: str, box: SlotBox) -> None:
    for name, (required, instead) in _REQUIRED.items():
        if box.style[name] not in {required, "none"}:
            css = name.replace("_", "-")
            raise NotStampable(field, f"{css} changes {field} after it is printed; {instead}")
    block = box.block.style
    if block["text_overflow"] != "clip" or block["block_ellipsis"] != "none":
        raise NotStampable(field, f"{field} may be cut with an ellipsis; use fit() instead")
    if block["text_align_all"] == "justify":
        raise NotStampable(field, f"{field} is justified; align it to the left, right or centre")
    if getattr(block["text_indent"], "value", block["text_indent"]):
        raise NotStampable(field, f"{field} has text-indent; use a padding")
    fit = box.fit
    if fit is not None and not _holds(fit, box.block):
        raise NotStampable(field, f"the element of {field} is wider than its fit() box")


def _holds(outer: object, inner: object) -> bool:
    """Return whether the content of a box is beside the edges of the other one."""
    left, right = outer.content_box_x(), outer.content_box_x() + outer.width  # type: ignore[attr-defined]
    begin, end = inner.content_box_x(), inner.content_box_x() + inner.width  # type: ignore[attr-defined]
    return bool(left - _TOLERANCE_PX <= begin and end <= right + _TOLERANCE_PX)
