"""Queries for the statement of differences: changed records of a run, sums by class, ages."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, case, func, select

from ticketing.billing.differences.check_queries import confirmed_at
from ticketing.billing.sources.contract import PaymentState
from ticketing.platform.db.tables.billing import (
    payment_record_versions,
    payment_records,
    students,
)

ROWS_PER_FETCH = 500
NOTHING_OWED = [PaymentState.CANCELLED, PaymentState.WAIVED, PaymentState.REFUNDED]


@dataclass(frozen=True, slots=True)
class ChangedRecord:
    """Bills of a student before and after a run, as JSON objects of the versions."""

    external_id: str
    name: str
    group: str
    before: list[dict[str, Any]]
    after: list[dict[str, Any]]


def iter_changed_records(connection: Connection, run_id: int) -> Iterator[ChangedRecord]:
    """Yield the students whose record a run changed; not those with their first record."""
    new, old = payment_record_versions.alias("new"), payment_record_versions.alias("old")
    previous = and_(old.c.student_id == new.c.student_id, old.c.number == new.c.number - 1)
    query = (
        select(
            students.c.external_id,
            students.c.name,
            func.coalesce(students.c.group_name, ""),
            old.c.bills,
            new.c.bills,
        )
        .select_from(new.join(old, previous).join(students, students.c.id == new.c.student_id))
        .where(new.c.run_id == run_id)
        .order_by(students.c.external_id)
    )
    stream = connection.execution_options(yield_per=ROWS_PER_FETCH).execute(query)
    for row in stream:
        yield ChangedRecord(*row)


def count_first_records(connection: Connection, run_id: int) -> int:
    """Return the number of students whose record a run stored for the first time."""
    version = payment_record_versions.c
    query = select(func.count()).where(version.run_id == run_id, version.number == 1)
    return int(connection.execute(query).scalar_one())


def sum_by_group(connection: Connection, source: str) -> list[Row[Any]]:
    """Return class, students, students without a record, students in arrears, and amounts.

    Students that left and bills that vanished are not counted. Arrears are summed per bill, so
    that an overpaid bill hides no other one's.
    """
    record = payment_records.c
    open_amount = case(
        (record.state.in_(NOTHING_OWED), 0),
        else_=func.greatest(record.amount_due - record.amount_paid, 0),
    )
    by_student = (
        select(
            record.student_id,
            func.sum(record.amount_due).label("due"),
            func.sum(record.amount_paid).label("paid"),
            func.sum(open_amount).label("arrears"),
        )
        .where(record.vanished_at.is_(None))
        .group_by(record.student_id)
        .subquery()
    )
    sums = by_student.c
    group = func.coalesce(students.c.group_name, "")
    query = (
        select(
            group.label("class"),
            func.count().label("students"),
            func.count().filter(students.c.fetched_at.is_(None)).label("unknown"),
            func.count().filter(sums.arrears > 0).label("in arrears"),
            func.coalesce(func.sum(sums.due), 0).label("due"),
            func.coalesce(func.sum(sums.paid), 0).label("paid"),
            func.coalesce(func.sum(sums.arrears), 0).label("arrears"),
        )
        .select_from(students.outerjoin(by_student, sums.student_id == students.c.id))
        .where(students.c.source == source, students.c.left_at.is_(None))
        .group_by(group)
        .order_by(group)
    )
    return list(connection.execute(query))


def list_confirmed_times(connection: Connection, source: str) -> list[datetime | None]:
    """Return when the record of each present student was last fetched or found unchanged."""
    query = select(confirmed_at()).where(students.c.source == source, students.c.left_at.is_(None))
    return list(connection.execute(query).scalars())
