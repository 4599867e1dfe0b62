"""Everyone owed a ticket gets exactly one; whoever cannot get one is named and stops nobody."""

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

Enter = Callable[..., list[int]]
Issuing = Callable[..., IssueResult]
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
def issuing(database: Database, event: Event, keys: KeyRing, job_id: int, now: datetime) -> Issuing:
    """Issues for the event as the operator does; any option can be given."""

    def issue_with(**options: object) -> IssueResult:
        usual = {"keys": keys, "job_id": job_id, "at": now, "by": "operator"}
        return issue_tickets(database, event, **(usual | options))  # type: ignore[arg-type]  # any option

    return issue_with


@pytest.fixture
def rows(database: Database) -> Rows:
    """What a query finds."""

    def fetch(query: object) -> list[tuple[object, ...]]:
        with database.transaction() as connection:
            return [tuple(row) for row in connection.execute(query)]  # type: ignore[call-overload]  # any query

    return fetch


@pytest.fixture
def refused_by_the_database(database: Database, event: Event, enter: Enter) -> list[int]:
    """Three of ten people whose tickets the database will not take."""
    guest_ids = enter(event, 10)
    refused = [guest_ids[0], guest_ids[4], guest_ids[9]]
    with database.transaction() as connection:
        connection.execute(text(REFUSE_ONE % ",".join(map(str, refused))))
    return refused


def test_everyone_who_lacks_a_ticket_gets_one(
    event: Event, enter: Enter, issuing: Issuing, rows: Rows
) -> None:
    guest_ids = enter(event, 25)

    result = issuing(chunk=10)

    assert result == IssueResult(total=25, created=25, skipped=0, failed=0, failures=())
    assert rows(select(generated_tickets.c.guest_id).order_by(generated_tickets.c.id)) == [
        (guest_id,) for guest_id in guest_ids
    ]


def test_a_second_run_creates_nothing_and_says_so(
    event: Event, enter: Enter, issuing: Issuing, new_job: Callable[..., int], rows: Rows
) -> None:
    enter(event, 5)
    issuing()
    before = rows(select(*generated_tickets.c))

    result = issuing(job_id=new_job(event))

    assert result == IssueResult(total=5, created=0, skipped=5, failed=0, failures=())
    assert rows(select(*generated_tickets.c)) == before


def test_people_entered_later_are_all_the_next_run_serves(
    event: Event, enter: Enter, issuing: Issuing, new_job: Callable[..., int]
) -> None:
    enter(event, 3)
    issuing()
    enter(event, 2)

    result = issuing(job_id=new_job(event))

    assert (result.created, result.skipped) == (2, 3)


def test_withdrawn_and_held_people_get_none(
    event: Event, enter: Enter, issuing: Issuing, rows: Rows
) -> None:
    enter(event, 1, state="withdrawn")
    enter(event, 1, hold_reason="fees unpaid")
    eligible = enter(event, 1)

    result = issuing()

    assert (result.total, result.created) == (1, 1)
    assert rows(select(generated_tickets.c.guest_id)) == [(eligible[0],)]


def test_people_of_other_events_are_left_alone(
    event: Event, other_event: Event, enter: Enter, issuing: Issuing, rows: Rows
) -> None:
    enter(other_event, 3)
    enter(event, 1)

    issuing()

    assert rows(select(generated_tickets.c.event_id)) == [(event.id,)]


def test_a_ticket_carries_what_a_gate_and_a_reader_need(
    *,
    database: Database,
    event: Event,
    enter: Enter,
    issuing: Issuing,
    keys: KeyRing,
    now: datetime,
) -> None:
    enter(event, 1)

    issuing()

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
    assert (ticket["issued_at"], ticket["template_id"]) == (now, "classic")


def test_asking_for_people_serves_them_and_nobody_else(
    event: Event, enter: Enter, issuing: Issuing, rows: Rows
) -> None:
    guest_ids = enter(event, 5)

    result = issuing(guest_ids=[guest_ids[3], guest_ids[1], guest_ids[3]])

    assert (result.total, result.created) == (2, 2)
    assert rows(select(generated_tickets.c.guest_id).order_by(generated_tickets.c.guest_id)) == [
        (guest_ids[1],),
        (guest_ids[3],),
    ]


