"""Tests of issuing: each entitled guest gets one ticket; failures are named and isolated."""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count

import pytest
from sqlalchemy import func, select, text, update

from ticketing.crypto.keyring import KeyRing
from ticketing.crypto.verify import verify_offline
from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.operations import audit_log
from ticketing.platform.db.tables.roster import entitlements
from ticketing.platform.db.tables.tickets import generated_tickets, ticket_generation_logs
from ticketing.platform.kernel.errors import Refused
from ticketing.tickets.batches import queries as batch_queries
from ticketing.tickets.batches.queries import BatchState
from ticketing.tickets.issuing.create_tickets import IssueFailure
from ticketing.tickets.issuing.issue import IssueResult, issue_tickets

AddGuests = Callable[..., list[int]]
Issue = Callable[..., IssueResult]
Rows = Callable[..., list[tuple[object, ...]]]

REFUSE_ONE = """
CREATE FUNCTION refuse_one() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.guest_id = ANY ('{%s}'::bigint[]) THEN
        RAISE EXCEPTION 'the seat of this guest is being repaired';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER refuse_one BEFORE INSERT ON generated_tickets
    FOR EACH ROW EXECUTE FUNCTION refuse_one();
"""


@pytest.fixture
def issue(database: Database, event: Event, keys: KeyRing, job_id: int, now: datetime) -> Issue:
    """Return a function that issues as the operator does, with any option changed."""

    def issue_with(**options: object) -> IssueResult:
        usual = {"keys": keys, "job_id": job_id, "at": now, "by": "operator"}
        return issue_tickets(database, event, **(usual | options))  # type: ignore[arg-type]  # any option

    return issue_with


@pytest.fixture
def rows(database: Database) -> Rows:
    """Return a function that fetches the rows of a query."""

    def fetch(query: object) -> list[tuple[object, ...]]:
        with database.transaction() as connection:
            return [tuple(row) for row in connection.execute(query)]  # type: ignore[call-overload]  # any query

    return fetch


@pytest.fixture
def refused_by_the_database(database: Database, event: Event, add_guests: AddGuests) -> list[int]:
    """Make the database refuse the tickets of three of ten guests."""
    guest_ids = add_guests(event, 10)
    refused = [guest_ids[0], guest_ids[4], guest_ids[9]]
    with database.transaction() as connection:
        connection.execute(text(REFUSE_ONE % ",".join(map(str, refused))))
    return refused


def test_every_guest_without_a_ticket_gets_one(
    event: Event, add_guests: AddGuests, issue: Issue, rows: Rows
) -> None:
    guest_ids = add_guests(event, 25)

    result = issue(chunk=10)

    assert result == IssueResult(total=25, created=25, skipped=0, failed=0, failures=())
    assert rows(select(generated_tickets.c.guest_id).order_by(generated_tickets.c.id)) == [
        (guest_id,) for guest_id in guest_ids
    ]


def test_a_second_run_creates_nothing_and_counts_skipped_guests(
    event: Event, add_guests: AddGuests, issue: Issue, new_job: Callable[..., int], rows: Rows
) -> None:
    add_guests(event, 5)
    issue()
    before = rows(select(*generated_tickets.c))

    result = issue(job_id=new_job(event))

    assert result == IssueResult(total=5, created=0, skipped=5, failed=0, failures=())
    assert rows(select(*generated_tickets.c)) == before


def test_the_next_run_issues_only_for_guests_added_later(
    event: Event, add_guests: AddGuests, issue: Issue, new_job: Callable[..., int]
) -> None:
    add_guests(event, 3)
    issue()
    add_guests(event, 2)

    result = issue(job_id=new_job(event))

    assert (result.created, result.skipped) == (2, 3)


def test_withdrawn_guests_and_guests_on_hold_get_none(
    event: Event, add_guests: AddGuests, issue: Issue, rows: Rows
) -> None:
    add_guests(event, 1, state="withdrawn")
    add_guests(event, 1, hold_reason="fees unpaid")
    eligible = add_guests(event, 1)

    result = issue()

    assert (result.total, result.created) == (1, 1)
    assert rows(select(generated_tickets.c.guest_id)) == [(eligible[0],)]


