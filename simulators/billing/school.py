"""All students with their bills; payments and corrections change them."""

from collections.abc import Callable
from datetime import datetime
from threading import Lock

from simulators.billing.bills import SimulatedBill
from simulators.billing.changes import ChangeKind, ChangeLog
from simulators.billing.student import ACTIVE, JAKARTA, LEFT, SimulatedStudent
from simulators.http import Json

_MAX_BODIES = 20_000  # kept as text; about 40 MB


def _now() -> datetime:
    return datetime.now(JAKARTA)


class School:
    """All students by id, in order of ids; methods may be called from any thread."""

    def __init__(self, size: int, seed: int, clock: Callable[[], datetime] = _now) -> None:
        """Draw `size` students; `clock` returns a time with an offset."""
        self.seed, self.clock = seed, clock
        self.students = {
            one.idperson: one
            for one in (SimulatedStudent.draw(number, seed) for number in range(1, size + 1))
        }
        self.changes = ChangeLog()
        self._next_number = size + 1
        self._bodies: dict[tuple[str, int], bytes] = {}
        self._lock = Lock()

    def body(self, student: SimulatedStudent) -> bytes:
        """Return the record as JSON text, drawn once per version."""
        key = (student.idperson, student.version)
        if (body := self._bodies.get(key)) is None:
            if len(self._bodies) >= _MAX_BODIES:
                self._bodies.clear()
            body = self._bodies[key] = student.body()
        return body

    def pay(
        self, idperson: str, kind: str, amount: int, day: str, *, period: str = "", unit: str = ""
    ) -> SimulatedStudent:
        """Add a payment to the first bill that matches; LookupError without such a bill."""

        def add(bill: SimulatedBill) -> None:
            bill.payments.append((amount, day))

        return self._change_bill(idperson, (kind, period, unit), add)

    def reverse(
        self, idperson: str, kind: str, *, period: str = "", unit: str = ""
    ) -> SimulatedStudent:
        """Take the last payment back; LookupError without such a bill or payment."""

        def take_back(bill: SimulatedBill) -> None:
            if not bill.payments:
                raise LookupError(f"{idperson}: no payment of {kind} to reverse")
            bill.payments.pop()

        return self._change_bill(idperson, (kind, period, unit), take_back)

    def bill(
        self, idperson: str, kind: str, amount: int, *, period: str = "20252026", unit: str = "02"
    ) -> SimulatedStudent:
        """Set what is billed, with a new bill if there is none; LookupError for no student."""
        try:
            return self._change_bill(
                idperson, (kind, period, unit), lambda bill: setattr(bill, "billed", amount)
            )
        except LookupError:
            return self._edit(
                idperson, lambda bills: bills.append(SimulatedBill(period, kind, unit, amount))
            )

    def leave(self, idperson: str, *, is_removed: bool = False) -> None:
        """Mark a student as left, or remove the student and the record."""
        with self._lock:
            student = self._student(idperson)
            if is_removed:
                del self.students[idperson]
                self.changes.add(idperson, "delete")
            else:
                student.status = LEFT
                self._stamp(student)

    def join(self) -> SimulatedStudent:
        """Add a student under the next number."""
        with self._lock:
            student = SimulatedStudent.draw(self._next_number, self.seed)
            self._next_number += 1
            student.status = ACTIVE
            self.students[student.idperson] = student
            self._stamp(student, "insert")
            return student

    def totals(self, period: str = "") -> list[Json]:
        """Return students, billed and paid rupiah per period and kind of bill; reads all bills."""
        found: dict[tuple[str, str], list[int]] = {}
        for student in list(self.students.values()):
            counted: set[tuple[str, str]] = set()
            for bill in student.current_bills():
                if period in {"", bill.period}:
                    key = (bill.period, bill.category)
                    sums = found.setdefault(key, [0, 0, 0])
                    sums[0] += key not in counted
                    sums[1] += bill.billed
                    sums[2] += bill.paid
                    counted.add(key)
        return [
            {"period_id": year, "category_name": kind,
             "students": count, "total_billed": billed, "total_paid": paid}
            for (year, kind), (count, billed, paid) in sorted(found.items())
        ]  # fmt: skip

    def _change_bill(
        self, idperson: str, wanted: tuple[str, str, str], change: Callable[[SimulatedBill], object]
    ) -> SimulatedStudent:
        kind, period, unit = wanted

        def change_first(bills: list[SimulatedBill]) -> None:
            for bill in bills:
                if (
                    bill.category == kind
                    and period in {"", bill.period}
                    and unit in {"", bill.unit}
                ):
                    change(bill)
                    return
            raise LookupError(f"{idperson} has no bill {' '.join(filter(None, wanted))}")

        return self._edit(idperson, change_first)

    def _edit(
        self, idperson: str, edit: Callable[[list[SimulatedBill]], object]
    ) -> SimulatedStudent:
        with self._lock:
            student = self._student(idperson)
            bills = student.current_bills()
            edit(bills)
            student.bills = bills
            self._stamp(student)
            return student

    def _stamp(self, student: SimulatedStudent, kind: ChangeKind = "update") -> None:
        """Give a changed student a new version and time, and record the change."""
        student.version += kind == "update"
        student.updated_at = f"{self.clock().astimezone(JAKARTA):%Y-%m-%d %H:%M:%S}"
        self.changes.add(student.idperson, kind)

    def _student(self, idperson: str) -> SimulatedStudent:
        if (student := self.students.get(idperson)) is None:
            raise LookupError(f"no student {idperson!r}")
        return student
