"""Tests of decisions about possible duplicates, and of changes of single guests."""

from collections.abc import Callable
from datetime import datetime
from functools import partial

import pytest
from sqlalchemy import select

from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.operations import audit_log
from ticketing.platform.db.tables.roster import entitlements
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.platform.kernel.errors import AlreadyExists, TicketingError, UnusableGuest
from ticketing.roster.guests import guest_queries
from ticketing.roster.guests.duplicates import (
    GuestConflict,
    MergeResult,
    confirm_guests,
    merge_guests,
)
from ticketing.roster.guests.edit_guest import GuestUpdate, edit_guest
from ticketing.roster.import_result import ImportResult
from ticketing.roster.model import ImportCounts, RosterField
from ticketing.tickets.reports.explain import explain_person
from ticketing.tickets.single_ticket import UnknownGuest

Import = Callable[..., ImportResult]
ReadGuests = Callable[[], dict[str, dict[str, str | None]]]
Issue = Callable[[], int]
Holders = Callable[[], dict[str, tuple[str, str]]]
Merge = Callable[[str, str], MergeResult]
Edit = Callable[..., GuestUpdate]

HEADER = "nim,nama,email,no hp"
OLD, NEW = "20201,Budi,b@example.com,081234567801", "20209,Budi,b@example.com,081234567801"


@pytest.fixture
def confirm(database: Database, event: Event, now: datetime) -> Callable[[list[str]], list[str]]:
    """Return a function that confirms guests as people of their own."""
    return partial(confirm_guests, database, event, by="siti", at=now)


@pytest.fixture
def merge(database: Database, event: Event, now: datetime) -> Merge:
    """Return a function that merges the second guest into the first."""
    return partial(merge_guests, database, event, by="siti", at=now)


@pytest.fixture
def edit(database: Database, event: Event, now: datetime) -> Edit:
    """Return a function that changes fields of a guest."""

    def change(who: str, **values: str) -> GuestUpdate:
        fields = {RosterField(name): value for name, value in values.items()}
        return edit_guest(database, event, who, fields, by="siti", at=now)

    return change


@pytest.fixture
def explained_steps(database: Database, event: Event, now: datetime) -> Callable[[str], list[str]]:
    """Return a function that explains the only guest that matches a text."""

    def explain(text: str) -> list[str]:
        (person,) = explain_person(database, event, text, at=now).people
        return [step.what for step in person.steps]

    return explain


def test_a_confirmed_guest_gets_a_ticket_and_stays_confirmed(
    import_csv: Import, issue: Issue, confirm: Callable[[list[str]], list[str]]
) -> None:
    import_csv(HEADER, OLD)
    import_csv(HEADER, NEW)
    issue()

    confirmed = confirm(["20209"])

    again = import_csv(HEADER, OLD, NEW)
    assert (confirmed, again.impact.undecided, again.counts) == (
        ["id:20209"], 0, ImportCounts(unchanged=2)
    )  # fmt: skip
    assert issue() == 1


def test_a_confirmed_guest_stays_on_hold_for_the_reason_of_the_file(
    import_csv: Import, read_guests: ReadGuests, confirm: Callable[[list[str]], list[str]]
) -> None:
    import_csv("nim,nama,email,lunas", "1,Budi,b@example.com,ya", "2,Budi,b@example.com,belum")

    confirm(["2"])

    assert read_guests()["id:2"]["hold_reason"] == "payment: belum"
    with pytest.raises(GuestConflict, match="id:2 is not on hold"):
        confirm(["2"])


def test_possible_duplicates_are_listed_with_the_ticket_of_the_other_guest(
    import_csv: Import, issue: Issue, read_holders: Holders, database: Database, event: Event
) -> None:
    import_csv(HEADER, OLD)
    issue()
    import_csv(HEADER, NEW)

    (found,) = database.run(guest_queries.list_possible_duplicates, event.id)

    assert (found.guest, found.other, found.other_name) == ("id:20209", "id:20201", "Budi")
    assert found.other_ticket == next(iter(read_holders()))


@pytest.mark.parametrize(("keep", "drop"), [("20201", "20209"), ("20209", "20201")])
def test_the_only_ticket_of_two_merged_guests_stays_valid_with_its_code(
    import_csv: Import, issue: Issue, read_holders: Holders, merge: Merge, keep: str, drop: str
) -> None:
    import_csv(HEADER, OLD)
    issue()
    import_csv(HEADER, NEW)
    (code,) = read_holders()

    result = merge(keep, drop)

    assert (result.ticket, result.revoked) == (code, None)
    assert (issue(), read_holders()) == (0, {code: (f"id:{keep}", "Budi")})


def test_one_of_two_tickets_of_merged_guests_is_revoked(
    import_csv: Import,
    issue: Issue,
    read_holders: Holders,
    merge: Merge,
    database: Database,
    confirm: Callable[[list[str]], list[str]],
) -> None:
    import_csv(HEADER, OLD, NEW)
    confirm(["20209"])
    issue()
    codes = {key: code for code, (key, _) in read_holders().items()}

    result = merge("20209", "20201")

    assert (result.ticket, result.revoked) == (codes["id:20209"], codes["id:20201"])
    assert list(read_holders()) == [codes["id:20209"]]
    with database.transaction() as connection:
        reasons = select(generated_tickets.c.revoked_reason).where(
            generated_tickets.c.state == "revoked"
        )
        assert connection.execute(reasons).scalars().all() == ["merged into id:20209"]
        actions = select(audit_log.c.action).where(audit_log.c.actor == "siti")
        assert connection.execute(actions).scalars().all() == ["guests.confirm", "guests.merge"]