def test_guests_of_other_events_get_no_tickets(
    event: Event, other_event: Event, add_guests: AddGuests, issue: Issue, rows: Rows
) -> None:
    add_guests(other_event, 3)
    add_guests(event, 1)

    issue()

    assert rows(select(generated_tickets.c.event_id)) == [(event.id,)]


def test_a_ticket_carries_what_a_gate_and_a_reader_need(
    *,
    database: Database,
    event: Event,
    add_guests: AddGuests,
    issue: Issue,
    keys: KeyRing,
    now: datetime,
) -> None:
    add_guests(event, 1)

    issue()

    with database.transaction() as connection:
        ticket = connection.execute(select(*generated_tickets.c)).mappings().one()
    verdict = verify_offline(
        ticket["qr_code_data"],
        event_number=event.id,
        public_keys={1: keys.public_key(event.uid, 1)},
        at=event.starts_at,
    )
    assert verdict.is_valid
    assert verdict.claims is not None
    assert verdict.claims.token_id == ticket["token_id"]
    assert ticket["ticket_code"].startswith("TC-2026-")
    assert (ticket["valid_from"], ticket["valid_until"]) == (now, event.tickets_valid_until)
    assert ticket["valid_until"] - event.ends_at == timedelta(days=1)
    assert (ticket["issued_at"], ticket["template_id"]) == (now, None)


def test_only_requested_guests_get_tickets(
    event: Event, add_guests: AddGuests, issue: Issue, rows: Rows
) -> None:
    guest_ids = add_guests(event, 5)

    result = issue(guest_ids=[guest_ids[3], guest_ids[1], guest_ids[3]])

    assert (result.total, result.created) == (2, 2)
    assert rows(select(generated_tickets.c.guest_id).order_by(generated_tickets.c.guest_id)) == [
        (guest_ids[1],),
        (guest_ids[3],),
    ]


def test_a_requested_guest_with_a_ticket_is_skipped(
    event: Event, add_guests: AddGuests, issue: Issue, new_job: Callable[..., int]
) -> None:
    guest_ids = add_guests(event, 3)
    issue(guest_ids=guest_ids[:1])

    result = issue(guest_ids=guest_ids, job_id=new_job(event), chunk=2)

    assert (result.total, result.created, result.skipped) == (3, 2, 1)


def test_a_requested_guest_who_is_not_eligible_fails_with_the_reason(
    event: Event, other_event: Event, add_guests: AddGuests, issue: Issue
) -> None:
    withdrawn, held = (
        add_guests(event, 1, state="withdrawn"),
        add_guests(event, 1, hold_reason="fees unpaid"),
    )
    elsewhere, fine = add_guests(other_event, 1), add_guests(event, 1)

    result = issue(guest_ids=[*withdrawn, *held, *elsewhere, *fine, 99999])

    assert (result.created, result.failed) == (1, 4)
    assert result.failures == (
        IssueFailure(withdrawn[0], "withdrawn"),
        IssueFailure(held[0], "on hold: fees unpaid"),
        IssueFailure(elsewhere[0], f"no guest {elsewhere[0]} in this event"),
        IssueFailure(99999, "no guest 99999 in this event"),
    )


def test_an_empty_list_of_guests_issues_nothing(
    event: Event, add_guests: AddGuests, issue: Issue
) -> None:
    add_guests(event, 2)

    assert issue(guest_ids=[]).created == 0


def test_after_the_event_no_tickets_are_issued(
    event: Event, add_guests: AddGuests, issue: Issue, new_job: Callable[..., int]
) -> None:
    guest_ids = add_guests(event, 2)
    too_late = event.tickets_valid_until + timedelta(seconds=1)

    everyone = issue(at=too_late)
    asked = issue(at=too_late, guest_ids=guest_ids[:1], job_id=new_job(event))

    assert (everyone.created, everyone.failed) == (0, 0)
    assert asked.failures == (IssueFailure(guest_ids[0], "event is over"),)


