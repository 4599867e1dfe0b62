"""Tests of matching credits with bills, and of what a match counts for tickets."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import pytest

from tests.integration.billing.conftest import Stored, clock
from tests.plugins.billing_source import School, spp
from ticketing.billing.bank_statements import statements
from ticketing.billing.bank_statements.bank_mapping import BankMapping, Matching
from ticketing.billing.bank_statements.read_statement import BankStatement, StatementRow
from ticketing.billing.bank_statements.statements import (
    MissingReason,
    NotMatchable,
    StatementImport,
    UnknownBill,
)
from ticketing.billing.eligibility import match_queries
from ticketing.billing.sync.run import SyncRun
from ticketing.platform.db.database import Database

MAPPING = BankMapping.model_validate(
    {
        "bank": "bri", "account": "1", "columns": {"date": "d", "description": "t", "credit": "c"},
        "formats": {"date": "iso", "money": "plain"},
        "match": {"references": [r"\b(?P<student>[0-9]{7})\b(?: (?P<bill>\S+))?"]},
    }
)  # fmt: skip
SHOWN = """SELECT text, credit.state, reason, source_ref FROM bank_statement_rows credit
           LEFT JOIN payment_records record ON record.id = payment_record_id ORDER BY line"""
Sync = Callable[[], SyncRun]


@dataclass(frozen=True)
class Bank:
    """Imports credits of one text and amount each."""

    database: Database

    def receive(self, *given: tuple[str, int], mapping: BankMapping = MAPPING) -> StatementImport:
        rows = [
            StatementRow(f"{text}|{amount}", line, date(2026, 7, 3), Decimal(amount), text)
            for line, (text, amount) in enumerate(given, 1)
        ]
        return statements.import_statement(
            self.database, "school", BankStatement(rows), mapping, file_name="x.csv", by="test",
            at=clock(),
        )  # fmt: skip

    def match(
        self, row_id: int, bill: tuple[str, str] | None = None, *, in_addition: bool = False
    ) -> None:
        statements.match_by_hand(
            self.database, "school", row_id, bill=bill, in_addition=in_addition, by="bursar",
            at=clock(),
        )  # fmt: skip

    def unmatch(self, row_id: int, reason: str) -> None:
        statements.unmatch(self.database, "school", row_id, reason=reason, by="bursar", at=clock())


@pytest.fixture
def bank(database: Database) -> Bank:
    """Return an account whose credits are imported."""
    return Bank(database)


@pytest.fixture
def owed(stored: Stored) -> Callable[[], dict[str, Decimal]]:
    """Return a function that returns what each student owes by the rule of eligibility."""
    # the statement that sets holds, up to the sums of bills
    bills = match_queries._REASONS.split("owing AS (")[0].rstrip().rstrip(",")  # noqa: SLF001

    def read() -> dict[str, Decimal]:
        query = f"""{bills} SELECT external_id, sum(owed) FROM bills
                    JOIN students ON students.id = student_id GROUP BY external_id"""  # noqa: S608
        return dict(stored(query, source="school", codes=[]))

    return read


def test_only_a_reference_with_one_open_bill_matches_and_the_same_file_adds_nothing(
    bank: Bank, school: School, sync: Sync, stored: Stored
) -> None:
    school.enrol(4)
    school.bills["0000002"] = [spp(), spp(month="2026-08")]
    sync()
    file = (
        ("0000000 SPP", 350_000), ("0000001 SPP", 350_000), ("0000002 SPP", 350_000),
        ("0000002 SPP:2026-08", 100), ("9999999 SPP", 350_000), ("0000000 Wisuda", 350_000),
        ("BUNGA", 17),
    )  # fmt: skip
    first, again = bank.receive(*file), bank.receive(*file)

    assert (first.rows, first.new, first.matched) == (7, 7, 1)
    assert (again.new, again.matched) == (0, 0)
    assert stored(SHOWN) == [
        ("0000000 SPP", "matched", "reference", "SPP:2026-07"),
        ("0000001 SPP", "duplicate", "already_paid", "SPP:2026-07"),
        ("0000002 SPP", "proposed", "several_bills", "SPP:2026-07"),
        ("0000002 SPP:2026-08", "amount_differs", "amount", "SPP:2026-08"),
        ("9999999 SPP", "no_match", "unknown_student", None),
        ("0000000 Wisuda", "no_match", "no_bill", None),
        ("BUNGA", "no_match", "no_reference", None),
    ]


def test_two_credits_for_one_bill_match_once(
    bank: Bank, school: School, sync: Sync, stored: Stored
) -> None:
    school.enrol(1)
    sync()
    bank.receive(("0000000 SPP", 350_000), ("0000000 SPP lagi", 350_000))

    assert [row[1] for row in stored(SHOWN)] == ["matched", "duplicate"]


def test_a_name_and_an_amount_only_propose(
    bank: Bank, school: School, sync: Sync, stored: Stored
) -> None:
    school.enrol(3)
    sync()
    without_patterns = MAPPING.model_copy(update={"match": Matching()})
    bank.receive(
        ("transfer dari SISWA, 0000002.", 350_000), ("siswa", 350_000), mapping=without_patterns
    )  # fmt: skip

    assert [row[1:3] for row in stored(SHOWN)] == [
        ("proposed", "name_and_amount"), ("no_match", "no_reference"),
    ]  # fmt: skip


def test_a_match_settles_at_once_and_counts_once_when_the_source_reports_it(
    bank: Bank, school: School, sync: Sync, owed: Callable[[], dict[str, Decimal]]
) -> None:
    school.bills["0000000"] = [spp(700_000)]
    sync()
    bank.receive(("0000000", 300_000))
    row_id = 1
    before = owed()
    bank.match(row_id, ("0000000", "SPP:2026-07"))
    matched = owed()
    school.bills["0000000"] = [spp(700_000, paid=300_000)]
    sync()
    reported = owed()

    assert [sums["0000000"] for sums in (before, matched, reported)] == [
        700_000, 400_000, 400_000,
    ]  # fmt: skip


def test_a_part_that_the_source_counts_is_added_only_if_somebody_says_so(
    bank: Bank, school: School, sync: Sync, owed: Callable[[], dict[str, Decimal]], stored: Stored
) -> None:
    school.bills["0000000"] = [spp(700_000, paid=350_000)]
    sync()
    bank.receive(("0000000", 350_000))
    proposed = stored(SHOWN)
    bank.match(1)
    same = owed()
    bank.unmatch(1, "cash, not a transfer")
    bank.match(1, ("0000000", "SPP:2026-07"), in_addition=True)

    assert [row[1:3] for row in proposed] == [("proposed", "partly_paid")]
    assert (same["0000000"], owed()["0000000"]) == (350_000, 0)


def test_an_undone_match_needs_a_reason_is_audited_and_not_matched_again(
    bank: Bank, school: School, sync: Sync, stored: Stored
) -> None:
    school.enrol(1)
    sync()
    bank.receive(("0000000 SPP", 350_000))
    with pytest.raises(MissingReason):
        bank.unmatch(1, " ")
    bank.unmatch(1, "payment of the sister")
    statements.match_undecided(bank.database, "school", by="test", at=clock())

    assert stored(SHOWN)[0][1:3] == ("no_match", "unmatched")
    assert stored(
        "SELECT actor, action, details->>'reason' FROM audit_log"
        " WHERE action LIKE 'bank_statements.%match' ORDER BY id"
    ) == [
        ("test", "bank_statements.match", "reference"),
        ("bursar", "bank_statements.unmatch", "payment of the sister"),
    ]


def test_a_match_by_hand_is_refused_with_the_bills_there_are(
    bank: Bank, school: School, sync: Sync
) -> None:
    school.enrol(2)
    sync()
    bank.receive(("BUNGA", 17), ("0000000 SPP", 350_000))

    with pytest.raises(UnknownBill, match="open bills: none"):
        bank.match(1, ("0000001", "Wisuda"))
    with pytest.raises(NotMatchable, match="no bill is proposed"):
        bank.match(1)
    with pytest.raises(NotMatchable, match="is paid already"):
        bank.match(1, ("0000001", "SPP:2026-07"))
    with pytest.raises(NotMatchable, match="has a match"):
        bank.match(2)