def test_whoever_is_asked_for_and_has_a_ticket_is_skipped(
    event: Event, enter: Enter, issuing: Issuing, new_job: Callable[..., int]
) -> None:
    guest_ids = enter(event, 3)
    issuing(guest_ids=guest_ids[:1])

    result = issuing(guest_ids=guest_ids, job_id=new_job(event), chunk=2)

    assert (result.total, result.created, result.skipped) == (3, 2, 1)


def test_whoever_is_asked_for_and_may_have_none_has_failed_with_the_reason(
    event: Event, other_event: Event, enter: Enter, issuing: Issuing
) -> None:
    withdrawn, held = enter(event, 1, state="withdrawn"), enter(event, 1, hold_reason="fees unpaid")
    elsewhere, fine = enter(other_event, 1), enter(event, 1)

    result = issuing(guest_ids=[*withdrawn, *held, *elsewhere, *fine, 99999])

    assert (result.created, result.failed) == (1, 4)
    assert result.failures == (
        IssueFailure(withdrawn[0], "withdrawn"),
        IssueFailure(held[0], "on hold: fees unpaid"),
        IssueFailure(elsewhere[0], f"no guest {elsewhere[0]} in this event"),
        IssueFailure(99999, "no guest 99999 in this event"),
    )


def test_nobody_asked_for_is_nobody_served(event: Event, enter: Enter, issuing: Issuing) -> None:
    enter(event, 2)

    assert issuing(guest_ids=[]).created == 0


def test_after_the_event_nobody_gets_a_ticket_any_more(
    event: Event, enter: Enter, issuing: Issuing, new_job: Callable[..., int]
) -> None:
    guest_ids = enter(event, 2)
    too_late = event.tickets_valid_until + timedelta(seconds=1)

    everyone = issuing(at=too_late)
    asked = issuing(at=too_late, guest_ids=guest_ids[:1], job_id=new_job(event))

    assert (everyone.created, everyone.failed) == (0, 0)
    assert asked.failures == (IssueFailure(guest_ids[0], "event is over"),)


@pytest.mark.parametrize("chunk", [1, 3, 1000])
def test_a_limit_is_reached_and_the_rest_is_left_for_the_next_run(
    event: Event, enter: Enter, issuing: Issuing, chunk: int
) -> None:
    enter(event, 10)

    created = [issuing(limit=4, chunk=chunk).created for _ in range(4)]

    assert created == [4, 4, 2, 0]


def test_a_limit_counts_only_people_without_a_ticket(
    event: Event, enter: Enter, issuing: Issuing
) -> None:
    guest_ids = enter(event, 6)
    issuing(guest_ids=guest_ids[:3])

    result = issuing(guest_ids=guest_ids, limit=2, chunk=2)

    assert (result.created, result.skipped) == (2, 3)


def test_one_person_s_failure_stops_nobody_else(
    issuing: Issuing, refused_by_the_database: list[int], rows: Rows
) -> None:
    result = issuing(chunk=4)

    assert (result.created, result.failed) == (7, 3)
    assert [failure.guest_id for failure in result.failures] == refused_by_the_database
    assert result.failures[0].message == (
        "the database refused the ticket: the seat of this guest is being repaired"
    )
    assert rows(select(func.count()).select_from(generated_tickets)) == [(7,)]


def test_failures_are_in_the_job_s_log_by_id(
    issuing: Issuing, refused_by_the_database: list[int], job_id: int, rows: Rows
) -> None:
    issuing()

    logs = ticket_generation_logs
    logged = rows(
        select(logs.c.job_id, logs.c.guest_id, logs.c.message)
        .where(logs.c.status == "failed")
        .order_by(logs.c.id)
    )
    assert [row[:2] for row in logged] == [(job_id, guest) for guest in refused_by_the_database]
    assert "Guest" not in str(logged)


@pytest.mark.usefixtures("refused_by_the_database")
def test_whoever_failed_is_served_when_the_cause_is_gone(
    database: Database, issuing: Issuing
) -> None:
    issuing()
    with database.transaction() as connection:
        connection.execute(text("DROP TRIGGER refuse_one ON generated_tickets"))

    result = issuing()

    assert (result.created, result.skipped, result.failed) == (3, 7, 0)


def test_a_result_lists_the_first_thousand_failures_and_counts_all(
    issuing: Issuing, rows: Rows
) -> None:
    result = issuing(guest_ids=range(10_000, 11_500))

    assert (result.failed, len(result.failures)) == (1500, 1000)
    assert rows(
        select(func.count())
        .select_from(ticket_generation_logs)
        .where(ticket_generation_logs.c.status == "failed")
    ) == [(1500,)]


