"""Synced payment records of a person: found, counted, and deleted with what refers to them."""

from sqlalchemy import (
    Connection,
    Select,
    delete,
    func,
    or_,
    select,
    text,
    update,
)

from ticketing.people_data.person import Person
from ticketing.platform.db.tables.bank_statements import bank_statement_rows
from ticketing.platform.db.tables.billing import (
    payment_record_versions,
    payment_records,
    students,
    sync_items,
    sync_runs,
)
from ticketing.platform.db.tables.events import events
from ticketing.platform.db.tables.roster import guests

_RECORDS = (payment_records, payment_record_versions, sync_items)
NO_RUN_STARTS = text("LOCK TABLE sync_runs IN SHARE ROW EXCLUSIVE MODE")


def list_students(connection: Connection, person: Person) -> dict[int, tuple[str, str]]:
    """Return source and id at the source by the number of the student.

    An id of a roster means a student if the event compares payments, or the names are the same:
    rosters of other events may number their guests anew.
    """
    names = func.lower(students.c.name) == func.lower(guests.c.full_name)
    query = (
        select(students.c.id, students.c.source, students.c.external_id)
        .join(guests, guests.c.external_id == students.c.external_id)
        .join(events, events.c.id == guests.c.event_id)
        .where(guests.c.id.in_(person.guest_ids), or_(events.c.payment_rule != "none", names))
        .order_by(students.c.id)
    )
    return {row.id: (row.source, row.external_id) for row in connection.execute(query)}


def count_rows(connection: Connection, student_ids: list[int]) -> dict[str, int]:
    """Return the number of rows that an erasure deletes, by table, without the empty ones."""
    counts = {"students": len(student_ids)}
    for table in _RECORDS:
        query = select(func.count()).where(table.c.student_id.in_(student_ids))
        counts[table.name] = connection.execute(query).scalar_one()
    return {name: number for name, number in counts.items() if number}


def is_sync_running(connection: Connection) -> bool:
    """Return whether a sync has not ended; lets none start until the transaction ends."""
    connection.execute(NO_RUN_STARTS)
    query = select(func.count()).where(sync_runs.c.finished_at.is_(None))
    return bool(connection.execute(query).scalar_one())


def delete_students(connection: Connection, student_ids: list[int]) -> None:
    """Delete students with their records; the counters of runs stay those of their items."""
    _erase_credits(connection, student_ids)
    gone = (
        select(
            sync_items.c.run_id,
            func.count().label("total"),
            func.count().filter(sync_items.c.state == "succeeded").label("succeeded"),
            func.count().filter(sync_items.c.state == "failed").label("failed"),
            func.count().filter(sync_items.c.outcome == "unchanged").label("unchanged"),
        )
        .where(sync_items.c.student_id.in_(student_ids))
        .group_by(sync_items.c.run_id)
        .subquery()
    )
    counters = ("total", "succeeded", "failed", "unchanged")
    connection.execute(
        update(sync_runs)
        .where(sync_runs.c.id == gone.c.run_id)
        .values({name: sync_runs.c[name] - gone.c[name] for name in counters})
    )
    for table in _RECORDS:
        connection.execute(delete(table).where(table.c.student_id.in_(student_ids)))
    connection.execute(delete(students).where(students.c.id.in_(student_ids)))


def _erase_credits(connection: Connection, student_ids: list[int]) -> None:
    """Empty the texts of credits that name the students; the amounts stay, matched by hand only."""
    of_students: Select[tuple[int]] = select(payment_records.c.id).where(
        payment_records.c.student_id.in_(student_ids)
    )
    named = select(students.c.external_id).where(students.c.id.in_(student_ids))
    credit = bank_statement_rows.c
    connection.execute(
        update(bank_statement_rows)
        .where(or_(credit.payment_record_id.in_(of_students), credit.student_reference.in_(named)))
        .values(
            text="[erased]", student_reference="", bill_reference="", state="no_match",
            reason="unmatched", payment_record_id=None, paid_before=None, is_manual=True,
        )
    )  # fmt: skip
