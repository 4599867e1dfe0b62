"""Where tickets stand on a sheet of paper, and the marks along which they are cut; pure functions.

Lengths are in points of 1/72 inch, from the lower left corner of the sheet.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from ticketing.platform.kernel.errors import Refused

POINTS_A_MM = 72 / 25.4
MARK_MM, MARK_DISTANCE_MM = 4, 1
LEAST_SCALE = 0.4  # the QR code of a built-in template is 18 mm wide then
MAX_IN_A_ROW = 20


class Paper(StrEnum):
    """Sizes of paper."""

    A3 = "a3"
    A4 = "a4"
    A5 = "a5"
    LETTER = "letter"
    LEGAL = "legal"


_SIZES_MM = {
    Paper.A3: (297, 420), Paper.A4: (210, 297), Paper.A5: (148, 210),
    Paper.LETTER: (215.9, 279.4), Paper.LEGAL: (215.9, 355.6),
}  # fmt: skip


class DoesNotFitSheet(Refused):
    """The tickets would be too small on this sheet, or nothing of it is left."""


@dataclass(frozen=True, slots=True)
class Placement:
    """A ticket on a sheet: its lower left corner, its size there, and its scale."""

    x: float
    y: float
    width: float
    height: float
    scale: float


@dataclass(frozen=True, slots=True)
class SheetLayout:
    """Paper and a grid of tickets, which are centred in their cells and never enlarged."""

    paper: Paper = Paper.A4
    columns: int = 1
    rows: int = 1
    margin_mm: float = 8
    gap_mm: float = 0
    is_landscape: bool = False
    crop_marks: bool = False

    def __post_init__(self) -> None:
        """Raise DoesNotFitSheet for a grid without space for tickets."""
        for name, count in (("columns", self.columns), ("rows", self.rows)):
            if not 1 <= count <= MAX_IN_A_ROW:
                raise DoesNotFitSheet(f"{name} {count}: a sheet has 1 to {MAX_IN_A_ROW}")
        for name, length in (("margin", self.margin_mm), ("gap", self.gap_mm)):
            if length < 0:
                raise DoesNotFitSheet(f"{name} {length:g} mm: use 0 or more")
        if min(self._cell_size()) <= 0:
            raise DoesNotFitSheet(
                f"margin {self.margin_mm:g} mm and gap {self.gap_mm:g} mm leave nothing of"
                f" {self.paper}: use smaller ones"
            )

    @property
    def tickets(self) -> int:
        """Return the number of tickets on a sheet."""
        return self.columns * self.rows

    @property
    def size(self) -> tuple[float, float]:
        """Return width and height of the sheet."""
        width, height = (length * POINTS_A_MM for length in _SIZES_MM[self.paper])
        return (height, width) if self.is_landscape else (width, height)

    def place(self, number: int, width: float, height: float) -> Placement:
        """Return where a ticket of this size stands; cells are numbered as one reads.

        Raises DoesNotFitSheet when it would be too small for scanners.
        """
        cell_width, cell_height = self._cell_size()
        scale = min(1.0, cell_width / width, cell_height / height)
        if scale < LEAST_SCALE:
            raise DoesNotFitSheet(
                f"{self.columns} x {self.rows} tickets on {self.paper} would be printed at"
                f" {scale:.0%} of their size, {LEAST_SCALE:.0%} is the least that scanners read:"
                " use fewer columns or rows, larger paper, or landscape"
            )
        row, column = divmod(number, self.columns)
        margin, gap = self.margin_mm * POINTS_A_MM, self.gap_mm * POINTS_A_MM
        _, sheet_height = self.size
        left = margin + column * (cell_width + gap)
        bottom = sheet_height - margin - (row + 1) * cell_height - row * gap
        drawn_width, drawn_height = width * scale, height * scale
        return Placement(
            left + (cell_width - drawn_width) / 2, bottom + (cell_height - drawn_height) / 2,
            drawn_width, drawn_height, scale,
        )  # fmt: skip

    def marks(self, number: int, placed: Placement) -> Iterator[tuple[float, float, float, float]]:
        """Yield the lines beside the corners of a ticket, none of which touches a neighbour."""
        row, column = divmod(number, self.columns)
        across, down = self._free_beside(placed)
        left = self._length(across, is_outer=column == 0)
        right = self._length(across, is_outer=column == self.columns - 1)
        above = self._length(down, is_outer=row == 0)
        below = self._length(down, is_outer=row == self.rows - 1)
        distance = MARK_DISTANCE_MM * POINTS_A_MM
        x, y, ends, top = placed.x, placed.y, placed.x + placed.width, placed.y + placed.height
        for level in (y, top):
            if left:
                yield x - distance, level, x - distance - left, level
            if right:
                yield ends + distance, level, ends + distance + right, level
        for level in (x, ends):
            if below:
                yield level, y - distance, level, y - distance - below
            if above:
                yield level, top + distance, level, top + distance + above

    def _free_beside(self, placed: Placement) -> tuple[float, float]:
        """Return half of the space between two tickets, across and down."""
        cell_width, cell_height = self._cell_size()
        gap = self.gap_mm * POINTS_A_MM
        return (gap + cell_width - placed.width) / 2, (gap + cell_height - placed.height) / 2

    def _length(self, half_of_gap: float, *, is_outer: bool) -> float:
        """Return the length of a mark, 0 where there is no space for one."""
        space = half_of_gap
        if is_outer:
            space += (self.margin_mm - self.gap_mm / 2) * POINTS_A_MM
        return max(0.0, min(MARK_MM * POINTS_A_MM, space - MARK_DISTANCE_MM * POINTS_A_MM))

    def _cell_size(self) -> tuple[float, float]:
        margin, gap = self.margin_mm * POINTS_A_MM, self.gap_mm * POINTS_A_MM
        width, height = self.size
        return (
            (width - 2 * margin - (self.columns - 1) * gap) / self.columns,
            (height - 2 * margin - (self.rows - 1) * gap) / self.rows,
        )