@pytest.mark.parametrize("chunk", [1, 3, 1000])
def test_a_limit_is_reached_and_the_rest_is_left_for_the_next_run(
    event: Event,
    add_guests: AddGuests,
    issue: Issue,
    new_job: Callable[..., int],
    chunk: int,
) -> None:
    add_guests(event, 10)

    created = [issue(limit=4, chunk=chunk, job_id=new_job(event)).created for _ in range(4)]

    assert created == [4, 4, 2, 0]


def test_a_limit_counts_only_guests_without_a_ticket(
    event: Event, add_guests: AddGuests, issue: Issue, new_job: Callable[..., int]
) -> None:
    guest_ids = add_guests(event, 6)
    issue(guest_ids=guest_ids[:3])

    asked = [*guest_ids, 999]
    result = issue(guest_ids=asked, limit=2, chunk=2, job_id=new_job(event))

    assert (result.total, result.created, result.skipped, result.failed) == (3, 2, 0, 1)


def test_an_interrupted_batch_continues_up_to_its_limit(
    event: Event, add_guests: AddGuests, issue: Issue
) -> None:
    add_guests(event, 10)
    issue(limit=3)

    assert issue(limit=5).created == 2


def test_a_failed_guest_stops_no_other(
    issue: Issue, refused_by_the_database: list[int], rows: Rows
) -> None:
    result = issue(chunk=4)

    assert (result.created, result.failed) == (7, 3)
    assert [failure.guest_id for failure in result.failures] == refused_by_the_database
    assert result.failures[0].message == (
        "the database refused the ticket: the seat of this guest is being repaired"
    )
    assert rows(select(func.count()).select_from(generated_tickets)) == [(7,)]


def test_failures_are_in_the_job_s_log_by_id(
    issue: Issue, refused_by_the_database: list[int], job_id: int, rows: Rows
) -> None:
    issue()

    logs = ticket_generation_logs
    logged = rows(
        select(logs.c.job_id, logs.c.guest_id, logs.c.message)
        .where(logs.c.status == "failed")
        .order_by(logs.c.id)
    )
    assert [row[:2] for row in logged] == [(job_id, guest) for guest in refused_by_the_database]
    assert "Guest" not in str(logged)


@pytest.mark.usefixtures("refused_by_the_database")
def test_a_failed_guest_gets_a_ticket_once_the_cause_is_removed(
    database: Database, issue: Issue
) -> None:
    issue()
    with database.transaction() as connection:
        connection.execute(text("DROP TRIGGER refuse_one ON generated_tickets"))

    result = issue()

    assert (result.created, result.skipped, result.failed) == (3, 7, 0)


def test_a_result_lists_the_first_thousand_failures_and_counts_all(
    issue: Issue, rows: Rows
) -> None:
    result = issue(guest_ids=range(10_000, 11_500))

    assert (result.failed, len(result.failures)) == (1500, 1000)
    assert rows(
        select(func.count())
        .select_from(ticket_generation_logs)
        .where(ticket_generation_logs.c.status == "failed")
    ) == [(1500,)]


