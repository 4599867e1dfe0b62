"""Texts of a ticket that mark their place in the page when a template prints them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NoReturn

from markupsafe import Markup

from ticketing.documents.template_context import EXTRA_PREFIX

# every other variable is the same on many tickets and baked into a variant
SLOT_FIELDS = (
    "fullName",
    "firstName",
    "lastName",
    "email",
    "seat",
    "ticketCode",
    "generatedAt",
)
SLOT_TAG = "ticket-slot"
_MAX_SLOTS = 200  # each has a colour of its own


class NotStampable(Exception):
    """A template, or a text on it, that must be rendered in full; `field` is the variable."""

    def __init__(self, field: str, reason: str) -> None:
        """`reason` names the way out."""
        super().__init__(reason)
        self.field = field


@dataclass(frozen=True, slots=True)
class SlotMark:
    """One printed occurrence of a field."""

    field: str
    text: str


class SlotMarks:
    """The occurrences of fields in one rendering of a template, in the order of printing."""

    def __init__(self) -> None:
        self.marks: list[SlotMark] = []

    def add(self, field: str, text: str) -> Markup:
        """Return the text in an element of its own colour."""
        if len(self.marks) == _MAX_SLOTS:
            raise NotStampable(field, f"the page has more than {_MAX_SLOTS} texts of the ticket")
        number = len(self.marks)
        self.marks.append(SlotMark(field, text))
        red, green, blue = marker_colour(number)
        return Markup('<{0} data-slot="{1}" style="color:rgb({2},{3},{4})">{5}</{0}>').format(
            SLOT_TAG, number, red, green, blue, text
        )


def element_of_slot(_field: str, text: str) -> Markup:
    """Return the text in an element without colour, for a full render.

    It parts the text from one before it: WeasyPrint rounds the advances of a run of text, so that
    a slot in the middle of a run would be up to a third of a pixel beside its place.
    """
    return Markup("<{0}>{1}</{0}>").format(SLOT_TAG, text)


def marker_colour(number: int) -> tuple[int, int, int]:
    """Return the colour that marks a slot in the operators of the page."""
    return number + 1, 254 - number, 253


def is_slot(field: str) -> bool:
    """Return whether the field differs from ticket to ticket."""
    return field in SLOT_FIELDS or field.startswith(EXTRA_PREFIX)


def mark_slots(
    texts: Mapping[str, str], print_slot: Callable[[str, str], Markup]
) -> dict[str, object]:
    """Return the texts for a template, with slots in place of those that differ.

    `print_slot` returns what a template prints for a field and its text. An empty text stays
    empty: whether a text is there is a property of the variant.
    """
    return {
        field: SlotText(field, text, print_slot) if text and is_slot(field) else text
        for field, text in texts.items()
    }


def _refuse(operation: str) -> Callable[..., NoReturn]:
    def method(self: "SlotText", *_: object, **__: object) -> NoReturn:
        raise NotStampable(
            self.field,
            f"{self.field} {operation}; print it as it is and use CSS, or a column of the roster",
        )

    return method


class SlotText:
    """A text that can be printed and tested for presence. Everything else raises NotStampable."""

    def __init__(self, field: str, text: str, print_slot: Callable[[str, str], Markup]) -> None:
        """`print_slot` is called for each printing."""
        self.field, self._text, self._print = field, text, print_slot

    def __html__(self) -> Markup:
        return self._print(self.field, self._text)

    __str__ = __format__ = _refuse("is passed through a filter or a format")
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse("is compared")
    __hash__ = __contains__ = _refuse("is looked up")
    __len__ = __getitem__ = __iter__ = _refuse("is cut or counted")
    __add__ = __radd__ = __mul__ = __mod__ = __rmod__ = _refuse("is joined with an operator")

    def __bool__(self) -> bool:
        return True
