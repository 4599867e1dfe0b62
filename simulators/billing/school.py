"""Students and their bills, the same for equal seeds; payments change them."""

import random
from dataclasses import dataclass, field
from threading import Lock

from simulators.http import Json

_FIRST_NAMES = ("Aisyah", "Budi", "Citra", "Dewi", "Eko", "Fajar", "Gita", "Hasan", "Intan", "Joko")
_LAST_NAMES = ("Santoso", "Wijaya", "Pratama", "Lestari", "Hidayat", "Kusuma", "Nugroho")
_KINDS = (("SPP", "02", 1_200_000), ("Asrama", "07", 900_000), ("Wisuda", "02", 150_000))


@dataclass
class SimulatedBill:
    """A bill of one kind; `journal_date` is that of the last payment."""

    kind: str
    unit: str
    billed: int
    paid: int = 0
    journal_date: str = ""

    def to_json(self) -> Json:
        """Return the item of a category."""
        return {
            "unit_id": self.unit,
            "unit_name": f"Unit {self.unit}",
            "amount_billed": f"{self.billed}.00",
            "amount_paid": str(self.paid),
            "remaining_balance": self.billed - self.paid,
            "payment_status": "paid" if self.paid >= self.billed else "unpaid",
            "journal_date": self.journal_date,
        }


@dataclass
class SimulatedStudent:
    """A student with the version of the record."""

    idperson: str
    name: str
    group: str
    bills: list[SimulatedBill] = field(default_factory=list)
    version: int = 1

    def listed(self) -> Json:
        """Return the item of the list."""
        return {
            "idperson": self.idperson, "nama": self.name, "kelas": self.group, "status": "aktif",
            "updated_at": "2026-02-10 08:00:00",
        }  # fmt: skip

    def record(self) -> Json:
        """Return the payment record."""
        categories = [
            {"category_name": bill.kind, "items": [bill.to_json()]} for bill in self.bills
        ]
        billed, paid = sum(b.billed for b in self.bills), sum(b.paid for b in self.bills)
        summary = {"total_billed": billed, "total_paid": paid, "total_remaining": billed - paid}
        period = {
            "period_id": "20252026", "kelas_info": self.group, "summary": summary,
            "categories": categories,
        }  # fmt: skip
        person = {"idperson": self.idperson, "saldo": "0.00", "periods": [period]}
        return {"status": True, "data": [person]}


class School:
    """All students by id, in order of ids."""

    def __init__(self, size: int, seed: int) -> None:
        self._lock = Lock()
        self.students = {
            one.idperson: one for one in (_student(number, seed) for number in range(1, size + 1))
        }

    def pay(self, idperson: str, kind: str, amount: int, day: str) -> SimulatedStudent | None:
        """Add a payment, or take one back with a negative amount; None for an unknown bill."""
        with self._lock:
            student = self.students.get(idperson)
            bills = [bill for bill in student.bills if bill.kind == kind] if student else []
            if student is None or not bills:
                return None
            bills[0].paid += amount
            bills[0].journal_date = day
            student.version += 1
            return student


def _student(number: int, seed: int) -> SimulatedStudent:
    draw = random.Random(f"{seed}:{number}")  # noqa: S311 - nothing here is a secret
    name = f"{draw.choice(_FIRST_NAMES)} {draw.choice(_LAST_NAMES)}"
    student = SimulatedStudent(f"{number:07d}", name, f"XI {draw.choice('ABCD')}")
    for kind, unit, billed in _KINDS[: draw.randint(1, len(_KINDS))]:
        paid = draw.choice((0, billed // 2, billed))
        day = f"2026-01-{draw.randint(1, 28):02d}" if paid else ""
        student.bills.append(SimulatedBill(kind, unit, billed, paid, day))
    return student
