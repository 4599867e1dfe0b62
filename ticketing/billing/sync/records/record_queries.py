"""Queries that write fetched records: students, versions and bills, in batches."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, ColumnElement, Connection, Text, bindparam, cast, select, update
from sqlalchemy import insert as plain_insert
from sqlalchemy.dialects.postgresql import insert

from ticketing.billing.sources.contract import Bill, FetchedRecord, PaymentState
from ticketing.billing.sync.records.bill_json import bill_to_json
from ticketing.billing.sync.records.record_change import RecordChange, compare
from ticketing.platform.db.tables.billing import (
    payment_record_versions,
    payment_records,
    students,
)


@dataclass(frozen=True, slots=True)
class StudentRecord:
    """A fetched record of a stored student."""

    student_id: int
    record: FetchedRecord
    mapping_version: str


@dataclass(frozen=True, slots=True)
class ComparedRecord:
    """A fetched record, and what it changes."""

    fetched: StudentRecord
    change: RecordChange
    version: int  # that it becomes


def compare_records(
    connection: Connection, fetched: Sequence[StudentRecord]
) -> list[ComparedRecord]:
    """Compare fetched records with the stored ones, which are locked until the commit."""
    ids = [one.student_id for one in fetched]
    versions = {
        row.id: row.version_count
        for row in connection.execute(
            select(students.c.id, students.c.version_count)
            .where(students.c.id.in_(ids))
            .order_by(students.c.id)
            .with_for_update()
        )
    }
    present = present_bills(connection, ids)
    return [
        ComparedRecord(one, compare(present[one.student_id], one.record.bills),
                       versions[one.student_id] + 1)
        for one in fetched
    ]  # fmt: skip


def present_bills(
    connection: Connection, student_ids: Collection[int]
) -> Mapping[int, dict[str, Bill]]:
    """Return the bills that the records list now, by student and reference."""
    found = defaultdict[int, dict[str, Bill]](dict)
    statement = select(payment_records).where(
        payment_records.c.student_id.in_(student_ids), payment_records.c.vanished_at.is_(None)
    )
    for row in connection.execute(statement.order_by(payment_records.c.id)):
        found[row.student_id][row.source_ref] = to_bill(row)
    return found


def to_bill(row: Any) -> Bill:  # noqa: ANN401 - a row of the table
    """Return the bill of a row of `payment_records`."""
    stated = None if row.stated_state is None else PaymentState(row.stated_state)
    return Bill(
        row.source_ref, row.bill_code, row.period, row.amount_due, row.amount_paid,
        PaymentState(row.state), stated, row.paid_on or row.paid_at, row.currency,
    )  # fmt: skip


def write_records(
    connection: Connection, run_id: int, compared: Sequence[ComparedRecord], *, at: datetime
) -> None:
    """Store versions, bills and the students' own copy of their records."""
    if not compared:
        return
    connection.execute(
        plain_insert(payment_record_versions).values(pembayaran=_raw()),
        [_version(one, run_id, at) for one in compared],
    )
    connection.execute(_STORE_STUDENT, [_student(one, at) for one in compared])
    bills = [
        _bill(one.fetched.student_id, bill, at)
        for one in compared
        for bill in (*one.change.appeared, *one.change.changed)
    ]
    if bills:
        connection.execute(_STORE_BILL, bills)
    gone = [
        {"gone_student": one.fetched.student_id, "gone_ref": ref, "gone_at": at}
        for one in compared
        for ref in one.change.vanished
    ]
    if gone:
        connection.execute(_VANISH, gone)


def store_etags(connection: Connection, etags: Iterable[tuple[int, str | None]]) -> None:
    """Store new etags of records whose content is the same."""
    rows = [{"same_student": student_id, "new_etag": etag} for student_id, etag in etags]
    if rows:
        connection.execute(_STORE_ETAG, rows)


def _raw() -> ColumnElement[Any]:
    """Return the parameter of a record's text, stored as it was received."""
    return cast(bindparam("raw", type_=Text), JSON)


_STORE_STUDENT = (
    update(students)
    .where(students.c.id == bindparam("of_student"))
    .values(
        pembayaran=_raw(), checksum=bindparam("new_checksum"), etag=bindparam("new_etag"),
        mapping_version=bindparam("new_mapping"), version_count=bindparam("new_version"),
        fetched_at=bindparam("new_time"),
    )
)  # fmt: skip
_STORE_ETAG = (
    update(students)
    .where(students.c.id == bindparam("same_student"))
    .values(etag=bindparam("new_etag"))
)
_VANISH = (
    update(payment_records)
    .where(
        payment_records.c.student_id == bindparam("gone_student"),
        payment_records.c.source_ref == bindparam("gone_ref"),
    )
    .values(vanished_at=bindparam("gone_at"), changed_at=bindparam("gone_at"))
)
_NEW_BILL = insert(payment_records)
_STORE_BILL = _NEW_BILL.on_conflict_do_update(
    index_elements=["student_id", "source_ref"],
    set_={
        name: _NEW_BILL.excluded[name]
        for name in (
            "bill_code", "period", "amount_due", "amount_paid", "state", "stated_state",
            "paid_on", "paid_at", "currency", "changed_at", "vanished_at",
        )
    },
)  # fmt: skip


def _version(one: ComparedRecord, run_id: int, at: datetime) -> dict[str, object]:
    record = one.fetched.record
    return {
        "student_id": one.fetched.student_id,
        "number": one.version,
        "run_id": run_id,
        "mapping_version": one.fetched.mapping_version,
        "raw": record.raw,
        "checksum": record.checksum,
        "bills": [bill_to_json(bill) for bill in record.bills],
        "appeared": len(one.change.appeared),
        "changed": len(one.change.changed),
        "vanished": len(one.change.vanished),
        "recorded_at": at,
    }


def _student(one: ComparedRecord, at: datetime) -> dict[str, object]:
    record = one.fetched.record
    return {
        "of_student": one.fetched.student_id, "raw": record.raw, "new_checksum": record.checksum,
        "new_etag": record.etag, "new_mapping": one.fetched.mapping_version,
        "new_version": one.version, "new_time": at,
    }  # fmt: skip


def _bill(student_id: int, bill: Bill, at: datetime) -> dict[str, object]:
    paid = bill.paid_at
    is_instant = isinstance(paid, datetime)
    return {
        "student_id": student_id,
        "source_ref": bill.source_ref,
        "bill_code": bill.bill_code,
        "period": bill.period,
        "amount_due": bill.amount_due,
        "amount_paid": bill.amount_paid,
        "state": bill.state,
        "stated_state": bill.stated_state,
        "paid_on": paid if isinstance(paid, date) and not is_instant else None,
        "paid_at": paid if is_instant else None,
        "currency": bill.currency,
        "first_seen_at": at,
        "changed_at": at,
        "vanished_at": None,
    }
