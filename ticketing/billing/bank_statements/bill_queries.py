"""Read the bills that credits may pay, with what matched credits already pay of them."""

from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal

from sqlalchemy import Connection, text

from ticketing.billing.bank_statements.judge_row import MatchedBill

# what a bill still lacks: the greater of the source's sum and the one with matched credits
_BILLS = """
SELECT record.id, students.external_id, students.name, record.source_ref, record.bill_code,
       record.period, record.currency, record.amount_paid,
       CASE WHEN record.state IN ('cancelled', 'waived', 'refunded') THEN 0
            ELSE greatest(record.amount_due - greatest(record.amount_paid, bank.paid), 0)
       END AS owed
FROM payment_records record
JOIN students ON students.id = record.student_id
LEFT JOIN (
    SELECT payment_record_id, min(paid_before) + sum(amount) AS paid FROM bank_statement_rows
    WHERE state = 'matched' GROUP BY payment_record_id
) bank ON bank.payment_record_id = record.id
WHERE students.source = :source AND record.vanished_at IS NULL
"""
_ORDER = " ORDER BY record.period NULLS LAST, record.id"
_OF_STUDENTS = text(f"{_BILLS} AND students.external_id = ANY(:external_ids) {_ORDER}")
# what lacks an amount is billed at least that much
_WITH_AMOUNTS = text(
    f"{_BILLS} AND record.amount_due > record.amount_paid AND record.amount_due >= :least {_ORDER}"
)
_BY_ID = text(f"{_BILLS} AND record.id = :id")
_KNOWN_STUDENTS = text(
    "SELECT external_id FROM students WHERE source = :source AND external_id = ANY(:external_ids)"
)


def list_bills_of_students(
    connection: Connection, source: str, external_ids: Collection[str]
) -> Mapping[str, list[MatchedBill]]:
    """Return the bills of these students by id, the oldest first; unknown students are absent."""
    known = {"source": source, "external_ids": list(external_ids)}
    found: dict[str, list[MatchedBill]] = {
        row.external_id: [] for row in connection.execute(_KNOWN_STUDENTS, known)
    }
    for row in connection.execute(_OF_STUDENTS, known):
        bill = MatchedBill(*row)
        found[bill.external_id].append(bill)
    return found


def list_open_bills_with_amounts(
    connection: Connection, source: str, amounts: Iterable[Decimal]
) -> list[MatchedBill]:
    """Return the open bills that lack exactly one of these amounts, the oldest first."""
    wanted = set(amounts)
    if not wanted:
        return []
    found = connection.execute(_WITH_AMOUNTS, {"source": source, "least": min(wanted)})
    return [MatchedBill(*row) for row in found if row.owed in wanted]


def find_bill(connection: Connection, source: str, bill_id: int) -> MatchedBill | None:
    """Return a bill that is listed."""
    row = connection.execute(_BY_ID, {"source": source, "id": bill_id}).one_or_none()
    return None if row is None else MatchedBill(*row)
