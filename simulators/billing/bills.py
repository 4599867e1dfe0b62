"""Bills of a student, drawn from random bytes: the same bytes give the same bills."""

from dataclasses import dataclass, field
from datetime import date, timedelta

from simulators.http import Json

PERIODS = ("20232024", "20242025", "20252026")
DRAW_BYTES = 16  # random bytes that draw_bills needs
_TODAY = date(2026, 2, 10)  # no drawn payment is later
_FIRST_YEAR = 2023
# category, unit, rupiah; the three institutions of a boarding school bill one student
_YEARLY = (
    ("SPP", "02", 4_200_000),
    ("SPP", "11", 600_000),
    ("Kegiatan", "02", 750_000),
    ("Asrama", "07", 3_600_000),
    ("Makan", "07", 5_400_000),
)
_ENTRY = ("Uang Gedung", "02", 2_500_000)
_GRADUATION = ("Wisuda", "02", 650_000)
_PUNCTUAL_OF_128 = 70  # students without arrears
_BOARDING_UNIT = "07"
_LAST_GRADES = (2, 5)  # IX and XII
UNITS = {"02": "Sekolah", "07": "Asrama", "11": "Madrasah Diniyah"}


@dataclass(slots=True)
class SimulatedBill:
    """A bill of one kind, unit and period; payments are pairs of rupiah and ISO date."""

    period: str
    category: str
    unit: str
    billed: int
    payments: list[tuple[int, str]] = field(default_factory=list)
    notation: int = 0  # how the source writes the amounts: 0, 1 or 2

    @property
    def paid(self) -> int:
        """Return the sum of the payments in rupiah."""
        return sum(amount for amount, _ in self.payments)

    def to_json(self) -> Json:
        """Return the item of a category. Amounts are text with or without decimals, or numbers."""
        paid = self.paid
        return {
            "unit_id": self.unit,
            "unit_name": UNITS.get(self.unit, f"Unit {self.unit}"),
            "amount_billed": _write(self.billed, self.notation),
            "amount_paid": _write(paid, self.notation) if paid or self.notation else None,
            "remaining_balance": max(self.billed - paid, 0),
            "payment_status": "paid" if paid >= self.billed else "unpaid",
            "journal_date": self.payments[-1][1] if self.payments else "",
        }


def draw_bills(draw: bytes, grade: int) -> list[SimulatedBill]:
    """Return the bills of up to three periods, oldest first, for DRAW_BYTES random bytes."""
    bills: list[SimulatedBill] = []
    is_punctual = draw[0] // 2 < _PUNCTUAL_OF_128
    is_boarder, scholarship, start = draw[0] % 2, draw[1], max(len(PERIODS) - 1 - grade % 3, 0)
    for number in range(start, len(PERIODS)):
        kinds = [kind for kind in _YEARLY if is_boarder or kind[1] != _BOARDING_UNIT]
        kinds += [_ENTRY] if number == start else []
        if number == len(PERIODS) - 1 and grade in _LAST_GRADES:
            kinds.append(_GRADUATION)
        for category, unit, rupiah in kinds:
            at = 2 + (len(bills) * 5 + number) % (DRAW_BYTES - 2)
            byte = draw[at] ^ (len(bills) * 37 & 255)
            billed = _reduce(rupiah, scholarship) if category == "SPP" else rupiah
            payments = _payments(billed, byte | 128 if is_punctual else byte, number)
            bill = SimulatedBill(PERIODS[number], category, unit, billed, payments, byte % 3)
            bills.append(bill)
    return bills


def _reduce(rupiah: int, scholarship: int) -> int:
    """Return the amount after a scholarship: nothing for one in 64, half for one in 16."""
    if scholarship < 4:  # noqa: PLR2004 - of 256
        return 0
    return rupiah // 2 if scholarship < 20 else rupiah  # noqa: PLR2004 - of 256


def _payments(billed: int, byte: int, number: int) -> list[tuple[int, str]]:
    """Return no, one or several payments; bills of former periods are mostly settled."""
    is_current = number == len(PERIODS) - 1
    if not billed or byte < (50 if is_current else 8):
        return []
    first = _day(number, byte)
    if byte < (115 if is_current else 25):
        return [(billed // 3, first)]
    if byte > 252:  # noqa: PLR2004 - overpaid, one in 85
        return [(billed + 50_000, first)]
    if byte % 4 == 0:
        return [(billed // 2, first), (billed - billed // 2, _day(number, byte, 30))]
    return [(billed, first)]


def _day(number: int, byte: int, later: int = 0) -> str:
    day = date(_FIRST_YEAR + number, 7, 5) + timedelta(days=byte * 3 // 4 + later)
    return min(day, _TODAY).isoformat()


def _write(rupiah: int, notation: int) -> str | int:
    return (f"{rupiah}.00", str(rupiah), rupiah)[notation]