@pytest.fixture
def poor_randomness() -> Callable[[int], bytes]:
    """A source that often repeats: 15 bytes at a time, out of thirty, by turns."""
    turns = count()

    def draw(length: int) -> bytes:
        drawn = [bytes([next(turns) // 3 % 30]) * 15 for _ in range(length // 15)]
        return b"".join(drawn)

    return draw


def test_a_code_that_exists_is_drawn_again(
    event: Event, enter: Enter, issuing: Issuing, poor_randomness: object, rows: Rows
) -> None:
    enter(event, 25)

    result = issuing(randomness=poor_randomness)

    assert (result.created, result.failed) == (25, 0)
    assert rows(select(func.count(generated_tickets.c.ticket_code.distinct()))) == [(25,)]


def test_a_source_without_chance_is_named_as_the_cause(
    event: Event, enter: Enter, issuing: Issuing
) -> None:
    enter(event, 3)

    result = issuing(randomness=bytes)

    assert (result.created, result.failed) == (1, 2)
    assert "is the source of randomness broken?" in result.failures[0].message


def test_a_batch_counts_what_was_done_and_its_log_tells_it(
    *,
    database: Database,
    issuing: Issuing,
    refused_by_the_database: list[int],
    job_id: int,
    rows: Rows,
    now: datetime,
) -> None:
    issuing()
    with database.transaction() as connection:
        batch = batch_queries.close_batch(connection, job_id, state=BatchState.COMPLETED, at=now)

    assert (batch.total_count, batch.created_count) == (10, 7)
    assert (batch.skipped_count, batch.failed_count) == (0, len(refused_by_the_database))
    logs = ticket_generation_logs
    story = rows(select(logs.c.status, logs.c.details).order_by(logs.c.id))
    assert story[0] == ("started", {"total": 10, "skipped": 0})
    assert [status for status, _ in story[1:4]] == ["failed"] * 3
    assert story[4] == (
        "completed",
        {"total": 10, "created": 7, "rendered": 0, "skipped": 0, "failed": 3},
    )


def test_a_batch_begun_again_keeps_count_of_its_own(
    database: Database, event: Event, enter: Enter, issuing: Issuing, job_id: int
) -> None:
    enter(event, 6)
    issuing(limit=4)

    issuing()

    with database.transaction() as connection:
        batch = batch_queries.find_by_id(connection, job_id)
    assert batch is not None
    assert (batch.total_count, batch.created_count, batch.skipped_count) == (6, 6, 0)


def test_the_audit_says_who_issued_how_many(
    event: Event, enter: Enter, issuing: Issuing, rows: Rows
) -> None:
    enter(event, 2)

    issuing(by="siti")

    assert rows(
        select(audit_log.c.actor, audit_log.c.action, audit_log.c.event_id, audit_log.c["items"])
    ) == [("siti", "tickets.issue", event.id, 2)]


def test_progress_is_told_after_every_chunk(event: Event, enter: Enter, issuing: Issuing) -> None:
    enter(event, 5)
    told: list[tuple[int, int]] = []

    issuing(chunk=2, on_progress=lambda result: told.append((result.created, result.total)))

    assert told == [(2, 5), (4, 5), (5, 5)]


def test_a_job_of_another_event_is_refused(
    *,
    event: Event,
    other_event: Event,
    enter: Enter,
    issuing: Issuing,
    new_job: Callable[..., int],
    rows: Rows,
) -> None:
    enter(event, 1)

    with pytest.raises(Refused, match="not a batch of wisuda-2026"):
        issuing(job_id=new_job(other_event))

    assert rows(select(generated_tickets.c.id)) == []


def test_a_person_with_two_entitlements_gets_two_tickets(
    database: Database, event: Event, enter: Enter, issuing: Issuing
) -> None:
    guest_id = enter(event, 1)[0]
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

    assert issuing(guest_ids=[guest_id]).created == 2


def test_a_withdrawn_ticket_holder_may_be_entitled_again_and_keeps_the_ticket(
    database: Database, event: Event, enter: Enter, issuing: Issuing
) -> None:
    enter(event, 1)
    issuing()
    with database.transaction() as connection:
        connection.execute(update(entitlements).values(state="withdrawn"))
        connection.execute(update(entitlements).values(state="entitled"))

    assert issuing().skipped == 1
