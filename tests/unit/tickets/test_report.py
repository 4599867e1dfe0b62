"""Tests of the rows of the generation report and of escaping cells."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.platform.kernel.text import guard_formula
from ticketing.tickets.reports.queries import ReportRow
from ticketing.tickets.reports.report import (
    GenerationStatus,
    ReportEntry,
    ReportSummary,
    to_report_entry,
)

AT = datetime(2026, 11, 20, 8, tzinfo=UTC)
maybe = st.none() | st.just("some reason")
lines = st.builds(
    ReportRow,
    entitlement_id=st.integers(1),
    external_id=st.none(),
    full_name=st.just("Ayu"),
    email=st.just(""),
    ticket_type=st.just("Wisudawan"),
    seat=st.just(""),
    hold_reason=maybe,
    ticket_code=st.none() | st.just("TC-2026-7Q4M9ZKD"),
    issued_at=st.none() | st.just(AT),
    generated_at=st.none() | st.just(AT),
    pdf_file_path=st.none() | st.just("a.pdf"),
    pdf_removed_at=st.none() | st.just(AT),
    render_error=maybe,
    failure=maybe,
)


@given(lines, st.booleans())
def test_only_guests_without_a_document_have_a_reason(line: ReportRow, over: bool) -> None:
    entry = to_report_entry(line, event_over=over)

    assert (entry.verdict is GenerationStatus.GENERATED) == (entry.reason == "")


@given(lines, st.booleans())
def test_a_guest_without_a_ticket_is_not_generated(line: ReportRow, over: bool) -> None:
    entry = to_report_entry(line, event_over=over)

    assert line.ticket_code is not None or entry.verdict is not GenerationStatus.GENERATED


@given(st.lists(lines, max_size=30))
def test_every_guest_is_counted_and_listed_once(people: list[ReportRow]) -> None:
    sums = ReportSummary()

    passed_on = list(sums.count_entries(to_report_entry(line, event_over=False) for line in people))

    assert [entry.line for entry in passed_on] == people
    assert sums.verdicts.total() == len(people)
    assert len(sums.listed) == len(people)


@given(st.lists(lines, max_size=30))
def test_the_page_lists_guests_without_a_pdf_first(people: list[ReportRow]) -> None:
    sums = ReportSummary()
    list(sums.count_entries(to_report_entry(line, event_over=False) for line in people))

    generated = [entry.verdict is GenerationStatus.GENERATED for entry in sums.listed]

    assert generated == sorted(generated)


def test_a_pdf_that_retention_removed_was_generated() -> None:
    line = ReportRow(
        1, None, "Ayu", "", "Wisudawan", "", None, "TC-2026-7Q4M9ZKD", AT, AT, None, AT, None, None,
        "", False,
    )  # fmt: skip

    assert to_report_entry(line, event_over=True) == ReportEntry(
        line, GenerationStatus.GENERATED, ""
    )


@pytest.mark.parametrize("text", ["=1+1", "+62811", "-1", "@SUM(A1)", "\tx", "\rx"])
def test_a_formula_cell_is_escaped(text: str) -> None:
    assert guard_formula(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "Ayu Lestari", "O'Brien", "a=b", "20261"])
def test_any_other_cell_stays_as_it_is(text: str) -> None:
    assert guard_formula(text) == text
