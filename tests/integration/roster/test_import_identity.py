"""Tests of people under slightly different ids, other names, empty cells, and touched tickets."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from tests.plugins.properties import examples
from ticketing.checkin.model import Scan
from ticketing.checkin.record_scan import record_scan
from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.roster import guest_changes
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.roster import import_queries
from ticketing.roster.import_result import ImportResult, format_import_report
from ticketing.roster.model import ImportCounts
from ticketing.roster.plan.import_impact import EmptiedFields, SharedContact, TouchedTickets

Import = Callable[..., ImportResult]
ReadGuests = Callable[[], dict[str, dict[str, str | None]]]
Issue = Callable[[], int]
Holders = Callable[[], dict[str, tuple[str, str]]]

HEADER = "nim,nama,email,no hp"
SEATS = "nim,nama,email,no hp,jenis tiket,kursi,status bayar"
BUDI = "1,Budi,b@example.com,081234567801,VIP,A-1,lunas"


@pytest.mark.parametrize(
    ("first", "second", "hold"),
    [
        (["0012345678,Mukti,,081234567801"], ["12345678,Mukti,,081234567801"], "id:0012345678"),
        (["a11.2020,Budi,b@example.com,"], ["A11.2020,BUDI,b@example.com,"], "id:a11.2020"),
        (
            ["20201,Budi,b@example.com,081234567801"],
            ["20209,Budi,b@example.com,081234567801"],
            "id:20201",
        ),
        ([",Budi,b@example.com,081234567801"], ["7,Budi,,081234567801"], "email:b@example.com"),
        ([], ["20201,Budi,b@example.com,", "20210,Budi,b@example.com,"], "id:20201"),
    ],
)
def test_a_person_under_another_id_is_on_hold_and_pointed_out(
    import_csv: Import,
    read_guests: ReadGuests,
    issue: Issue,
    first: list[str],
    second: list[str],
    hold: str,
) -> None:
    if first:
        import_csv(HEADER, *first)
    issue()

    foretold = import_csv(HEADER, *second, dry_run=True)
    result = import_csv(HEADER, *second)

    assert foretold.impact == result.impact
    assert (result.impact.duplicates.people, result.counts.quarantined) == (1, 0)
    assert "1 person shares name and e-mail/phone" in format_import_report(foretold)
    assert list(read_guests().values())[-1]["hold_reason"] == f"possible duplicate of {hold}"
    assert issue() == (0 if first else 1)


def test_every_other_spelling_of_an_id_in_one_file_is_on_hold(
    import_csv: Import, issue: Issue
) -> None:
    ids = ("A11.2020", "A11-2020", "A11 2020")

    result = import_csv(HEADER, *(f"{nim},Budi,b@example.com," for nim in ids))

    assert result.impact.duplicates.first == [
        SharedContact(line, f"id:{nim}", "Budi", "e-mail", "id:A11.2020", "Budi")
        for line, nim in enumerate(ids[1:], 3)
    ]
    assert issue() == 1


def test_an_id_with_a_decimal_zero_is_the_same_person(import_csv: Import) -> None:
    import_csv(HEADER, "20201234.0,Budi,b@example.com,")

    result = import_csv(HEADER, "20201234,Budi,b@example.com,")

    assert result.counts == ImportCounts(unchanged=1)


def test_a_possible_duplicate_stays_on_hold_whatever_later_files_say(
    import_csv: Import, read_guests: ReadGuests
) -> None:
    header, rest = "nim,nama,email,tahan", "Budi,b@example.com"
    import_csv(header, f"1,{rest},", f"2,{rest},belum foto")

    results = [import_csv(header, f"2,{rest},{cell}") for cell in ("belum toga", "tidak", "")]

    assert [result.counts.updated for result in results] == [1, 1, 0]
    assert [result.impact.undecided for result in results] == [1, 1, 1]
    assert read_guests()["id:2"]["hold_reason"] == "possible duplicate of id:1"


def test_a_known_contact_under_another_name_is_pointed_out_and_not_held(
    import_csv: Import, read_guests: ReadGuests
) -> None:
    import_csv(HEADER, "1,Budi,ortu@example.com,")

    result = import_csv(HEADER, "2,Siti,ortu@example.com,", dry_run=True)
    import_csv(HEADER, "2,Siti,ortu@example.com,")

    (known,) = result.impact.known_contacts.first
    assert (known.person, known.contact, known.other) == ("id:2", "e-mail", "id:1")
    assert read_guests()["id:2"]["hold_reason"] is None


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (",Siti,ortu@example.com,081234567801", "the address belongs to Budi (email:ortu"),
        (",Siti,ortu@example.com,", "the address belongs to Budi (email:ortu"),
    ],
)
def test_another_name_at_a_known_address_is_kept_aside_in_a_later_file(
    import_csv: Import, issue: Issue, read_holders: Holders, row: str, reason: str
) -> None:
    import_csv(HEADER, ",Budi,ortu@example.com,081234567801")
    issue()

    result = import_csv(HEADER, row, row)

    assert result.counts == ImportCounts(quarantined=2)
    assert result.quarantine[0].reason.startswith(reason)
    assert list(read_holders().values()) == [("email:ortu@example.com", "Budi")]


def test_the_name_on_a_live_ticket_changes_only_with_the_option(
    import_csv: Import, issue: Issue, read_holders: Holders, database: Database
) -> None:
    import_csv(HEADER, "1,Budi,,", "2,Siti,,")
    issue()

    kept = import_csv(HEADER, "1,Joko,,", "1,Joko,,", "2,Siti,s@example.com,", "3,Tono,,")
    names = [name for _, name in read_holders().values()]
    applied = import_csv(HEADER, "1,Joko,,", apply_holder_changes=True)

    assert kept.counts == ImportCounts(inserted=1, updated=1, quarantined=2)
    assert kept.quarantine[0].reason.endswith(
        "is in the name of Budi; to change it, use --apply-holder-changes"
    )
    assert (kept.impact.kept_holders, names) == (1, ["Budi", "Siti"])
    assert (applied.counts.updated, applied.impact.changed.live) == (1, 1)
    assert read_holders().popitem()[1] == ("id:2", "Siti")
    with database.transaction() as connection:
        change = connection.execute(select(guest_changes)).mappings().one()
    assert (change["old_value"], change["new_value"]) == ("Budi", "Joko")
    assert change["changed_by"] == f"import {applied.import_id} by operator"


@pytest.mark.parametrize("applied", [False, True])
def test_a_ticket_that_is_issued_after_the_plan_keeps_its_holder(
    import_csv: Import, issue: Issue, read_holders: Holders, tmp_path: Path, *, applied: bool
) -> None:
    import_csv(HEADER, "1,Budi,,", "2,Siti,,")
    rejected_path = tmp_path / "rejected.csv"

    result = import_csv(
        HEADER,
        *("1,Joko,j@example.com,", "1,Joko,j@example.com,"),
        *("2,SITI,s@example.com,", "3,Tono,,"),
        apply_holder_changes=applied,
        quarantine_path=rejected_path,
        after_plan=issue,
    )

    assert [name for _, name in read_holders().values()] == ["Joko" if applied else "Budi", "SITI"]
    if applied:
        assert result.counts == ImportCounts(inserted=1, updated=2, unchanged=1)
        return
    assert result.counts == ImportCounts(inserted=1, updated=1, quarantined=2)
    assert [row.line for row in result.quarantine] == [2, 3]
    assert "is in the name of Budi" in result.quarantine[0].reason
    assert len(rejected_path.read_text().splitlines()) == 1 + 2
    assert (result.impact.kept_holders, result.changed_fields) == (1, {"full_name": 1, "email": 1})
    assert {change.line for change in result.changes} == {4}


def test_a_plan_counts_the_live_delivered_and_used_tickets_it_touches(
    import_csv: Import, issue: Issue, database: Database, event: Event, now: datetime
) -> None:
    import_csv(HEADER, *(f"{nim},Budi {nim},," for nim in range(1, 5)))
    issue()
    with database.transaction() as connection:
        first = select(generated_tickets.c.id).order_by(generated_tickets.c.id).limit(1)
        connection.execute(
            update(generated_tickets)
            .where(generated_tickets.c.id == first.scalar_subquery())
            .values(delivered_at=generated_tickets.c.issued_at)
        )
        issued = select(generated_tickets.c.ticket_code).order_by(generated_tickets.c.id)
        codes = list(connection.execute(issued).scalars())
    for code in (codes[0], codes[3]):
        record_scan(database, event, Scan(f"nonce-{code}", code), gate="Gate 1", at=now)
    rows = (HEADER, "1,Budi 1,new@example.com,", "2,Budi 2,other@example.com,", "3,Budi 3,,")

    foretold = import_csv(*rows, dry_run=True, withdraw_absent=True)
    result = import_csv(*rows, withdraw_absent=True)

    assert foretold.impact.changed == TouchedTickets(live=2, delivered=1, checked_in=1)
    assert foretold.impact.withdrawn == TouchedTickets(live=1, checked_in=1)
    assert "Touches 3 live tickets, 1 of them delivered, 2 checked in" in format_import_report(
        result
    )
    with database.transaction() as connection:
        record = import_queries.list_imports(connection, event.id)[0]
    assert (record.live_tickets, record.delivered_tickets) == (3, 1)
    assert record.checked_in_tickets == 2


def test_an_empty_cell_keeps_the_stored_value_and_the_plan_says_so(
    import_csv: Import, issue: Issue, read_guests: ReadGuests
) -> None:
    import_csv(SEATS, BUDI)
    before = read_guests()
    issue()

    result = import_csv(SEATS, "1,Budi,,,,,")

    fields = ("email", "phone", "ticket_type", "seat", "payment")
    assert result.impact.emptied == EmptiedFields(dict.fromkeys(fields, 1), live_tickets=1)
    assert "would clear them and touch 1 live ticket\n" in format_import_report(result)
    assert (result.counts, read_guests()) == (ImportCounts(unchanged=1), before)


def test_an_empty_cell_clears_the_stored_value_with_the_option(
    import_csv: Import, issue: Issue, read_guests: ReadGuests
) -> None:
    import_csv(SEATS, BUDI)
    issue()

    result = import_csv(SEATS, "1,Budi,,,,,", clear_empty=True)

    guest = read_guests()["id:1"]
    assert (guest["email"], guest["phone"], guest["ticket_type"]) == ("", "", "Regular")
    assert (guest["seat"], guest["hold_reason"]) == ("", "not paid")
    assert "empty cells clear" in format_import_report(result)
    assert result.impact.emptied.live_tickets == 1


@pytest.mark.parametrize(
    ("cells", "hold"),
    [
        ("lunas,", "belum foto"),
        (",tidak", "payment: belum"),
        (",belum toga", "payment: belum; belum toga"),
        ("lunas,no", None),
    ],
)
def test_payment_and_hold_are_stated_separately(
    import_csv: Import, read_guests: ReadGuests, cells: str, hold: str | None
) -> None:
    import_csv("nim,nama,status bayar,tahan", "1,Budi,belum,belum foto")

    import_csv("nim,nama,status bayar,tahan", f"1,Budi,{cells}")

    assert read_guests()["id:1"]["hold_reason"] == hold


rows = st.lists(
    st.tuples(
        st.sampled_from(["", "1", "2", "01"]),
        st.sampled_from(["Siti", "Budi", "Siti A"]),
        st.sampled_from(["", "a@example.org", "b@example.org", "b@"]),
        st.sampled_from(["", "081234567801", "081234567802"]),
    ).map(",".join),
    min_size=1,
    max_size=6,
)


@settings(
    max_examples=examples(15),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(rows, rows)
@example([",Budi,a@example.org,"], [",Siti,a@example.org,", "1,Budi,a@example.org,"])
@example(["1,Budi,a@example.org,"], ["1,Siti,,", "2,Budi,a@example.org,"])
@pytest.mark.slow
def test_no_sequence_of_two_files_changes_the_holder_of_a_live_ticket(
    import_csv: Import,
    issue: Issue,
    read_holders: Holders,
    database: Database,
    first: list[str],
    second: list[str],
) -> None:
    with database.transaction() as connection:
        connection.exec_driver_sql("TRUNCATE guests, imports CASCADE")

    results = [import_csv(HEADER, *first)]
    issue()
    before = {code: name for code, (_, name) in read_holders().items()}
    results.append(import_csv(HEADER, *second))
    issue()

    after = {code: name for code, (_, name) in read_holders().items()}
    assert {code: after[code] for code in before} == before
    assert all(result.counts.rows == result.total for result in results)
