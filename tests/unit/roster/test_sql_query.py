"""Tests of a roster from the operator's own table, which is only read."""

import sqlite3
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import make_url

from ticketing.platform.kernel.errors import Misconfigured, Unavailable, UnreadableFile
from ticketing.roster.sources.query_address import roster_query
from ticketing.roster.sources.sql_query import RosterQuery


@pytest.fixture
def students(tmp_path: Path) -> str:
    """Return the address of a database with a table of students of another application."""
    path = tmp_path / "campus.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE students (nim, nama, email, born, gpa REAL)")
        connection.executemany(
            "INSERT INTO students VALUES (?, ?, ?, ?, ?)",
            [
                (12, "Siti", None, date(2000, 1, 2).isoformat(), 4.0),
                ("0013", "Bu\0di", "budi@example.org", None, 3.25),
                (None, "", None, None, None),
            ],
        )
    connection.close()
    return f"sqlite:///{path}"


def test_values_become_text_as_a_person_would_write_them(students: str) -> None:
    with RosterQuery(students, "SELECT * FROM students").open() as reading:
        rows = [(row.line, row.cells) for row in reading.rows]

    assert reading.columns == ["nim", "nama", "email", "born", "gpa"]
    assert rows == [
        (1, ["12", "Siti", "", "2000-01-02", "4"]),
        (2, ["0013", "Budi", "budi@example.org", "", "3.25"]),
    ]


def test_the_same_answer_has_the_same_digest_and_another_has_another(students: str) -> None:
    digests = []

    for sql in ("SELECT * FROM students", "SELECT * FROM students", "SELECT nim FROM students"):
        with RosterQuery(students, sql).open() as reading:
            list(reading.rows)
        digests.append(reading.digest)

    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT nim, FROM students", "syntax"),
        ("SELECT * FROM teachers", "no such table"),
        ("CREATE TABLE t (x)", "no rows"),
    ],
)
def test_an_invalid_query_is_refused(students: str, sql: str, reason: str) -> None:
    with pytest.raises(UnreadableFile, match=reason), RosterQuery(students, sql).open():
        pass


@pytest.mark.parametrize(
    ("url", "reason"), [("not an address", "not a valid URL"), ("oracle+what://x", "no driver")]
)
def test_an_unreachable_database_is_refused(url: str, reason: str) -> None:
    with pytest.raises(Misconfigured, match=reason), RosterQuery(url, "SELECT 1").open():
        pass


def test_a_password_is_not_shown() -> None:
    query = RosterQuery("postgresql://campus:hunter2@127.0.0.1:1/x?connect_timeout=1", "SELECT 1")

    with pytest.raises(Unavailable) as refusal, query.open():
        pass

    assert "hunter2" not in str(refusal.value) + query.name + repr(query)


@pytest.mark.parametrize(
    ("variable", "reason"),
    [
        ("DATABASE_URL", "not for rosters.*begins with ROSTER_"),
        ("roster_url", "not for rosters"),
        ("", "not for rosters"),
        ("ROSTER_MISSING", "ROSTER_MISSING is empty"),
        ("ROSTER_OURS", "our own database"),
        ("ROSTER_SOCKET", "our own database"),
    ],
)
def test_a_roster_comes_from_a_variable_for_rosters_and_never_from_our_database(
    variable: str, reason: str
) -> None:
    environment = {
        "DATABASE_URL": "postgresql://a:b@db/ticketing",
        "ROSTER_OURS": "postgres://other@localhost:5432/ticketing",
        "ROSTER_SOCKET": "postgresql:///ticketing?host=/run/ours",
        "ROSTER_CAMPUS": "postgresql://a:b@127.0.0.1/campus",
    }
    own = [
        make_url("postgresql+psycopg://a:b@127.0.0.1/ticketing"),
        make_url("postgresql+psycopg://a:b@/ticketing?host=/run/ours"),
    ]

    with pytest.raises(Misconfigured, match=reason):
        roster_query(variable, "SELECT 1", environment, own=own)
    assert roster_query("ROSTER_CAMPUS", "SELECT 1", environment, own=own).url.endswith("campus")
