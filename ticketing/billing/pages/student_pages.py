"""The list of students, and the page of one: stored bills, versions, age of the record."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from fastapi import Path, Query, Request, Response

from ticketing.access.authentication import Viewer
from ticketing.access.signed_in_pages import sign_out_token, signed_in_pages_router
from ticketing.billing.pages import student_queries
from ticketing.billing.pages.api import Language
from ticketing.billing.pages.html import labels, render
from ticketing.billing.sync.drive import BillingConnector
from ticketing.billing.sync.run import UnknownStudent
from ticketing.platform.http.envelope import MAX_ID
from ticketing.platform.http.services import ServicesDependency, now
from ticketing.platform.kernel.time_span import BUSINESS_TIME_ZONE
from ticketing.platform.kernel.wall_clock import format_clock

STUDENTS_PATH = "/admin/siswa"
MAX_VERSIONS = 50
DAY_SECONDS, HOUR_SECONDS, MINUTE_SECONDS = 86400, 3600, 60

router = signed_in_pages_router(STUDENTS_PATH, include_in_schema=False)


@router.get("")
def list_page(
    request: Request,
    services: ServicesDependency,
    _: Viewer,
    language: Language,
    search: Annotated[str, Query(max_length=100)] = "",
    after: Annotated[int | None, Query(ge=1, le=MAX_ID)] = None,
) -> Response:
    """Return a page of students, found by the beginnings of words of name, id or class."""
    connector, token = services.find(BillingConnector), sign_out_token(request)
    if connector is None:
        return render("not_configured.html.j2", language, token=token)
    page = services.database.run(
        student_queries.list_students, connector.name, search=search, after_id=after
    )
    return render(
        "students.html.j2", language, token=token, page=page, search=search, after=after,
        most=student_queries.MAX_COUNTED, **_formats(language),
    )  # fmt: skip


@router.get("/{student_id}")
def student_page(
    request: Request,
    services: ServicesDependency,
    _: Viewer,
    language: Language,
    student_id: Annotated[int, Path(ge=1, le=MAX_ID)],
) -> Response:
    """Return what is stored of one student."""
    with services.database.snapshot() as connection:
        student = student_queries.find_student(connection, student_id)
        if student is None:
            raise UnknownStudent(f"there is no student {student_id}")
        bills = student_queries.list_bills(connection, student_id)
        versions = student_queries.list_versions(connection, student_id, limit=MAX_VERSIONS)
    return render(
        "student.html.j2", language, token=sign_out_token(request), student=student, bills=bills,
        versions=versions, **_formats(language),
    )  # fmt: skip


def _formats(language: str) -> dict[str, Any]:
    at, words = now(), labels(language)

    def age(moment: datetime) -> str:
        return _age((at - moment).total_seconds(), words)

    return {"time": _time, "amount": format_amount, "age": age}


def _time(moment: datetime) -> str:
    return format_clock(moment, BUSINESS_TIME_ZONE)


def _age(seconds: float, words: dict[str, object]) -> str:
    for unit, length in (
        ("days", DAY_SECONDS), ("hours", HOUR_SECONDS), ("minutes", MINUTE_SECONDS)
    ):  # fmt: skip
        if seconds >= length:
            return str(words[unit]).format(int(seconds // length))
    return str(words["just_now"])


def format_amount(value: Decimal, currency: str = "IDR") -> str:
    """Return an amount as written in Indonesia; decimals only where there are any."""
    whole, _, decimals = f"{value:f}".partition(".")
    grouped = f"{int(whole):,}".replace(",", ".")
    sign = "-" if value < 0 and not grouped.startswith("-") else ""
    text = f"{sign}{grouped},{decimals}" if decimals.strip("0") else f"{sign}{grouped}"
    return f"Rp{text}" if currency == "IDR" else f"{currency} {text}"
