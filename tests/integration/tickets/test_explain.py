"""Tests of the explanation of one guest, from the import line to the PDF."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, select, update

from ticketing.crypto.keyring import KeyRing
from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.roster import entitlements, import_rejected_rows, imports
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.tickets.batches import queries as batch_queries
from ticketing.tickets.issuing.issue import issue_tickets
from ticketing.tickets.reports.explain import Explanation, TicketHistoryStep, explain_person
from ticketing.tickets.revoke import revoke_tickets

AddGuests = Callable[..., list[int]]
Explain = Callable[..., Explanation]
LATER = datetime(2026, 12, 31, tzinfo=UTC)


@pytest.fixture
def explain(database: Database, event: Event, now: datetime) -> Explain:
    """Return a function that explains a guest."""

    def ask_about(person: str, **options: object) -> Explanation:
        return explain_person(database, event, person, at=now, **options)  # type: ignore[arg-type]  # any option

    return ask_about


@pytest.fixture
def import_id(database: Database, event: Event, now: datetime) -> int:
    """Create an import with one rejected row, line 7."""
    with database.transaction() as connection:
        made: int = connection.execute(
            insert(imports)
            .values(
                event_id=event.id,
                source_kind="file",
                source_name="wisuda.csv",
                state="completed",
                total_rows=1,
                rejected=1,
                requested_by="siti",
                started_at=now - timedelta(hours=1),
                completed_at=now,
            )
            .returning(imports.c.id)
        ).scalar_one()
        connection.execute(
            insert(import_rejected_rows).values(
                import_id=made,
                line_number=7,
                event_id=event.id,
                field="email",
                value="budi@",
                reason="not an e-mail address",
                row={"NIM": "21/999", "Nama": "Budi 100% Ståhl", "Email": "budi@"},
            )
        )
    return made


@pytest.fixture
def ticket_code(
    *,
    database: Database,
    event: Event,
    add_guests: AddGuests,
    import_id: int,
    keys: KeyRing,
    job_id: int,
    now: datetime,
) -> str:
    """Issue tickets to two guests; return the code of Guest 1, imported from line 2."""
    add_guests(event, 2, import_id=import_id, import_line=2, created_at=now - timedelta(minutes=30))
    issue_tickets(database, event, keys=keys, job_id=job_id, at=now, by="siti")
    query = select(generated_tickets.c.ticket_code).order_by(generated_tickets.c.id).limit(1)
    with database.transaction() as connection:
        return str(connection.execute(query).scalar_one())


@pytest.mark.usefixtures("ticket_code")
@pytest.mark.parametrize(
    "name",
    ["S00001", "guest1@example.org", "GUEST1@example.org", "+628110000001", "0811-000 0001", "1",
     " Guest 1 ", "guest 1"],
)  # fmt: skip
def test_a_guest_is_found_by_any_identifier(explain: Explain, name: str) -> None:
    answer = explain(name)

    assert [person.full_name for person in answer.people] == ["Guest 1"]


def test_a_guest_is_found_by_the_ticket_code(explain: Explain, ticket_code: str) -> None:
    answer = explain(ticket_code.lower())

    assert [person.external_id for person in answer.people] == ["S00001"]
    assert answer.people[0].statuses == (f"has ticket {ticket_code}",)


@pytest.mark.usefixtures("ticket_code")
def test_a_part_of_a_name_finds_all_matching_guests(explain: Explain) -> None:
    assert [person.full_name for person in explain("gues").people] == ["Guest 1", "Guest 2"]


@pytest.mark.usefixtures("ticket_code")
@pytest.mark.parametrize("name", ["", "  ", "nobody", "%", "_", "2' OR '1'='1", "\\"])
def test_an_unknown_name_finds_no_guest(explain: Explain, name: str) -> None:
    assert explain(name).people == ()


@pytest.mark.usefixtures("ticket_code")
def test_guests_of_other_events_are_not_shown(
    database: Database, other_event: Event, now: datetime
) -> None:
    assert explain_person(database, other_event, "S00001", at=now) == Explanation((), ())


def test_the_explanation_has_all_steps_from_the_import_to_the_ticket(
    *,
    database: Database,
    explain: Explain,
    ticket_code: str,
    import_id: int,
    job_id: int,
    now: datetime,
) -> None:
    with database.transaction() as connection:
        batch = batch_queries.find_by_id(connection, job_id)
        connection.execute(
            update(generated_tickets).values(
                generated_at=now + timedelta(seconds=1), pdf_file_path="wisuda-2026/00/x.pdf"
            )
        )
    assert batch is not None

    [person] = explain("S00001").people

    assert person.steps == (
        TicketHistoryStep(
            now - timedelta(hours=1), "read from wisuda.csv line 2", f"import {import_id}"
        ),
        TicketHistoryStep(now - timedelta(minutes=30), "entitled to a ticket by the roster"),
        TicketHistoryStep(now, f"ticket {ticket_code} issued", f"job {job_id} ({batch.batch_key})"),
        TicketHistoryStep(now + timedelta(seconds=1), "PDF written to wisuda-2026/00/x.pdf"),
    )


def test_the_run_that_issued_a_ticket_is_named(
    *,
    database: Database,
    explain: Explain,
    event: Event,
    add_guests: AddGuests,
    keys: KeyRing,
    now: datetime,
) -> None:
    add_guests(event, 1)
    with database.transaction() as connection:
        batch = batch_queries.get_or_create_batch(
            connection, key="run", event=event, template_id="classic", options={}, by="dagster",
            at=now, dagster_run_id="0af1",
        )  # fmt: skip
    issue_tickets(database, event, keys=keys, job_id=batch.id, at=now, by="dagster")

    [person] = explain("S00001").people

    assert f"job {batch.id} (run), run 0af1" in [step.by for step in person.steps]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({}, "has no PDF yet"),
        ({"render_error": "no font has U+A98F"}, "failed: no font has U+A98F"),
        ({"pdf_file_path": "gone.pdf"}, "it is rendered again when it is next read"),
        (
            {"pdf_file_path": "old.pdf", "pdf_removed_at": LATER},
            "PDF removed by retention",
        ),
        ({"delivered_at": LATER}, "delivered"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("ticket_code")
def test_the_state_of_the_pdf_is_shown(
    database: Database, explain: Explain, change: dict[str, object], text: str
) -> None:
    if change:
        with database.transaction() as connection:
            connection.execute(update(generated_tickets).values(**change))

    [person] = explain("S00001", is_unchanged=lambda _path, _digest: False).people

    assert any(step.what.endswith(text) for step in person.steps)


def test_a_revoked_ticket_stays_in_the_explanation(
    *, database: Database, event: Event, explain: Explain, ticket_code: str, now: datetime
) -> None:
    later = now + timedelta(minutes=1)
    revoke_tickets(database, event, codes=[ticket_code], reason="lost", by="siti", at=later)

    [person] = explain("S00001").people

    assert person.statuses == ("missing",)
    assert TicketHistoryStep(later, f"ticket {ticket_code} revoked: lost") in person.steps


def test_failures_are_shown_with_their_job(
    *,
    database: Database,
    event: Event,
    add_guests: AddGuests,
    explain: Explain,
    job_id: int,
    keys: KeyRing,
    now: datetime,
) -> None:
    guest_ids = add_guests(event, 1, hold_reason="fees unpaid")
    issue_tickets(database, event, keys=keys, job_id=job_id, at=now, by="siti", guest_ids=guest_ids)

    [person] = explain(str(guest_ids[0])).people

    assert person.statuses == ("on hold: fees unpaid",)
    assert [step.by for step in person.steps if step.what == "no ticket: on hold: fees unpaid"] == [
        f"job {job_id}"
    ]


@pytest.mark.usefixtures("import_id")
@pytest.mark.parametrize("name", ["budi", "Ståhl", "100% St", "21/999", "budi@"])
def test_a_rejected_row_is_found_by_its_content(explain: Explain, name: str) -> None:
    answer = explain(name)

    assert answer.people == ()
    assert [str(row) for row in answer.left_out] == [
        "wisuda.csv line 7: email 'budi@': not an e-mail address"
    ]


def test_a_guest_without_an_entitlement_is_shown_as_such(
    database: Database, event: Event, add_guests: AddGuests, explain: Explain
) -> None:
    add_guests(event, 1)
    with database.transaction() as connection:
        connection.execute(entitlements.delete())

    [person] = explain("S00001").people

    assert (person.statuses, person.steps) == ((), ())


def test_the_number_of_guests_that_are_not_listed_is_said(
    explain: Explain, event: Event, add_guests: AddGuests
) -> None:
    add_guests(event, 23)

    answer = explain("guest")

    assert (len(answer.people), answer.more_people, answer.more_left_out) == (20, 3, 0)
