import asyncio
from typing import Any

import psycopg
import pytest

from ticketing.billing.sources.contract import (
    FailedFetch,
    FailureClass,
    FetchedRecord,
    FetchOutcome,
    ListedStudent,
)
from ticketing.billing.sources.database.view_source import SqlSource
from ticketing.billing.sources.mapping.model import SourceMapping

RECORD = "SELECT * FROM bills WHERE nis = :student ORDER BY id"


def mapping(record: str = RECORD) -> SourceMapping:
    money = {"money": "plain"}
    given: dict[str, Any] = {
        "name": "view",
        "students": {"id": "nis", "name": "nama"},
        "sql": {"students": "SELECT * FROM pupils", "record": record},
        "limits": {"deadline_seconds": 0.5},
        "rows": {
            "each": [["t", "doc.rows"]],
            "owner": "t.nis",
            "fields": {
                "bill_code": {"from": "t.kind"},
                "amount_due": {"from": "t.due"} | money,
                "amount_paid": {"from": "t.paid"} | money,
                "paid_at": {"from": "t.paid_on", "formats": ["iso"], "missing": "null"},
                "source_ref": {"from": "t.id"},
            },
        },
    }
    return SourceMapping.model_validate(given)


@pytest.fixture
def view(fresh_database_url: str) -> str:
    with psycopg.connect(fresh_database_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("CREATE TABLE pupils AS VALUES ('007', 'Siti'), ('008', 'Budi')")
        connection.execute("ALTER TABLE pupils RENAME column1 TO nis")
        connection.execute("ALTER TABLE pupils RENAME column2 TO nama")
        connection.execute(
            "CREATE TABLE bills (id int, nis text, kind text, due numeric(15,2), paid numeric,"
            " paid_on date)"
        )
        connection.execute(
            "INSERT INTO bills VALUES (1, '007', 'SPP', 1500000.50, 10, '2026-02-10')"
        )
    return fresh_database_url


def run(url: str, record: str = RECORD, *, of: str) -> tuple[list[ListedStudent], FetchOutcome]:
    async def read() -> tuple[list[ListedStudent], FetchOutcome]:
        source = SqlSource(url, mapping(record))
        try:
            listed = [student async for student in source.list_students()]
            return listed, await source.fetch_record(of, None)
        finally:
            await source.aclose()

    return asyncio.run(read())


def test_rows_of_a_view_are_bills_with_exact_amounts_and_dates(view: str) -> None:
    listed, record = run(view, of="007")

    assert [student.external_id for student in listed] == ["007", "008"]
    assert isinstance(record, FetchedRecord), record
    (bill,) = record.bills
    assert (str(bill.amount_due), str(bill.amount_paid)) == ("1500000.50", "10")
    assert str(bill.paid_at) == "2026-02-10"


def test_a_student_without_rows_has_no_bills(view: str) -> None:
    _, record = run(view, of="008")

    assert isinstance(record, FetchedRecord)
    assert record.bills == ()


@pytest.mark.parametrize(
    ("query", "failure", "stops"),
    [
        ("SELECT * FROM nowhere WHERE nis = :student", FailureClass.SOURCE_CONFIG, True),
        ("SELECT pg_sleep(5), :student", FailureClass.TIMEOUT, False),
        ("DELETE FROM bills WHERE nis = :student RETURNING *", FailureClass.SOURCE_CONFIG, True),
        ("SELECT * FROM bills WHERE :student <> ''", FailureClass.WRONG_OWNER, False),
    ],
)
def test_a_query_that_fails_has_its_class_and_writes_nothing(
    query: str, failure: FailureClass, stops: bool, view: str
) -> None:
    _, failed = run(view, query, of="008")

    assert isinstance(failed, FailedFetch), failed
    assert (failed.failure, failed.stops_run) == (failure, stops)
