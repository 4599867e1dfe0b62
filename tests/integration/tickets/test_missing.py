"""Tests of guests without tickets: each counted once with a reason, and the sums agree."""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import chain

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert

from tests.plugins.properties import examples
from ticketing.crypto.keyring import KeyRing
from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.roster import entitlements, guests, import_rejected_rows, imports
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.tickets.eligibility import EligibilityCounts, EntitlementStatus, RejectedImportRow
from ticketing.tickets.eligibility_queries import list_missing
from ticketing.tickets.guest_filter import parse_filter
from ticketing.tickets.issuing.issue import issue_tickets
from ticketing.tickets.missing import (
    count_eligibility,
    count_missing_tickets,
    iter_entitlements,
    list_missing_tickets,
)
from ticketing.tickets.revoke import revoke_tickets

AddGuests = Callable[..., list[int]]
NewJob = Callable[..., int]


@pytest.fixture
def issue_tickets_for(
    *, database: Database, event: Event, keys: KeyRing, new_job: NewJob, now: datetime
) -> Callable[[list[int]], None]:
    """Return a function that issues tickets for given guests."""

    def issue_for(guest_ids: list[int]) -> None:
        job = new_job(event)
        issue_tickets(
            database, event, keys=keys, job_id=job, at=now, by="test", guest_ids=guest_ids
        )

    return issue_for


@pytest.fixture
def guests_by_status(
    event: Event, add_guests: AddGuests, issue_tickets_for: Callable[[list[int]], None]
) -> dict[str, list[int]]:
    """Create guests in every status; return their ids by status."""
    served = add_guests(event, 3)
    issue_tickets_for(served)
    return {
        "served": served,
        "held": add_guests(event, 2, hold_reason="fees unpaid"),
        "withdrawn": add_guests(event, 1, state="withdrawn"),
        "missing": add_guests(event, 4),
    }


@pytest.fixture
def two_imports(database: Database, event: Event, now: datetime) -> None:
    """Create an older import with one rejected row and a later one with two."""
    with database.transaction() as connection:
        for number, lines in enumerate([[5], [3, 9]], start=1):
            import_id = connection.execute(
                insert(imports)
                .values(
                    event_id=event.id,
                    source_kind="file",
                    source_name=f"roster-{number}.csv",
                    state="completed",
                    total_rows=len(lines),
                    rejected=len(lines),
                    requested_by="operator",
                    started_at=now,
                    completed_at=now,
                )
                .returning(imports.c.id)
            ).scalar_one()
            for line in lines:
                connection.execute(
                    insert(import_rejected_rows).values(
                        import_id=import_id,
                        line_number=line,
                        event_id=event.id,
                        field="email",
                        value=f"budi{line}@",
                        reason="not an e-mail address",
                        row={"name": f"Budi {line}", "email": f"budi{line}@"},
                    )
                )


def test_guests_without_a_ticket_are_listed_in_roster_order(
    database: Database, event: Event, now: datetime, guests_by_status: dict[str, list[int]]
) -> None:
    listed = list_missing_tickets(database, event, at=now)

    assert [person.guest_id for person in listed] == guests_by_status["missing"]
    assert count_missing_tickets(database, event, at=now) == len(listed)
    assert {person.status for person in listed} == {EntitlementStatus.MISSING}


def test_a_missing_guest_has_all_fields_that_a_ticket_needs(
    database: Database, event: Event, now: datetime, add_guests: AddGuests
) -> None:
    guest_ids = add_guests(event, 1, seat="A-1")

    person = list_missing_tickets(database, event, at=now)[0]

    assert (person.guest_id, person.external_id, person.seat) == (guest_ids[0], "S00001", "A-1")
    assert (person.first_name, person.last_name, person.full_name) == ("Guest", "1", "Guest 1")
    assert (person.email, person.ticket_type) == ("guest1@example.org", "Graduate")


def test_pages_make_the_whole_list(
    database: Database, event: Event, now: datetime, add_guests: AddGuests
) -> None:
    add_guests(event, 7)
    whole = list_missing_tickets(database, event, at=now)

    pages = [
        list_missing_tickets(database, event, at=now, limit=3, offset=at) for at in (0, 3, 6, 9)
    ]

    assert [len(page) for page in pages] == [3, 3, 1, 0]
    assert list(chain.from_iterable(pages)) == whole


@pytest.mark.usefixtures("guests_by_status", "two_imports")
def test_every_guest_is_counted_once(database: Database, event: Event, now: datetime) -> None:
    counted = count_eligibility(database, event, at=now)

    assert counted == EligibilityCounts(
        missing=4,
        has_ticket=3,
        pdf_failed=0,
        on_hold=2,
        over=0,
        withdrawn=1,
        quarantined=2,
        reasons={
            "has ticket": 3,
            "missing": 4,
            "on hold: fees unpaid": 2,
            "rejected: email: not an e-mail address": 2,
            "withdrawn": 1,
        },
    )
    assert counted.entitled == 9


