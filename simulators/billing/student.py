"""A student with the payment record in the nested form of a boarding school."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from hashlib import blake2b
from zlib import crc32

from simulators.billing.bills import DRAW_BYTES, PERIODS, SimulatedBill, draw_bills
from simulators.billing.names import GRADES, class_for, name_for
from simulators.http import Json

JAKARTA = timezone(timedelta(hours=7))
ACTIVE, LEFT = "aktif", "keluar"
_WITHOUT_BILLS_OF_256 = 1


@dataclass(slots=True)
class SimulatedStudent:
    """A student; `drawn` are the bytes that name and bills come from.

    `bills` is None until a bill changes: before that they are drawn whenever they are needed, so
    that 100,000 students need little memory.
    """

    idperson: str
    drawn: bytes
    name: str
    group: str
    status: str
    updated_at: str  # Jakarta time without an offset, "2026-02-10 08:00:00"
    version: int = 1
    bills: list[SimulatedBill] | None = None

    @classmethod
    def draw(cls, number: int, seed: int) -> "SimulatedStudent":
        """Return student `number`; equal seeds give equal students."""
        drawn = blake2b(f"{seed}:{number}".encode(), digest_size=8 + DRAW_BYTES).digest()
        updated = (
            f"2026-{1 + drawn[5] % 2:02d}-{1 + drawn[6] % 9:02d} {7 + drawn[7] % 12:02d}:15:00"
        )
        return cls(
            f"{number:07d}",
            drawn,
            name_for(drawn[:3]),
            class_for(drawn[3] % len(GRADES), drawn[4]),
            LEFT if drawn[5] < 3 else ACTIVE,  # noqa: PLR2004 - one in a hundred
            updated,
        )

    def current_bills(self) -> list[SimulatedBill]:
        """Return the bills; a change to an unchanged student's bills is lost."""
        if self.bills is not None:
            return self.bills
        if self.drawn[6] < _WITHOUT_BILLS_OF_256:
            return []
        return draw_bills(self.drawn[8:], self.drawn[3] % len(GRADES))

    def listed(self) -> Json:
        """Return the item of the list of students."""
        return {
            "idperson": self.idperson,
            "nama": self.name,
            "kelas": self.group,
            "status": self.status,
            "updated_at": self.updated_at,
        }

    def etag(self, seed: int) -> str:
        """Return the strong ETag of the record."""
        text = f"{seed}:{self.idperson}:{self.updated_at}"  # versions restart with the simulator
        return f'"{crc32(text.encode()):08x}-{self.version}"'

    @property
    def last_modified(self) -> str:
        """Return the time of the last change as an HTTP date."""
        at = datetime.fromisoformat(self.updated_at).replace(tzinfo=JAKARTA)
        return format_datetime(at.astimezone(UTC), usegmt=True)

    def record(self) -> Json:
        """Return the payment record; a student without bills has an empty list."""
        bills = self.current_bills()
        if not bills:
            return {"status": True, "data": []}
        present = [one for one in PERIODS if any(bill.period == one for bill in bills)]
        known = present + sorted({bill.period for bill in bills} - set(PERIODS))
        periods = [self._period(one, [bill for bill in bills if bill.period == one])
                   for one in known]  # fmt: skip
        wallet = f"{self.drawn[0] * 500}.00"
        person: Json = {"idperson": self.idperson, "saldo": wallet, "periods": periods}
        return {"status": True, "data": [person]}

    def body(self) -> bytes:
        """Return the payment record as JSON text."""
        return json.dumps(self.record(), separators=(",", ":")).encode()

    def summary(self) -> Json:
        """Return the totals of all periods."""
        return {"status": True, "data": {"idperson": self.idperson} | sums(self.current_bills())}

    def _period(self, period: str, bills: list[SimulatedBill]) -> Json:
        categories: dict[str, list[Json]] = {}
        for bill in bills:
            categories.setdefault(bill.category, []).append(bill.to_json())
        return {
            "period_id": period,
            "kelas_info": self.group,
            "summary": sums(bills),
            "categories": [
                {"category_name": name, "items": items} for name, items in categories.items()
            ],
        }


def sums(bills: list[SimulatedBill]) -> Json:
    """Return the totals of bills in rupiah; an overpaid bill hides no arrears of another one."""
    remaining = sum(max(bill.billed - bill.paid, 0) for bill in bills)
    return {
        "total_billed": sum(bill.billed for bill in bills),
        "total_paid": sum(bill.paid for bill in bills),
        "total_remaining": remaining,
        "fully_paid": remaining == 0,
    }
