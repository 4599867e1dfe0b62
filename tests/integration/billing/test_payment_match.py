"""Tests of payment rules: who may have a ticket, and who is held."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, update

from tests.integration.billing.conftest import Stored, clock
from tests.plugins.billing_source import School, spp
from ticketing.billing.eligibility.match_payments import PaymentMatch, match_payments
from ticketing.billing.sync.run import SyncRun
from ticketing.crypto.keyring import KeyRing
from ticketing.events import queries as event_queries
from ticketing.events.model import Event
from ticketing.events.payment_rule import UnusablePaymentRule, parse_payment_rule
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.events import events
from ticketing.platform.db.tables.roster import entitlements, guests
from ticketing.tickets.issuing.issue import issue_tickets
from ticketing.tickets.missing import count_eligibility, list_missing_tickets

Match = Callable[..., PaymentMatch]
Sync = Callable[[], SyncRun]


@pytest.fixture
def add_guests(database: Database, event: Event) -> Callable[..., None]:
    """Return a function that adds guests of a roster with these ids to the event."""
    with database.transaction() as connection:
        kind = connection.execute(
            insert(ticket_types)
            .values(event_id=event.id, name="Wisudawan")
            .returning(ticket_types.c.id)
        ).scalar_one()

    def add(*external_ids: str) -> None:
        with database.transaction() as connection:
            for external_id in external_ids:
                guest = {
                    "event_id": event.id, "natural_key": f"id:{external_id}",
                    "external_id": external_id, "full_name": f"Guest {external_id}",
                    "first_name": "Guest", "last_name": external_id,
                    "email": f"g{external_id}@example.org",
                }  # fmt: skip
                query = insert(guests).values(guest).returning(guests.c.id)
                guest_id = connection.execute(query).scalar_one()
                entitled = {"event_id": event.id, "guest_id": guest_id, "ticket_type_id": kind}
                connection.execute(insert(entitlements).values(entitled))

    return add


@pytest.fixture
def require(database: Database, event: Event) -> Callable[[str], Event]:
    """Return a function that gives the event a payment rule."""

    def change(rule: str) -> Event:
        with database.transaction() as connection:
            connection.execute(update(events).values(payment_rule=str(parse_payment_rule(rule))))
            return event_queries.get(connection, event.slug)

    return change


@pytest.fixture
def match(database: Database) -> Match:
    """Return a function that compares the guests with the records."""

    def compare(known: Event, *, days: float = 7) -> PaymentMatch:
        return match_payments(
            database, known, "school", max_age=timedelta(days=days), by="test", at=clock()
        )

    return compare


def holds(stored: Stored) -> dict[str, Any]:
    """Return the payment hold of each guest."""
    return dict(
        stored("""SELECT external_id, payment_hold FROM entitlements
                  JOIN guests ON guests.id = guest_id""")
    )


def test_guests_are_held_from_the_first_moment_and_cleared_when_a_sync_settles_them(
    add_guests: Callable[..., None], require: Callable[[str], Event], match: Match, school: School,
    sync: Sync, stored: Stored, database: Database,
) -> None:  # fmt: skip
    add_guests("0000000")
    known = require("no-arrears")
    add_guests("0000001")
    at_once = holds(stored)
    school.enrol(2)  # the first owes, the second has paid
    sync()
    first = match(known)
    school.bills["0000000"] = [spp(paid=350_000)]
    sync()
    second, again = match(known), match(known)

    assert set(at_once.values()) == {"payments were not compared yet"}
    assert (first.cleared, first.held, first.settled) == (1, 1, 1)
    assert (second.cleared, second.held, second.settled) == (1, 0, 2)
    assert (again.cleared, again.held) == (0, 0)
    missing = list_missing_tickets(database, known, at=clock())
    assert [one.external_id for one in missing] == ["0000000", "0000001"]


def test_each_guest_hears_what_is_owed_and_counts_group_by_kind(
    add_guests: Callable[..., None], require: Callable[[str], Event], match: Match, school: School,
    sync: Sync, stored: Stored, database: Database,
) -> None:  # fmt: skip
    add_guests("0000000", "7")
    known = require("no-arrears")
    school.bills["0000000"] = [spp(paid=50_000), spp(paid=400_000, month="2026-08")]
    sync()
    found = match(known)

    assert holds(stored) == {
        "0000000": "unpaid: SPP 2026-07 IDR 300,000",
        "7": "no student with this id in the billing system",
    }
    counted = count_eligibility(database, known, at=clock())
    assert counted.on_hold == 2
    assert set(counted.reasons) == {
        "on hold: unpaid", "on hold: no student with this id in the billing system",
    }  # fmt: skip
    assert found.reasons["unpaid"] == 1


def test_unknown_is_never_settled(
    add_guests: Callable[..., None], require: Callable[[str], Event], match: Match, school: School,
    sync: Sync, stored: Stored,
) -> None:  # fmt: skip
    add_guests("0000001")
    known = require("no-arrears")
    school.enrol(2)
    sync()
    match(known)
    fresh = holds(stored)
    match(known, days=0)

    assert fresh == {"0000001": None}
    assert holds(stored) == {"0000001": "the payment record is too old"}


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("bills:SPP", None),
        ("bills:SPP,Wisuda", "not billed: Wisuda"),
        ("paid-by:2026-07-31", "paid too late: SPP 2026-07 without a date"),
        ("none", None),
    ],
)
def test_rules_ask_for_bills_or_dates(
    rule: str, expected: str | None, add_guests: Callable[..., None],
    require: Callable[[str], Event], match: Match, school: School, sync: Sync, stored: Stored,
) -> None:  # fmt: skip
    add_guests("0000001")
    require("no-arrears")
    known = require(rule)
    school.enrol(2)
    sync()
    match(known)

    assert holds(stored) == {"0000001": expected}


def test_a_ticket_holder_who_falls_into_arrears_is_listed_and_keeps_the_ticket(
    add_guests: Callable[..., None], require: Callable[[str], Event], match: Match, school: School,
    sync: Sync, stored: Stored, database: Database, keys: KeyRing, new_job: Callable[[Event], int],
) -> None:  # fmt: skip
    add_guests("0000001")
    known = require("no-arrears")
    school.enrol(2)
    sync()
    match(known)
    issue_tickets(database, known, keys=keys, job_id=new_job(known), at=clock(), by="test")
    school.bills["0000001"] = [spp()]
    sync()
    found = match(known)

    assert found.with_ticket == 1
    assert found.first_with_ticket[0].reason.startswith("unpaid: SPP")
    assert stored("SELECT state FROM generated_tickets") == [("live",)]


@pytest.mark.parametrize(
    "text_of_rule", ["", "paid", "none:1", "bills:", "bills:A,,B", "paid-by:31-12-2026", "paid-by:"]
)
def test_a_wrong_rule_is_refused_with_the_forms_to_write(text_of_rule: str) -> None:
    with pytest.raises(UnusablePaymentRule, match="payment rule"):
        parse_payment_rule(text_of_rule)