@pytest.mark.usefixtures("guests_by_status", "two_imports")
def test_every_guest_has_a_reason(database: Database, event: Event, now: datetime) -> None:
    reasons = [
        str(person) if isinstance(person, RejectedImportRow) else person.reason
        for person in iter_entitlements(database, event, at=now)
    ]

    assert [reason.split(" TC")[0] for reason in reasons] == [
        *["has ticket"] * 3,
        *["on hold: fees unpaid"] * 2,
        "withdrawn",
        *["missing"] * 4,
        "roster-2.csv line 3: email 'budi3@': not an e-mail address",
        "roster-2.csv line 9: email 'budi9@': not an e-mail address",
    ]


@pytest.mark.usefixtures("guests_by_status")
def test_after_the_event_no_ticket_is_missing(database: Database, event: Event) -> None:
    too_late = event.tickets_valid_until + timedelta(seconds=1)

    counted = count_eligibility(database, event, at=too_late)

    assert (counted.missing, counted.has_ticket, counted.over, counted.on_hold) == (0, 3, 6, 0)
    assert list_missing_tickets(database, event, at=too_late) == []
    assert count_missing_tickets(database, event, at=too_late) == 0


def test_a_ticket_can_be_missing_until_it_would_expire(
    database: Database, event: Event, add_guests: AddGuests
) -> None:
    add_guests(event, 1)

    assert count_missing_tickets(database, event, at=event.tickets_valid_until) == 1


def test_a_guest_with_a_revoked_ticket_is_missing_one(
    *,
    database: Database,
    event: Event,
    now: datetime,
    add_guests: AddGuests,
    issue_tickets_for: Callable[[list[int]], None],
) -> None:
    issue_tickets_for(add_guests(event, 1))
    held = [person.ticket_code for person in iter_entitlements(database, event, at=now)]  # type: ignore[union-attr]  # nobody is quarantined

    revoke_tickets(database, event, codes=filter(None, held), reason="lost", by="siti", at=now)

    assert count_missing_tickets(database, event, at=now) == 1


def test_a_withdrawn_guest_with_a_live_ticket_has_a_reason_to_revoke_it(
    *,
    database: Database,
    event: Event,
    now: datetime,
    add_guests: AddGuests,
    issue_tickets_for: Callable[[list[int]], None],
) -> None:
    issue_tickets_for(add_guests(event, 1))
    with database.transaction() as connection:
        connection.execute(entitlements.update().values(state="withdrawn"))

    [person] = iter_entitlements(database, event, at=now)

    assert "is live: revoke it" in person.reason


@given(
    crowd=st.lists(
        st.tuples(st.sampled_from(["entitled", "withdrawn"]), st.booleans(), st.booleans()),
        max_size=12,
    ),
    over=st.booleans(),
)
@settings(
    max_examples=examples(15),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_in_any_state_of_guests_the_sums_agree(
    *,
    database: Database,
    event: Event,
    now: datetime,
    add_guests: AddGuests,
    issue_tickets_for: Callable[[list[int]], None],
    crowd: list[tuple[str, bool, bool]],
    over: bool,
) -> None:
    with database.transaction() as connection:
        for table in (generated_tickets, entitlements, guests):
            connection.execute(delete(table))
    for state, held, served in crowd:
        guest_ids = add_guests(event, 1)
        if served:
            issue_tickets_for(guest_ids)
        with database.transaction() as connection:
            connection.execute(
                entitlements.update()
                .where(entitlements.c.guest_id == guest_ids[0])
                .values(state=state, hold_reason="unpaid" if held else None)
            )
    at = event.tickets_valid_until + timedelta(days=1) if over else now

    counted = count_eligibility(database, event, at=at)

    assert counted.entitled == sum(state == "entitled" for state, _, _ in crowd)
    assert counted.withdrawn == sum(state == "withdrawn" for state, _, _ in crowd)
    assert counted.missing == len(list_missing_tickets(database, event, at=at))
    assert counted.missing == count_missing_tickets(database, event, at=at)
    assert (
        sum(counted.reasons.values())
        == len(crowd)
        == len(list(iter_entitlements(database, event, at=at)))
    )


@pytest.mark.parametrize("sort", ["seat", "-seat"])
def test_numbers_in_a_sort_column_are_sorted_by_value(
    database: Database, event: Event, add_guests: AddGuests, sort: str
) -> None:
    ascending = ["", "A02", "A2", "A2 B9", "A2 B10", "A10", "A100", "B1", f"B{'9' * 20}"]
    for seat in reversed(ascending):
        add_guests(event, 1, seat=seat)

    found = database.run(list_missing, event.id, parse_filter(None, [sort]))

    assert [one.seat for one in found] == (ascending if sort == "seat" else ascending[::-1])