@pytest.fixture
def repeating_random_source() -> Callable[[int], bytes]:
    """Return a random source that often repeats its values."""
    turns = count()

    def draw(length: int) -> bytes:
        drawn = [bytes([next(turns) // 3 % 30]) * 15 for _ in range(length // 15)]
        return b"".join(drawn)

    return draw


def test_a_code_that_exists_is_drawn_again(
    event: Event, add_guests: AddGuests, issue: Issue, repeating_random_source: object, rows: Rows
) -> None:
    add_guests(event, 25)

    result = issue(randomness=repeating_random_source)

    assert (result.created, result.failed) == (25, 0)
    assert rows(select(func.count(generated_tickets.c.ticket_code.distinct()))) == [(25,)]


def test_a_random_source_that_repeats_is_named_as_the_cause(
    event: Event, add_guests: AddGuests, issue: Issue
) -> None:
    add_guests(event, 3)

    result = issue(randomness=bytes)

    assert (result.created, result.failed) == (1, 2)
    assert "is the source of randomness broken?" in result.failures[0].message


def test_a_batch_counts_its_results_and_logs_them(
    *,
    database: Database,
    issue: Issue,
    refused_by_the_database: list[int],
    job_id: int,
    rows: Rows,
    now: datetime,
) -> None:
    issue()
    with database.transaction() as connection:
        batch = batch_queries.close_batch(connection, job_id, state=BatchState.COMPLETED, at=now)

    assert (batch.total_count, batch.created_count) == (10, 7)
    assert (batch.skipped_count, batch.failed_count) == (0, len(refused_by_the_database))
    logs = ticket_generation_logs
    history = rows(select(logs.c.status, logs.c.details).order_by(logs.c.id))
    assert history[0] == ("started", {"total": 10, "skipped": 0})
    assert [status for status, _ in history[1:4]] == ["failed"] * 3
    assert history[4] == (
        "completed",
        {"total": 10, "created": 7, "rendered": 0, "skipped": 0, "failed": 3},
    )


def test_a_batch_begun_again_keeps_count_of_its_own(
    database: Database, event: Event, add_guests: AddGuests, issue: Issue, job_id: int
) -> None:
    add_guests(event, 6)
    issue(limit=4)

    issue()

    with database.transaction() as connection:
        batch = batch_queries.find_by_id(connection, job_id)
    assert batch is not None
    assert (batch.total_count, batch.created_count, batch.skipped_count) == (6, 6, 0)


def test_the_audit_log_has_actor_and_number_of_issued_tickets(
    event: Event, add_guests: AddGuests, issue: Issue, rows: Rows
) -> None:
    add_guests(event, 2)

    issue(by="siti")

    assert rows(
        select(audit_log.c.actor, audit_log.c.action, audit_log.c.event_id, audit_log.c["items"])
    ) == [("siti", "tickets.issue", event.id, 2)]


def test_progress_is_reported_after_every_chunk(
    event: Event, add_guests: AddGuests, issue: Issue
) -> None:
    add_guests(event, 5)
    told: list[tuple[int, int]] = []

    issue(chunk=2, on_progress=lambda result: told.append((result.created, result.total)))

    assert told == [(2, 5), (4, 5), (5, 5)]


def test_a_job_of_another_event_is_refused(
    *,
    event: Event,
    other_event: Event,
    add_guests: AddGuests,
    issue: Issue,
    new_job: Callable[..., int],
    rows: Rows,
) -> None:
    add_guests(event, 1)

    with pytest.raises(Refused, match="not a batch of wisuda-2026"):
        issue(job_id=new_job(other_event))

    assert rows(select(generated_tickets.c.id)) == []


def test_a_guest_with_two_entitlements_gets_two_tickets(
    database: Database, event: Event, add_guests: AddGuests, issue: Issue
) -> None:
    guest_id = add_guests(event, 1)[0]
    with database.transaction() as connection:
        connection.execute(
            entitlements.insert().from_select(
                ["event_id", "guest_id", "ticket_type_id", "source"],
                select(
                    entitlements.c.event_id,
                    entitlements.c.guest_id,
                    entitlements.c.ticket_type_id,
                    text("'order'"),
                ),
            )
        )

    assert issue(guest_ids=[guest_id]).created == 2


def test_a_withdrawn_ticket_holder_may_be_entitled_again_and_keeps_the_ticket(
    database: Database, event: Event, add_guests: AddGuests, issue: Issue
) -> None:
    add_guests(event, 1)
    issue()
    with database.transaction() as connection:
        connection.execute(update(entitlements).values(state="withdrawn"))
        connection.execute(update(entitlements).values(state="entitled"))

    assert issue().skipped == 1
