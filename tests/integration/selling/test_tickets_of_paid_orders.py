"""Tests of finding paid orders that lack a ticket or its PDF."""

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

ListUnfulfilled = Callable[..., list[tuple[str, Sequence[int]]]]


@pytest.fixture
def add_buyer(
    sell: Callable[..., int], place: Callable[..., PlacedOrder], database: Database
) -> Callable[[str], int]:
    """Return a function that orders a free place under a name; returns the guest id."""
    free = sell("Free", price=0)

    def buy(name: str) -> int:
        place((free, 1), buyer=Buyer(f"email:{name}", name, name, ""))
        with database.transaction() as connection:
            query = select(guests.c.id).where(guests.c.full_name == name)
            return connection.execute(query).scalar_one()

    return buy


@pytest.fixture
def list_unfulfilled(database: Database, now: datetime) -> ListUnfulfilled:
    """Return a function that lists unfulfilled orders, some time later."""

    def fetch(after: timedelta = timedelta(0), most: int = 50) -> list[tuple[str, Sequence[int]]]:
        with database.transaction() as connection:
            found = order_ticket_queries.list_paid_without_ticket(
                connection, at=now + after, limit_per_event=most
            )
        return [(one.event_slug, one.guest_ids) for one in found]

    return fetch


@pytest.fixture
def issue_all(
    database: Database, event: Event, keys: KeyRing, new_job: Callable[..., int], now: datetime
) -> Callable[[], int]:
    """Return a function that issues missing tickets without PDFs; returns the job id."""

    def run() -> int:
        job_id = new_job(event)
        issue_tickets(database, event, keys=keys, job_id=job_id, at=now, by="test")
        return job_id

    return run


def test_unfulfilled_orders_are_listed_in_the_order_of_payment(
    list_unfulfilled: ListUnfulfilled, add_buyer: Callable[[str], int]
) -> None:
    first, second = add_buyer("ayu"), add_buyer("budi")

    assert list_unfulfilled() == [("wisuda-2026", [first, second])]
    assert list_unfulfilled(most=1) == [("wisuda-2026", [first])]


def test_a_ticket_without_its_pdf_is_unfulfilled(
    list_unfulfilled: ListUnfulfilled,
    add_buyer: Callable[[str], int],
    issue_all: Callable[[], int],
    database: Database,
) -> None:
    guest_id = add_buyer("ayu")
    issue_all()
    issued = list_unfulfilled()

    with database.transaction() as connection:
        connection.execute(update(generated_tickets).values(generated_at=datetime.now(UTC)))

    assert issued == [("wisuda-2026", [guest_id])]
    assert list_unfulfilled() == []


def test_a_pdf_that_retention_removed_is_not_rendered_again(
    list_unfulfilled: ListUnfulfilled,
    add_buyer: Callable[[str], int],
    issue_all: Callable[[], int],
    database: Database,
) -> None:
    add_buyer("ayu")
    issue_all()
    with database.transaction() as connection:
        connection.execute(update(generated_tickets).values(pdf_removed_at=datetime.now(UTC)))

    assert list_unfulfilled() == []


def test_a_revoked_ticket_is_not_replaced_automatically(
    list_unfulfilled: ListUnfulfilled,
    add_buyer: Callable[[str], int],
    issue_all: Callable[[], int],
    database: Database,
    event: Event,
    now: datetime,
) -> None:
    add_buyer("ayu")
    issue_all()
    with database.transaction() as connection:
        codes = connection.execute(select(generated_tickets.c.ticket_code)).scalars().all()

    revoke_tickets(database, event, codes=codes, reason="stolen", by="operator", at=now)

    assert list_unfulfilled() == []


@pytest.mark.parametrize("change", [{"hold_reason": "unclear"}, {"state": "withdrawn"}])
def test_a_guest_who_is_not_eligible_is_not_listed(
    list_unfulfilled: ListUnfulfilled,
    add_buyer: Callable[[str], int],
    database: Database,
    change: dict[str, str],
) -> None:
    add_buyer("ayu")
    with database.transaction() as connection:
        connection.execute(update(entitlements).values(change))

    assert list_unfulfilled() == []


def test_guests_of_a_roster_are_not_listed(
    list_unfulfilled: ListUnfulfilled, add_guests: Callable[..., list[int]], event: Event
) -> None:
    add_guests(event, 3)

    assert list_unfulfilled() == []


def test_no_guest_of_a_past_event_is_listed(
    list_unfulfilled: ListUnfulfilled, add_buyer: Callable[[str], int], event: Event, now: datetime
) -> None:
    add_buyer("ayu")

    assert len(list_unfulfilled(event.tickets_valid_until - now)) == 1
    assert list_unfulfilled(event.tickets_valid_until - now + timedelta(seconds=1)) == []


def test_a_failed_guest_is_retried_after_an_hour_or_a_change_of_the_name(
    list_unfulfilled: ListUnfulfilled,
    add_buyer: Callable[[str], int],
    new_job: Callable[..., int],
    database: Database,
    event: Event,
    now: datetime,
) -> None:
    failed, other = add_buyer("ayu"), add_buyer("budi")
    renaming = update(guests).where(guests.c.id == failed)
    with database.transaction() as connection:
        connection.execute(renaming.values(updated_at=now))
        connection.execute(
            insert(ticket_generation_logs).values(
                job_id=new_job(event), event_id=event.id, guest_id=failed, status="failed",
                message="no installed font draws it", created_at=now,
            )
        )  # fmt: skip

    assert list_unfulfilled(timedelta(minutes=59)) == [("wisuda-2026", [other])]
    assert list_unfulfilled(timedelta(minutes=61)) == [("wisuda-2026", [failed, other])]
    with database.transaction() as connection:
        connection.execute(renaming.values(full_name="Ayu", updated_at=now + timedelta(minutes=1)))
    assert list_unfulfilled(timedelta(minutes=2)) == [("wisuda-2026", [failed, other])]


def test_an_event_is_retried_a_minute_after_a_failed_batch(
    list_unfulfilled: ListUnfulfilled,
    add_buyer: Callable[[str], int],
    new_job: Callable[..., int],
    database: Database,
    event: Event,
    now: datetime,
) -> None:
    add_buyer("ayu")
    with database.transaction() as connection:
        batch_queries.close_batch(connection, new_job(event), state=BatchState.FAILED, at=now)

    assert list_unfulfilled(timedelta(seconds=59)) == []
    assert len(list_unfulfilled(timedelta(seconds=61))) == 1


def test_a_killed_batch_followed_by_another_delays_no_guest(
    list_unfulfilled: ListUnfulfilled,
    add_buyer: Callable[[str], int],
    new_job: Callable[..., int],
    database: Database,
    event: Event,
    now: datetime,
) -> None:
    add_buyer("ayu")
    killed = new_job(event)
    new_job(event)
    with database.transaction() as connection:
        batch_queries.close_batch(connection, killed, state=BatchState.FAILED, at=now)

    assert len(list_unfulfilled()) == 1
