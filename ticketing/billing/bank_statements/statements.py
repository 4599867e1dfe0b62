"""Import statements, match credits with bills, and undo a match; each in one transaction."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection

from ticketing.billing.bank_statements import bill_queries, row_queries
from ticketing.billing.bank_statements.bank_mapping import BankMapping
from ticketing.billing.bank_statements.judge_row import (
    BillsByName,
    MatchedBill,
    MatchVerdict,
    Reason,
    RowState,
    UndecidedRow,
    judge_by_name,
    judge_by_reference,
)
from ticketing.billing.bank_statements.read_statement import BankStatement, StatementRow
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import Conflict, NotFound, Refused

IMPORT_ACTION, MATCH_ACTION, UNMATCH_ACTION = (
    "bank_statements.import", "bank_statements.match", "bank_statements.unmatch",
)  # fmt: skip
MAX_REASON = 500


class UnknownStatementRow(NotFound):
    """No credit of a statement has that id."""


class UnknownBill(NotFound):
    """No listed bill has that student and reference."""


class NotMatchable(Conflict):
    """The state of the credit or of the bill does not allow it."""


class MissingReason(Refused):
    """A match is undone with a reason only."""


@dataclass(frozen=True, slots=True)
class StatementImport:
    """The result of an import and of the matching after it."""

    rows: int
    new: int
    debits: int
    pending: int
    credit: Decimal
    matched: int


def import_statement(
    database: Database,
    source: str,
    statement: BankStatement,
    mapping: BankMapping,
    *,
    file_name: str,
    by: str,
    at: datetime,
) -> StatementImport:
    """Store the credits that are new and match what can be matched; again it adds nothing."""
    return database.run(
        _import, source, statement, mapping, file_name=file_name, by=by, at=at
    )  # fmt: skip


def match_undecided(database: Database, source: str, *, by: str, at: datetime) -> int:
    """Judge all credits without a match again; return how many got one."""
    return database.run(_match_undecided, source, by=by, at=at)


def match_by_hand(
    database: Database,
    source: str,
    row_id: int,
    *,
    bill: tuple[str, str] | None,
    in_addition: bool,
    by: str,
    at: datetime,
) -> None:
    """Match a credit with the bill of a student, or with the proposed one.

    `in_addition` says that the source has not counted this payment in what it reports as paid.
    Raises NotMatchable if the credit has a match, nothing is proposed, or the bill is paid.
    """
    database.run(_match_by_hand, source, row_id, bill=bill, in_addition=in_addition, by=by, at=at)


def unmatch(
    database: Database, source: str, row_id: int, *, reason: str, by: str, at: datetime
) -> None:
    """Undo a match or refuse a proposal; the credit is matched by hand only from then on."""
    database.run(_unmatch, source, row_id, reason=reason.strip(), by=by, at=at)


def _import(
    connection: Connection,
    source: str,
    statement: BankStatement,
    mapping: BankMapping,
    *,
    file_name: str,
    by: str,
    at: datetime,
) -> StatementImport:
    row_queries.lock_rows(connection)
    file_id = row_queries.add_file(connection, {
        "bank": mapping.bank, "account": mapping.account, "file_name": file_name,
        "imported_by": by, "imported_at": at, "row_count": len(statement.rows), "new_count": 0,
        "credit": statement.credit, "stated_credit": statement.stated_credit,
    })  # fmt: skip
    values = [
        {"file_id": file_id, "source": source, "currency": mapping.currency, **_to_values(row),
         **_find_references(row.text, mapping.match.references)}
        for row in statement.rows
    ]  # fmt: skip
    new = row_queries.add_rows(connection, values)
    row_queries.set_new_count(connection, file_id, new)
    audit_log.record(
        connection, by, IMPORT_ACTION, subject=mapping.bank, items=new,
        details={"file": file_id, "rows": len(values)},
    )  # fmt: skip
    matched = _match_undecided(connection, source, by=by, at=at)
    return StatementImport(
        len(values), new, statement.debits, statement.pending, statement.credit, matched
    )


def _to_values(row: StatementRow) -> dict[str, object]:
    return {
        "row_key": row.key, "line": row.line, "booked_on": row.booked_on, "amount": row.amount,
        "text": row.text,
    }  # fmt: skip


def _find_references(text: str, patterns: Sequence[str]) -> dict[str, str]:
    for pattern in patterns:
        if found := re.search(pattern, text, re.IGNORECASE):
            groups = found.groupdict()
            return {
                "student_reference": groups["student"] or "",
                "bill_reference": groups.get("bill") or "",
            }
    return {"student_reference": "", "bill_reference": ""}


def _match_undecided(connection: Connection, source: str, *, by: str, at: datetime) -> int:
    row_queries.lock_rows(connection)
    undecided = row_queries.list_undecided(connection, source)
    named = bill_queries.list_bills_of_students(
        connection, source, {row.student_reference for row in undecided if row.student_reference}
    )
    similar = BillsByName(bill_queries.list_open_bills_with_amounts(
        connection, source, (row.amount for row in undecided if not row.student_reference)
    ))  # fmt: skip
    matched = 0
    for row in undecided:
        verdict = _judge(row, named, similar)
        _store_verdict(connection, row, verdict, by=by, at=at)
        if verdict.state is RowState.MATCHED:
            assert verdict.bill is not None  # noqa: S101 - a match has one
            verdict.bill.owed -= row.amount  # the next credit finds it paid
            matched += 1
    return matched


def _judge(
    row: UndecidedRow,
    named: Mapping[str, list[MatchedBill]],
    similar: BillsByName,
) -> MatchVerdict:
    if row.student_reference:
        return judge_by_reference(row, named.get(row.student_reference))
    return judge_by_name(row, similar.find(row.text))


def _store_verdict(
    connection: Connection, row: UndecidedRow, verdict: MatchVerdict, *, by: str, at: datetime
) -> None:
    is_matched = verdict.state is RowState.MATCHED
    bill = verdict.bill
    row_queries.set_row(
        connection, row.id, state=verdict.state, reason=verdict.reason,
        payment_record_id=bill and bill.id, paid_before=0 if is_matched else None,
        decided_by=by if is_matched else "", decided_at=at if is_matched else None,
    )  # fmt: skip
    if is_matched and bill is not None:
        _record(connection, MATCH_ACTION, row.id, bill.id, by=by, details={"reason": "reference"})


def _match_by_hand(
    connection: Connection,
    source: str,
    row_id: int,
    *,
    bill: tuple[str, str] | None,
    in_addition: bool,
    by: str,
    at: datetime,
) -> None:
    row_queries.lock_rows(connection)
    row = row_queries.find_row(connection, source, row_id)
    if row is None:
        raise UnknownStatementRow(f"no credit has the id {row_id}")
    if row["state"] == RowState.MATCHED:
        raise NotMatchable(f"credit {row_id} has a match; undo it first")
    chosen = _choose_bill(connection, source, row["payment_record_id"], bill)
    if chosen.currency != row["currency"]:
        raise NotMatchable(f"the bill is in {chosen.currency}, credit {row_id} in another currency")
    if chosen.owed <= 0:
        raise NotMatchable(f"{chosen.source_ref} of student {chosen.external_id} is paid already")
    row_queries.set_row(
        connection, row_id, state=RowState.MATCHED, reason=Reason.BY_HAND, is_manual=True,
        payment_record_id=chosen.id, paid_before=chosen.source_paid if in_addition else 0,
        decided_by=by, decided_at=at,
    )  # fmt: skip
    details = {"reason": "by hand", "in_addition": in_addition}
    _record(connection, MATCH_ACTION, row_id, chosen.id, by=by, details=details)


def _choose_bill(
    connection: Connection, source: str, proposed: int | None, bill: tuple[str, str] | None
) -> MatchedBill:
    if bill is None:
        found = None if proposed is None else bill_queries.find_bill(connection, source, proposed)
        if found is None:
            raise NotMatchable("no bill is proposed for this credit; name the student and the bill")
        return found
    external_id, reference = bill
    bills = bill_queries.list_bills_of_students(connection, source, [external_id])
    if external_id not in bills:
        raise UnknownBill(f"the billing system lists no student {external_id}")
    for each in bills[external_id]:
        if reference in {each.source_ref, str(each.id)}:
            return each
    known = ", ".join(each.source_ref for each in bills[external_id] if each.owed > 0) or "none"
    raise UnknownBill(f"student {external_id} has no bill {reference!r}; open bills: {known}")


def _unmatch(
    connection: Connection, source: str, row_id: int, *, reason: str, by: str, at: datetime
) -> None:
    if not reason or len(reason) > MAX_REASON:
        raise MissingReason(f"state the reason, in at most {MAX_REASON} characters")
    row_queries.lock_rows(connection)
    row = row_queries.find_row(connection, source, row_id)
    if row is None:
        raise UnknownStatementRow(f"no credit has the id {row_id}")
    if row["state"] not in {RowState.MATCHED, RowState.PROPOSED}:
        raise NotMatchable(f"credit {row_id} has no match and no proposal")
    row_queries.set_row(
        connection, row_id, state=RowState.NO_MATCH, reason=Reason.UNMATCHED, is_manual=True,
        payment_record_id=None, paid_before=None, decided_by=by, decided_at=at,
    )  # fmt: skip
    _record(
        connection, UNMATCH_ACTION, row_id, row["payment_record_id"], by=by,
        details={"reason": reason},
    )  # fmt: skip


def _record(
    connection: Connection,
    action: str,
    row_id: int,
    bill_id: int,
    *,
    by: str,
    details: Mapping[str, object],
) -> None:
    audit_log.record(
        connection, by, action, subject=f"bank statement row {row_id}", items=1,
        details={"row": row_id, "payment_record": bill_id, **details},
    )  # fmt: skip
