"""Queries about stored students: search, pages by key, bills, versions, age."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Select, func, literal_column, select, tuple_
from sqlalchemy.dialects.postgresql import REGCONFIG

from ticketing.platform.db.columns import columns_of
from ticketing.platform.db.tables.billing import (
    payment_record_versions,
    payment_records,
    students,
    sync_items,
)

_SIMPLE = literal_column("'simple'", REGCONFIG)
PAGE_SIZE = 50
MAX_COUNTED = 10_000


@dataclass(frozen=True, slots=True)
class ListedStudentRow:
    """A student of the list; amounts are sums of the bills that the record lists now."""

    id: int
    external_id: str
    name: str
    group_name: str | None
    left_at: datetime | None
    confirmed_at: datetime | None  # when the record was last fetched, or found unchanged
    due: Decimal | None
    paid: Decimal | None


@dataclass(frozen=True, slots=True)
class StudentPage:
    """A page of students, and how many there are, counted up to 10,000."""

    rows: Sequence[ListedStudentRow]
    count: int
    next_id: int | None


@dataclass(frozen=True, slots=True)
class StudentDetails:
    """A student with what is stored; `confirmed_at` None: the record was never fetched."""

    id: int
    source: str
    external_id: str
    name: str
    group_name: str | None
    active: bool
    left_at: datetime | None
    fetched_at: datetime | None
    confirmed_at: datetime | None


@dataclass(frozen=True, slots=True)
class StoredBill:
    """A bill of a student; with `vanished_at` the record does not list it any more."""

    source_ref: str
    bill_code: str
    period: str | None
    amount_due: Decimal
    amount_paid: Decimal
    state: str
    stated_state: str | None
    paid_on: date | None
    paid_at: datetime | None
    currency: str
    first_seen_at: datetime
    changed_at: datetime
    vanished_at: datetime | None


@dataclass(frozen=True, slots=True)
class RecordVersion:
    """A version of a student's record: how many bills it brought, changed and lost."""

    number: int
    appeared: int
    changed: int
    vanished: int
    recorded_at: datetime


def list_students(
    connection: Connection, source: str, *, search: str, after_id: int | None
) -> StudentPage:
    """Return a page of students by name; `search` are beginnings of words."""
    found = _found(source, search).cte("found").prefix_with("MATERIALIZED")
    count = connection.execute(
        select(func.count()).select_from(select(found.c.id).limit(MAX_COUNTED + 1).subquery())
    ).scalar_one()
    key = (func.lower(students.c.name), students.c.id)
    ids = select(students.c.id).order_by(*key).limit(PAGE_SIZE + 1)
    if search.strip():
        ids = ids.join(found, found.c.id == students.c.id)
    ids = ids.where(students.c.source == source)
    if after_id is not None:
        last = connection.execute(
            select(func.lower(students.c.name)).where(students.c.id == after_id)
        ).scalar_one_or_none()
        ids = ids.where(tuple_(*key) > tuple_(last or "", after_id))
    chosen = list(connection.execute(ids).scalars())
    rows = connection.execute(_with_sums(chosen[:PAGE_SIZE])).all()
    has_more = len(chosen) > PAGE_SIZE
    return StudentPage(
        [ListedStudentRow(*row) for row in rows], count, chosen[PAGE_SIZE - 1] if has_more else None
    )


def find_student(connection: Connection, student_id: int) -> StudentDetails | None:
    """Return a student."""
    row = connection.execute(
        select(
            *(
                students.c[name]
                for name in StudentDetails.__dataclass_fields__
                if name in students.c
            ),
            _CONFIRMED_AT,
        ).where(students.c.id == student_id)
    ).one_or_none()
    return None if row is None else StudentDetails(**row._mapping)  # noqa: SLF001 - public


def list_bills(connection: Connection, student_id: int) -> list[StoredBill]:
    """Return the bills of a student: those listed now, then those that vanished."""
    statement = (
        select(*columns_of(StoredBill, payment_records))
        .where(payment_records.c.student_id == student_id)
        .order_by(
            payment_records.c.vanished_at.is_not(None),
            payment_records.c.period.desc().nulls_last(),
            payment_records.c.source_ref,
        )
    )
    return [StoredBill(*row) for row in connection.execute(statement)]


def list_versions(connection: Connection, student_id: int, *, limit: int) -> list[RecordVersion]:
    """Return the latest versions of a student's record, newest first."""
    statement = (
        select(*columns_of(RecordVersion, payment_record_versions))
        .where(payment_record_versions.c.student_id == student_id)
        .order_by(payment_record_versions.c.number.desc())
        .limit(limit)
    )
    return [RecordVersion(*row) for row in connection.execute(statement)]


# an unchanged record writes only the item of the run that confirmed it
_CONFIRMED_AT = func.greatest(
    students.c.fetched_at,
    select(func.max(sync_items.c.finished_at))
    .where(
        sync_items.c.student_id == students.c.id,
        sync_items.c.state == "succeeded",
        students.c.fetched_at.is_not(None),
    )
    .scalar_subquery(),
).label("confirmed_at")


def _found(source: str, search: str) -> Select[Any]:
    statement = select(students.c.id).where(students.c.source == source)
    words = ["".join(filter(str.isalnum, word)) for word in search.split()]
    query = " & ".join(f"{word}:*" for word in words if word)
    if not query:
        return statement
    return statement.where(students.c.search.op("@@")(func.to_tsquery(_SIMPLE, query)))


def _with_sums(ids: Sequence[int]) -> Select[Any]:
    sums = (
        select(
            payment_records.c.student_id,
            func.sum(payment_records.c.amount_due).label("due"),
            func.sum(payment_records.c.amount_paid).label("paid"),
        )
        .where(payment_records.c.student_id.in_(ids), payment_records.c.vanished_at.is_(None))
        .group_by(payment_records.c.student_id)
        .cte("sums")
    )
    return (
        select(
            students.c.id, students.c.external_id, students.c.name, students.c.group_name,
            students.c.left_at, _CONFIRMED_AT, sums.c.due, sums.c.paid,
        )
        .outerjoin(sums, sums.c.student_id == students.c.id)
        .where(students.c.id.in_(ids))
        .order_by(func.lower(students.c.name), students.c.id)
    )  # fmt: skip