def test_a_dropped_id_never_becomes_a_second_person_again(
    import_csv: Import, issue: Issue, merge: Merge, read_guests: ReadGuests
) -> None:
    import_csv(HEADER, OLD, NEW)
    merge("20209", "20201")

    both = import_csv(HEADER, OLD, NEW, withdraw_absent=True)
    alone = import_csv(HEADER, OLD, withdraw_absent=True)

    assert (both.counts, both.withdrawn) == (ImportCounts(unchanged=2), 0)
    assert (alone.counts, alone.withdrawn) == (ImportCounts(quarantined=1), 0)
    assert alone.quarantine[0][1:4] == (
        "external_id", "20201", "merged into id:20209; write that id"
    )  # fmt: skip
    assert read_guests()["id:20209"]["state"] == "entitled"
    assert issue() == 1


def test_further_duplicates_follow_the_kept_guest(
    import_csv: Import, merge: Merge, read_guests: ReadGuests
) -> None:
    import_csv(HEADER, *(f"{nim},Budi,b@example.com," for nim in ("A1", "A-1", "A 1")))

    merge("A-1", "A1")

    holds = {key: guest["hold_reason"] for key, guest in read_guests().items()}
    assert holds["id:A-1"] is None
    assert holds["id:A 1"] == "possible duplicate of id:A-1"


def test_a_possible_duplicate_names_the_new_key_of_the_other_guest(
    import_csv: Import, edit: Edit, merge: Merge, read_guests: ReadGuests
) -> None:
    phone = "081234567801"
    import_csv(HEADER, f",Budi,b@example.com,{phone}", f"2,Budi,,{phone}")

    edit("email:b@example.com", email="new@example.com")
    edited = read_guests()["id:2"]["hold_reason"]
    import_csv(HEADER, f"1,Budi,new@example.com,{phone}")
    imported = read_guests()["id:2"]["hold_reason"]

    assert edited == "possible duplicate of email:new@example.com"
    assert imported == "possible duplicate of id:1"
    assert merge("2", "1").kept == "id:2"
    assert read_guests()["id:2"]["hold_reason"] is None


def test_a_guest_with_a_paid_place_is_never_dropped(
    import_csv: Import, merge: Merge, database: Database
) -> None:
    import_csv(HEADER, "1,Budi,b@example.com,", "2,Budi,b@example.com,")
    with database.transaction() as connection:
        columns = entitlements.c["event_id", "guest_id", "ticket_type_id"]
        paid = select(*columns).order_by(entitlements.c.id.desc())
        row = connection.execute(paid.limit(1)).mappings().one()
        connection.execute(entitlements.insert().values(**row, source="order"))

    with pytest.raises(GuestConflict, match="id:2 has places of an order"):
        merge("1", "2")


@pytest.mark.parametrize(
    ("keep", "drop", "error"),
    [
        ("1", "1", GuestConflict),
        ("1", "9", UnknownGuest),
        ("b@example.com", "1", GuestConflict),
    ],
)
def test_an_unclear_merge_is_refused(
    import_csv: Import, merge: Merge, keep: str, drop: str, error: type[TicketingError]
) -> None:
    import_csv(HEADER, "1,Budi,b@example.com,", "2,Budi,b@example.com,")

    with pytest.raises(error):
        merge(keep, drop)


def test_an_edited_guest_keeps_the_ticket_and_is_found_by_the_former_name(
    import_csv: Import,
    issue: Issue,
    edit: Edit,
    read_guests: ReadGuests,
    read_holders: Holders,
    explained_steps: Callable[[str], list[str]],
) -> None:
    import_csv("nim,nama,email,jenis tiket", "1,Budi,b@example.com,VIP", "2,Siti,,Regular")
    issue()
    before = list(read_holders())

    result = edit(
        "1", full_name=" Joko  Susilo", email="J@Example.com", phone="0812 3456 7801",
        seat="A1", ticket_type="regular",
    )  # fmt: skip

    guest = read_guests()["id:1"]
    assert (guest["full_name"], guest["email"]) == ("Joko Susilo", "j@example.com")
    assert (guest["phone"], guest["seat"]) == ("+6281234567801", "A1")
    assert guest["ticket_type"] == "Regular"
    assert (list(read_holders()), result.ticket) == (before, before[0])
    assert "full_name: 'Budi' -> 'Joko Susilo'" in explained_steps("budi")


def test_the_key_of_a_guest_follows_its_e_mail(
    import_csv: Import, edit: Edit, read_guests: ReadGuests
) -> None:
    import_csv(HEADER, ",Budi,b@example.com,", ",Siti,s@example.com,")

    edit("b@example.com", email="new@example.com")

    assert list(read_guests()) == ["email:new@example.com", "email:s@example.com"]
    with pytest.raises(AlreadyExists, match="another guest is identified by s@"):
        edit("new@example.com", email="s@example.com")


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({}, "nothing to change"),
        ({"full_name": " "}, "full_name"),
        ({"phone": "12"}, "phone '12'"),
        ({"email": ""}, "email '': it identifies email:b@example.com"),
        ({"ticket_type": "VVIP"}, "ticket_type 'VVIP': wisuda-2026 has Regular"),
    ],
)
def test_an_invalid_change_is_refused(
    import_csv: Import, edit: Edit, values: dict[str, str], reason: str
) -> None:
    import_csv(HEADER, ",Budi,b@example.com,")

    with pytest.raises(UnusableGuest, match=reason):
        edit("b@example.com", **values)
