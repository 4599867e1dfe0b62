"""Tests of the guests of an order's places: given, granted, transferred, and never merged."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, select, update

from ticketing.crypto.keyring import KeyRing
from ticketing.events.model import Event
from ticketing.orders import place_guest_queries
from ticketing.orders import queries as order_queries
from ticketing.orders.order import Buyer, OrderState
from ticketing.orders.place_guest import Place, PlaceGuest
from ticketing.platform.db.database import Database
from ticketing.platform.db.outbox import ORDER_CONFIRMATION
from ticketing.platform.db.tables.events import events
from ticketing.platform.db.tables.operations import audit_log
from ticketing.platform.db.tables.orders import order_positions
from ticketing.platform.db.tables.outbox import outbox
from ticketing.platform.db.tables.roster import entitlements, guests
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.platform.kernel.errors import (
    GuestChangesClosed,
    GuestNamesMissing,
    ImpossibleTransition,
    UnusableGuest,
)
from ticketing.selling.checkout.cancel_order import cancel_order
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.selling.checkout.set_guests import (
    MAX_MESSAGES_PER_PLACE,
    GuestChange,
    require_guest_names,
    set_order_guests,
)
from ticketing.selling.payments import entitlement_queries
from ticketing.tickets.issuing.issue import issue_tickets
from ticketing.tickets.reports.explain import explain_person

PlaceOrder = Callable[..., PlacedOrder]
SetGuests = Callable[..., None]
Names = Callable[[], list[str]]


@pytest.fixture
def free(sell: Callable[..., int]) -> int:
    """Put a free ticket type on sale: its orders are completed without a payment."""
    return sell("Free", price=0)


@pytest.fixture
def set_guests(database: Database, keys: KeyRing, now: datetime) -> SetGuests:
    """Return a function that sets the guests of places of one type by number, some time later."""

    def call(
        placed: PlacedOrder,
        by_number: dict[int, str],
        *,
        after: timedelta = timedelta(0),
        is_office: bool = False,
    ) -> None:
        kind = placed.lines[0].ticket_type_id
        given = [PlaceGuest(Place(kind, number), name) for number, name in by_number.items()]
        change = GuestChange("tester", now + after, is_office=is_office)
        set_order_guests(database, keys, placed.order.id, given, change)

    return call


@pytest.fixture
def ticket_names(database: Database) -> Names:
    """Return a function that reads the names of all granted places, by position."""

    def fetch() -> list[str]:
        query = (
            select(guests.c.full_name)
            .join(entitlements, entitlements.c.guest_id == guests.c.id)
            .join(order_positions, order_positions.c.entitlement_id == entitlements.c.id)
            .order_by(order_positions.c.order_line_id, order_positions.c.number)
        )
        with database.transaction() as connection:
            return list(connection.execute(query).scalars())

    return fetch


@pytest.fixture
def tickets(
    database: Database, event: Event, keys: KeyRing, new_job: Callable[..., int], now: datetime
) -> Callable[[], Sequence[tuple[str, str, str | None]]]:
    """Return a function that issues missing tickets, and reads state, code and PDF of all."""

    def fetch() -> Sequence[tuple[str, str, str | None]]:
        issue_tickets(database, event, keys=keys, job_id=new_job(event), at=now, by="test")
        query = select(
            generated_tickets.c.state, generated_tickets.c.ticket_code,
            generated_tickets.c.pdf_file_path,
        ).order_by(generated_tickets.c.id)  # fmt: skip
        with database.transaction() as connection:
            return [(*row,) for row in connection.execute(query)]

    return fetch


def change_event(database: Database, **values: object) -> None:
    """Change settings of the only event."""
    with database.transaction() as connection:
        connection.execute(update(events).values(values))


def test_every_place_has_the_name_of_its_guest_and_else_the_buyers(
    place: PlaceOrder, free: int, sari: Buyer, ticket_names: Names
) -> None:
    second = PlaceGuest(Place(free, 2), "Budi Santoso", "budi@example.org")

    place((free, 3), buyer=sari, guests=[second])

    assert ticket_names() == ["Sari Wulandari", "Budi Santoso", "Sari Wulandari"]


def test_a_buyer_never_gets_the_name_behind_a_known_address(
    database: Database, event: Event, place: PlaceOrder, free: int, sari: Buyer, ticket_names: Names
) -> None:
    with database.transaction() as connection:
        connection.execute(
            insert(guests).values(
                event_id=event.id, natural_key=sari.key, full_name="Secret Person",
                email=sari.email,
            )
        )  # fmt: skip

    place((free, 1), buyer=sari)
    place((free, 1), buyer=Buyer(sari.key, "Someone Else", sari.email, ""))

    assert ticket_names() == ["Sari Wulandari", "Someone Else"]


def test_guests_given_before_payment_may_be_changed_and_are_on_the_tickets(
    database: Database,
    place: PlaceOrder,
    sell: Callable[..., int],
    set_guests: SetGuests,
    sari: Buyer,
    ticket_names: Names,
) -> None:
    placed = place((sell("Guest"), 2), buyer=sari)
    set_guests(placed, {1: "Ayu", 2: "Bud"})

    set_guests(placed, {2: "Budi"})

    with database.transaction() as connection:
        order = order_queries.lock(connection, placed.order.id)
        entitlement_queries.grant(connection, order, sari)
    assert ticket_names() == ["Ayu", "Budi"]


def test_a_transfer_keeps_the_code_and_discards_the_pdf_with_the_former_name(
    database: Database,
    place: PlaceOrder,
    free: int,
    set_guests: SetGuests,
    sari: Buyer,
    tickets: Callable[[], Sequence[tuple[str, str, str | None]]],
    ticket_names: Names,
) -> None:
    placed = place((free, 2), buyer=sari)
    codes = [code for _, code, _ in tickets()]
    with database.transaction() as connection:
        connection.execute(
            update(generated_tickets).values(generated_at=datetime.now(UTC), pdf_file_path="a.pdf")
        )

    set_guests(placed, {2: "Budi"})

    assert ticket_names() == ["Sari Wulandari", "Budi"]
    assert tickets() == [("live", codes[0], "a.pdf"), ("live", codes[1], None)]
    with database.transaction() as connection:
        entry = connection.execute(
            select(audit_log.c.actor, audit_log.c.details).where(
                audit_log.c.action == "orders.set_guests"
            )
        ).one()
    assert entry == ("tester", {"places": [f"{free}/2"], "renamed_tickets": 1})


def test_a_transfer_renews_the_code_if_the_event_says_so(
    database: Database,
    place: PlaceOrder,
    free: int,
    set_guests: SetGuests,
    sari: Buyer,
    tickets: Callable[[], Sequence[tuple[str, str, str | None]]],
) -> None:
    change_event(database, transfer_renews_code=True)
    placed = place((free, 2), buyer=sari)
    first, second = (code for _, code, _ in tickets())
    with database.transaction() as connection:
        connection.execute(update(generated_tickets).values(pdf_file_path="a.pdf"))

    set_guests(placed, {1: "Sari Wulandari", 2: "Budi"})

    live, revoked, new = tickets()
    # the path of the revoked one is kept, so that retention deletes its file
    assert [live, revoked] == [("live", first, "a.pdf"), ("revoked", second, "a.pdf")]
    assert (new[0], new[2]) == ("live", None)
    with database.transaction() as connection:
        sent = select(outbox.c.recipient, outbox.c.revision)
        sent = sent.where(outbox.c.purpose == ORDER_CONFIRMATION).order_by(outbox.c.id)
        # the first mail to the buyer has the revoked ticket
        assert connection.execute(sent).all() == [(sari.email, 1), (sari.email, 2)]


def test_former_names_of_a_place_are_explained_by_the_code_of_its_order(
    database: Database,
    event: Event,
    place: PlaceOrder,
    free: int,
    set_guests: SetGuests,
    sari: Buyer,
    now: datetime,
) -> None:
    placed = place((free, 2), buyer=sari)
    place((free, 1), buyer=sari)
    set_guests(placed, {2: "Budi"})

    found = explain_person(database, event, placed.order.code.lower(), at=now).people

    assert [person.full_name for person in found] == ["Sari Wulandari", "Budi"]
    changes = [step for step in found[1].steps if "->" in step.what]
    assert [(step.what, step.by) for step in changes] == [
        ("full_name: 'Sari Wulandari' -> 'Budi'", "tester")
    ]


def test_buyers_change_names_until_the_deadline_and_the_office_always(
    database: Database,
    event: Event,
    place: PlaceOrder,
    free: int,
    set_guests: SetGuests,
    sari: Buyer,
    now: datetime,
    ticket_names: Names,
) -> None:
    placed = place((free, 1), buyer=sari)
    start = event.starts_at - now
    set_guests(placed, {1: "Ayu"}, after=start - timedelta(seconds=1))

    with pytest.raises(GuestChangesClosed, match="could be changed until 2026-12-12T01:00"):
        set_guests(placed, {1: "Budi"}, after=start)
    set_guests(placed, {1: "Citra"}, after=start, is_office=True)
    change_event(database, guest_changes_until=now)
    with pytest.raises(GuestChangesClosed):
        set_guests(placed, {1: "Dewi"})

    assert ticket_names() == ["Citra"]


def test_an_order_sends_few_mails_to_guests_unless_the_office_changes_them(
    database: Database, keys: KeyRing, place: PlaceOrder, free: int, sari: Buyer, now: datetime
) -> None:
    placed = place((free, 1), buyer=sari)

    def set_guest(number: int, *, is_office: bool = False) -> None:
        guest = PlaceGuest(Place(free, 1), "Ayu", f"{number}@example.org")
        change = GuestChange("tester", now, is_office=is_office)
        set_order_guests(database, keys, placed.order.id, [guest], change)

    for number in range(MAX_MESSAGES_PER_PLACE):
        set_guest(number)
    with pytest.raises(GuestChangesClosed, match=r"5 tickets .* were sent to guests already"):
        set_guest(5)
    set_guest(6, is_office=True)


def test_a_place_outside_of_the_order_changes_nothing(
    place: PlaceOrder, free: int, set_guests: SetGuests, sari: Buyer, ticket_names: Names
) -> None:
    placed = place((free, 2), buyer=sari)

    with pytest.raises(UnusableGuest, match="place 3: the order has places 1 to 2"):
        set_guests(placed, {1: "Ayu", 3: "Budi"})

    assert ticket_names() == ["Sari Wulandari"] * 2


def test_a_returned_place_and_a_cancelled_order_have_no_guests_to_change(
    database: Database,
    place: PlaceOrder,
    free: int,
    sell: Callable[..., int],
    set_guests: SetGuests,
    sari: Buyer,
    now: datetime,
) -> None:
    paid, cancelled = place((free, 1), buyer=sari), place((sell("Guest"), 1), buyer=sari)
    with database.transaction() as connection:
        entitlement_queries.return_order_places(connection, paid.order.id, at=now)
    cancel_order(database, cancelled.order.id, at=now, by="web")

    with pytest.raises(ImpossibleTransition, match=r"place 1 of ticket type \d+ was refunded"):
        set_guests(paid, {1: "Ayu"})
    with pytest.raises(ImpossibleTransition, match="is cancelled; its guests"):
        set_guests(cancelled, {1: "Ayu"})


def test_an_event_that_requires_names_sells_nothing_without_them(
    database: Database,
    place: PlaceOrder,
    free: int,
    sell: Callable[..., int],
    set_guests: SetGuests,
    sari: Buyer,
    ticket_names: Names,
) -> None:
    change_event(database, guest_names_required=True)
    gratis, priced = place((free, 2), buyer=sari), place((sell("Guest"), 2), buyer=sari)
    assert gratis.order.state is OrderState.PENDING

    set_guests(gratis, {1: "Ayu"})
    set_guests(priced, {2: "Budi"})

    assert ticket_names() == []
    with (
        database.transaction() as connection,
        pytest.raises(GuestNamesMissing, match="1 places need a name"),
    ):
        require_guest_names(connection, priced.order)
    set_guests(gratis, {2: "Citra"})
    assert ticket_names() == ["Ayu", "Citra"]


def test_answers_and_addresses_are_kept_for_each_place(
    database: Database, place: PlaceOrder, free: int, sari: Buyer
) -> None:
    given = PlaceGuest(Place(free, 1), "Ayu", "ayu@example.org", {"Fakultas": "Teknik"})

    placed = place((free, 2), buyer=sari, guests=[given])

    with database.transaction() as connection:
        known = place_guest_queries.list_guests(connection, placed.order.id, may_be_granted=True)
    assert known == [given, PlaceGuest(Place(free, 2), "Sari Wulandari")]
