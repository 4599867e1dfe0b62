from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from ticketing.billing.sources.contract import Bill, FetchedRecord, PaymentState
from ticketing.billing.sources.mapping.load import load_mapping
from ticketing.billing.sources.mapping.record import read_record

SHAPES = Path(__file__).parent / "shapes"
PAID, PARTIAL, UNPAID = PaymentState.PAID, PaymentState.PARTIAL, PaymentState.UNPAID
CANCELLED, WAIVED = PaymentState.CANCELLED, PaymentState.WAIVED


def bill(*values: object) -> Bill:
    code, period, due, paid, state, stated, at, ref = values
    return Bill(ref, code, period, Decimal(due), Decimal(paid), state, stated, at)  # type: ignore[arg-type]


EXPECTED = {
    ("pesantren", "0001234"): [
        bill("SPP/02", "2025/2026", "1200000.00", "900000", PARTIAL, UNPAID, date(2026, 2, 10),
             "20252026:SPP:02"),
        bill("Wisuda/07", "2025/2026", 150000, 0, UNPAID, UNPAID, None, "20252026:Wisuda:07"),
    ],
    ("flat-spp", "S-77"): [
        bill("SPP", "2025-07", 350000, 350000, PAID, PAID, date(2025, 7, 9), "9001"),
        bill("SPP", "2026-01", 350000, 0, UNPAID, UNPAID, None, "9007"),
        bill("Uang Gedung", "2025/2026", 1500000, 500000, PARTIAL, PAID,
             datetime(2025, 8, 3, 3, 15, tzinfo=UTC), "9013"),
    ],
    ("campus", "M2101"): [
        bill("UKT", "2025/2026-1", 3000000, 2000000, PARTIAL, PAID,
             datetime(2025, 9, 1, 16, 30, tzinfo=UTC), "TG-20251-0007"),
        bill("WISUDA", "2025/2026-1", 0, 0, WAIVED, PAID, None, "TG-20251-0008"),
    ],
    ("virtual-account", "00012345"): [
        bill("VA", "2026-01", 600000, 450000, PARTIAL, None,
             datetime(2026, 1, 11, 16, 50, tzinfo=UTC), "INV-7"),
    ],
    ("invoices", "EDU-STU-2026-00042"): [
        bill("SPP-T1", "2025-26 (Term 1)", "1250000.5", 0, UNPAID, UNPAID, None,
             "ACC-SINV-2026-00011"),
        bill("SPP-T1", "2025-26 (Term 1)", "1250000.5", 0, CANCELLED, CANCELLED, None,
             "ACC-SINV-2026-00009"),
    ],
}  # fmt: skip


@pytest.mark.parametrize(("shape", "student"), EXPECTED)
def test_a_mapping_file_reads_the_bills_of_its_source(shape: str, student: str) -> None:
    mapping = load_mapping(SHAPES / f"{shape}.toml")

    record = read_record(mapping, student, (SHAPES / f"{shape}.json").read_text())

    assert isinstance(record, FetchedRecord), record
    assert list(record.bills) == EXPECTED[shape, student]


def test_a_state_that_contradicts_the_amounts_disagrees_and_a_waived_bill_does_not() -> None:
    campus, spp = EXPECTED["campus", "M2101"], EXPECTED["flat-spp", "S-77"]

    assert [each.disagrees for each in campus + spp] == [True, False, False, False, True]
