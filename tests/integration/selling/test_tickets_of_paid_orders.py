"""Who is served next: whoever has paid and lacks a ticket or its PDF, as the rows say it."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, select, update

from ticketing.crypto.keyring import KeyRing
from ticketing.events.model import Event
from ticketing.orders.order import Buyer
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.roster import entitlements, guests
from ticketing.platform.db.tables.tickets import generated_tickets, ticket_generation_logs
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.tickets import order_ticket_queries
from ticketing.tickets.batches import queries as batch_queries
from ticketing.tickets.batches.queries import BatchState
from ticketing.tickets.issuing.issue import issue_tickets
from ticketing.tickets.revoke import revoke_tickets

Owed = Callable[..., list[tuple[str, Sequence[int]]]]


@pytest.fixture
def buyer_of(
    sell: Callable[..., int], place: Callable[..., PlacedOrder], database: Database
) -> Callable[[str], int]:
    """Somebody of that name takes two free places: they are paid at once. Gives the guest id."""
    free = sell("Free", price=0)

    def buy(name: str) -> int:
        place((free, 2), buyer=Buyer(f"email:{name}", name, name, ""))
        with database.transaction() as connection:
            query = select(guests.c.id).where(guests.c.natural_key == f"email:{name}")
            return connection.execute(query).scalar_one()

    return buy


@pytest.fixture
def owed(database: Database, now: datetime) -> Owed:
    """Who is owed something so long after now."""

    def look(after: timedelta = timedelta(0), most: int = 50) -> list[tuple[str, Sequence[int]]]:
        with database.transaction() as connection:
            found = order_ticket_queries.list_paid_without_ticket(
                connection, at=now + after, limit_per_event=most
            )
        return [(one.event_slug, one.guest_ids) for one in found]

    return look


@pytest.fixture
def issue_all(
    database: Database, event: Event, keys: KeyRing, new_job: Callable[..., int], now: datetime
) -> Callable[[], int]:
    """Issues what is missing, and prints nothing; gives the job's id."""

    def run() -> int:
        job_id = new_job(event)
        issue_tickets(database, event, keys=keys, job_id=job_id, at=now, by="test")
        return job_id

    return run


def test_who_has_paid_waits_in_the_order_of_paying(
    owed: Owed, buyer_of: Callable[[str], int]
) -> None:
    first, second = buyer_of("ayu"), buyer_of("budi")

    assert owed() == [("wisuda-2026", [first, second])]
    assert owed(most=1) == [("wisuda-2026", [first])]


def test_a_ticket_without_its_pdf_is_still_owed(
    owed: Owed, buyer_of: Callable[[str], int], issue_all: Callable[[], int], database: Database
) -> None:
    guest_id = buyer_of("ayu")
    issue_all()
    issued = owed()

    with database.transaction() as connection:
        connection.execute(update(generated_tickets).values(generated_at=datetime.now(UTC)))

    assert issued == [("wisuda-2026", [guest_id])]
    assert owed() == []


def test_a_pdf_that_retention_removed_is_not_owed(
    owed: Owed, buyer_of: Callable[[str], int], issue_all: Callable[[], int], database: Database
) -> None:
    buyer_of("ayu")
    issue_all()
    with database.transaction() as connection:
        connection.execute(update(generated_tickets).values(pdf_removed_at=datetime.now(UTC)))

    assert owed() == []


def test_whose_ticket_was_stopped_gets_no_other_unasked(
    owed: Owed,
    buyer_of: Callable[[str], int],
    issue_all: Callable[[], int],
    database: Database,
    event: Event,
    now: datetime,
) -> None:
    buyer_of("ayu")
    issue_all()
    with database.transaction() as connection:
        codes = connection.execute(select(generated_tickets.c.ticket_code)).scalars().all()

    revoke_tickets(database, event, codes=codes, reason="stolen", by="operator", at=now)

    assert owed() == []


@pytest.mark.parametrize("change", [{"hold_reason": "unclear"}, {"state": "withdrawn"}])
def test_who_is_not_eligible_is_not_owed(
    owed: Owed, buyer_of: Callable[[str], int], database: Database, change: dict[str, str]
) -> None:
    buyer_of("ayu")
    with database.transaction() as connection:
        connection.execute(update(entitlements).values(change))

    assert owed() == []


def test_a_rosters_people_are_nobody_elses_business(
    owed: Owed, enter: Callable[..., list[int]], event: Event
) -> None:
    enter(event, 3)

    assert owed() == []


def test_nobody_is_served_for_an_event_that_is_over(
    owed: Owed, buyer_of: Callable[[str], int], event: Event, now: datetime
) -> None:
    buyer_of("ayu")

    assert len(owed(event.tickets_valid_until - now)) == 1
    assert owed(event.tickets_valid_until - now + timedelta(seconds=1)) == []


def test_who_failed_rests_for_an_hour(
    owed: Owed,
    buyer_of: Callable[[str], int],
    new_job: Callable[..., int],
    database: Database,
    event: Event,
    now: datetime,
) -> None:
    failed, other = buyer_of("ayu"), buyer_of("budi")
    with database.transaction() as connection:
        connection.execute(
            insert(ticket_generation_logs).values(
                job_id=new_job(event), event_id=event.id, guest_id=failed, status="failed",
                message="no installed font draws it", created_at=now,
            )
        )  # fmt: skip

    assert owed(timedelta(minutes=59)) == [("wisuda-2026", [other])]
    assert owed(timedelta(minutes=61)) == [("wisuda-2026", [failed, other])]


def test_an_event_rests_a_minute_after_a_batch_of_it_failed(
    owed: Owed,
    buyer_of: Callable[[str], int],
    new_job: Callable[..., int],
    database: Database,
    event: Event,
    now: datetime,
) -> None:
    buyer_of("ayu")
    with database.transaction() as connection:
        batch_queries.close_batch(connection, new_job(event), state=BatchState.FAILED, at=now)

    assert owed(timedelta(seconds=59)) == []
    assert len(owed(timedelta(seconds=61))) == 1


def test_a_killed_batch_that_another_followed_holds_nobody_up(
    owed: Owed,
    buyer_of: Callable[[str], int],
    new_job: Callable[..., int],
    database: Database,
    event: Event,
    now: datetime,
) -> None:
    buyer_of("ayu")
    killed = new_job(event)
    new_job(event)
    with database.transaction() as connection:
        batch_queries.close_batch(connection, killed, state=BatchState.FAILED, at=now)

    assert len(owed()) == 1
