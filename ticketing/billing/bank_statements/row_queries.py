"""Store credits once, and write what became of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, RowMapping, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert

from ticketing.billing.bank_statements.judge_row import RowState, UndecidedRow
from ticketing.platform.db.tables.bank_statements import bank_statement_files as files
from ticketing.platform.db.tables.bank_statements import bank_statement_rows as rows
from ticketing.platform.db.tables.billing import payment_records, students

_ALONE = text("LOCK TABLE bank_statement_rows IN SHARE ROW EXCLUSIVE MODE")


@dataclass(frozen=True, slots=True)
class ListedRow:
    """A credit with the bill of its match or proposal."""

    id: int
    booked_on: date
    amount: Decimal
    currency: str
    text: str
    state: str
    reason: str
    student: str | None
    student_name: str | None
    bill: str | None
    bill_id: int | None
    paid_before: Decimal | None
    decided_by: str
    decided_at: datetime | None


@dataclass(frozen=True, slots=True)
class StateSum:
    """Number and sum of the credits of a state."""

    state: str
    rows: int
    amount: Decimal


def lock_rows(connection: Connection) -> None:
    """Let nobody else import or match until the transaction ends; readers do not wait."""
    connection.execute(_ALONE)


def add_file(connection: Connection, values: dict[str, Any]) -> int:
    """Store a file; return its id."""
    query = insert(files).values(values).returning(files.c.id)
    return int(connection.execute(query).scalar_one())


def set_new_count(connection: Connection, file_id: int, new: int) -> None:
    """Store how many credits of a file are new."""
    connection.execute(update(files).where(files.c.id == file_id).values(new_count=new))


def add_rows(connection: Connection, values: Sequence[dict[str, Any]]) -> int:
    """Store the credits that no file had before; return how many."""
    if not values:
        return 0
    query = postgresql_insert(rows).on_conflict_do_nothing(index_elements=["row_key"])
    return len(connection.execute(query.returning(rows.c.id), values).all())


def list_undecided(connection: Connection, source: str) -> list[UndecidedRow]:
    """Return the credits without a match on which nobody decided by hand, in their order."""
    query = (
        select(
            rows.c.id, rows.c.amount, rows.c.currency, rows.c.text, rows.c.student_reference,
            rows.c.bill_reference,
        )
        .where(rows.c.source == source, rows.c.state != RowState.MATCHED, ~rows.c.is_manual)
        .order_by(rows.c.booked_on, rows.c.id)
    )  # fmt: skip
    return [UndecidedRow(*row) for row in connection.execute(query)]


def find_row(connection: Connection, source: str, row_id: int) -> RowMapping | None:
    """Return all columns of a credit."""
    query = select(rows).where(rows.c.id == row_id, rows.c.source == source)
    return connection.execute(query).mappings().one_or_none()


def set_row(connection: Connection, row_id: int, **values: object) -> None:
    """Change columns of a credit."""
    connection.execute(update(rows).where(rows.c.id == row_id).values(**values))


def list_rows(
    connection: Connection,
    source: str,
    *,
    state: RowState | None = None,
    before_id: int | None = None,
    limit: int,
) -> list[ListedRow]:
    """Return credits, the latest first."""
    query = (
        select(
            rows.c.id, rows.c.booked_on, rows.c.amount, rows.c.currency, rows.c.text, rows.c.state,
            rows.c.reason, students.c.external_id, students.c.name, payment_records.c.source_ref,
            payment_records.c.id, rows.c.paid_before, rows.c.decided_by, rows.c.decided_at,
        )
        .select_from(
            rows.outerjoin(payment_records, payment_records.c.id == rows.c.payment_record_id)
            .outerjoin(students, students.c.id == payment_records.c.student_id)
        )
        .where(rows.c.source == source)
        .order_by(rows.c.id.desc())
        .limit(limit)
    )  # fmt: skip
    if state is not None:
        query = query.where(rows.c.state == state)
    if before_id is not None:
        query = query.where(rows.c.id < before_id)
    found: Iterable[Sequence[Any]] = connection.execute(query)
    return [ListedRow(*row) for row in found]


def sum_states(connection: Connection, source: str) -> list[StateSum]:
    """Return number and sum of the credits by state; states without any are 0."""
    query = (
        select(rows.c.state, func.count(), func.sum(rows.c.amount))
        .where(rows.c.source == source)
        .group_by(rows.c.state)
    )
    found = {row[0]: StateSum(*row) for row in connection.execute(query)}
    return [found.get(state, StateSum(state, 0, Decimal(0))) for state in RowState]
