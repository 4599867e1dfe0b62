"""Tests of scans: a place enters a list once, whatever is sent twice and from several gates."""

import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import count

import pytest
from sqlalchemy import select

from tests.integration.checkin.conftest import Issued
from ticketing.checkin.lists import add_list, change_list
from ticketing.checkin.model import (
    CannotUndo,
    CheckIn,
    Direction,
    Scan,
    UnknownCheckIn,
    UnusableCheckIn,
    Verdict,
)
from ticketing.checkin.record_scan import record_scan, undo_scan
from ticketing.checkin.verify import verify_ticket
from ticketing.crypto.keyring import KeyRing
from ticketing.crypto.verify import RejectionReason
from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.tickets.issuing.issue import issue_tickets
from ticketing.tickets.reports.explain import explain_person
from ticketing.tickets.revoke import revoke_tickets

Check = Callable[..., CheckIn]
GATES = 8


@pytest.fixture
def check(database: Database, event: Event, now: datetime) -> Check:
    """Return a function that scans a ticket with a new nonce, unless one is given."""
    numbers = count()

    def scan(
        code: str = "", *, list_id: int | None = None, gate: str = "Gate 1", **more: object
    ) -> CheckIn:
        nonce = str(more.pop("nonce", f"nonce-{next(numbers):04}"))
        given = Scan(nonce, code=code, **more)  # type: ignore[arg-type]
        return record_scan(database, event, given, list_id=list_id, gate=gate, at=now)

    return scan


def test_a_ticket_is_admitted_once_and_the_second_scan_says_when_and_where_it_was_used(
    check: Check, tickets: Sequence[Issued], now: datetime
) -> None:
    first = check(tickets[0].qr_text)
    second = check(tickets[0].code, gate="Gate 2")
    other = check(tickets[1].qr_text)

    assert (first.verdict, other.verdict) == (Verdict.ADMITTED, Verdict.ADMITTED)
    assert (second.verdict, second.reason) == (Verdict.REFUSED, RejectionReason.ALREADY_USED)
    assert second.related is not None
    assert (second.related.scanned_at, second.related.gate) == (now, "Gate 1")
    assert second.ticket == first.ticket


def test_a_repeated_nonce_gets_the_first_verdict_whatever_happened_since(
    check: Check, tickets: Sequence[Issued]
) -> None:
    first = check(tickets[0].qr_text, nonce="nonce-of-the-gate")
    check(tickets[0].qr_text)
    again = check(tickets[0].qr_text, nonce="nonce-of-the-gate")

    assert again == first


def test_many_gates_at_the_same_moment_admit_a_ticket_once(
    database: Database, event: Event, tickets: Sequence[Issued], now: datetime
) -> None:
    def scan(number: int) -> Verdict:
        given = Scan(f"nonce-{number:04}", code=tickets[0].qr_text)
        return record_scan(database, event, given, gate=f"Gate {number}", at=now).verdict

    with ThreadPoolExecutor(GATES) as gates:
        verdicts = list(gates.map(scan, range(GATES)))

    assert sorted(verdicts) == [Verdict.ADMITTED, *[Verdict.REFUSED] * (GATES - 1)]


def test_the_same_scan_sent_by_many_connections_is_recorded_once(
    database: Database, event: Event, tickets: Sequence[Issued], now: datetime
) -> None:
    given = Scan("nonce-sent-twice", code=tickets[0].qr_text)

    with ThreadPoolExecutor(GATES) as connections:
        recorded = list(
            connections.map(
                lambda _: record_scan(database, event, given, gate="Gate 1", at=now), range(GATES)
            )
        )

    assert {one.id for one in recorded} == {recorded[0].id}
    assert {one.verdict for one in recorded} == {Verdict.ADMITTED}


def test_two_gates_without_network_that_admitted_one_ticket_are_a_conflict_with_both_times(
    check: Check, tickets: Sequence[Issued], now: datetime
) -> None:
    early, late = now - timedelta(seconds=90), now - timedelta(seconds=30)
    first = check(tickets[0].qr_text, is_offline=True, at=early)
    second = check(token_id=tickets[0].token_id, is_offline=True, at=late, gate="Gate 2")

    assert (first.verdict, second.verdict) == (Verdict.ADMITTED, Verdict.CONFLICT)
    assert (second.reason, second.scanned_at) == (RejectionReason.ALREADY_USED, late)
    assert second.related is not None
    assert (second.related.scanned_at, second.related.gate) == (early, "Gate 1")


def test_a_ticket_that_was_revoked_before_a_gate_without_network_admitted_it_is_a_conflict(
    database: Database, event: Event, check: Check, tickets: Sequence[Issued], now: datetime
) -> None:
    revoke_tickets(database, event, codes=[tickets[0].code], reason="lost", at=now, by="test")

    online = check(tickets[0].qr_text)
    offline = check(token_id=tickets[0].token_id, is_offline=True)

    assert (online.verdict, offline.verdict) == (Verdict.REFUSED, Verdict.CONFLICT)
    assert {online.reason, offline.reason} == {RejectionReason.REVOKED}


def test_a_reissued_ticket_of_a_used_place_admits_nobody(
    *, database: Database, event: Event, check: Check, tickets: Sequence[Issued],
    keys: KeyRing, new_job: Callable[[Event], int], now: datetime,
) -> None:  # fmt: skip
    check(tickets[0].qr_text)
    revoke_tickets(database, event, codes=[tickets[0].code], reason="lost", at=now, by="test")
    issue_tickets(database, event, keys=keys, job_id=new_job(event), at=now, by="test")
    with database.transaction() as connection:
        code = connection.exec_driver_sql(
            "SELECT ticket_code FROM generated_tickets ORDER BY id DESC LIMIT 1"
        ).scalar_one()

    assert code != tickets[0].code
    assert check(code).reason is RejectionReason.ALREADY_USED


def test_a_clock_ahead_of_ours_does_not_date_a_scan_into_the_future(
    check: Check, tickets: Sequence[Issued], now: datetime
) -> None:
    assert check(tickets[0].qr_text, at=now + timedelta(hours=1)).scanned_at == now


def test_unknown_texts_are_refused_and_recorded_without_a_ticket(check: Check) -> None:
    refused = check("https://example.org")

    assert (refused.verdict, refused.reason) == (Verdict.REFUSED, RejectionReason.WRONG_PREFIX)
    assert refused.ticket is None


def test_a_list_admits_its_ticket_types_only_and_independently_of_the_entrance(
    database: Database, event: Event, check: Check, tickets: Sequence[Issued], now: datetime
) -> None:
    with database.transaction() as connection:
        regular = connection.execute(select(ticket_types.c.name)).scalar_one()
    lounge = add_list(database, event, "Lounge", types=[regular], by="test", at=now)
    nobody = add_list(database, event, "Backstage", types=[], by="test", at=now)

    entered = [check(tickets[0].qr_text, list_id=each) for each in (None, lounge.id, nobody.id)]

    assert [one.verdict for one in entered] == [
        Verdict.ADMITTED, Verdict.ADMITTED, Verdict.REFUSED,
    ]  # fmt: skip
    assert entered[-1].reason is RejectionReason.NOT_ON_LIST
    with pytest.raises(UnusableCheckIn, match=r"has no list 0; it has \d+ \(Entrance\)"):
        check(tickets[0].qr_text, list_id=0)


@pytest.mark.parametrize("allows_reentry", [True, False])
def test_an_exit_lets_a_ticket_in_again_where_the_list_allows_it(
    database: Database, event: Event, check: Check, tickets: Sequence[Issued], now: datetime,
    *, allows_reentry: bool,
) -> None:  # fmt: skip
    change_list(database, event, "Entrance", allows_reentry=allows_reentry, by="test", at=now)
    text = tickets[0].qr_text

    outside = check(text, direction=Direction.EXIT)
    check(text)
    left = check(text, direction=Direction.EXIT)
    back = check(text)

    assert (outside.reason, left.verdict) == (RejectionReason.NOT_INSIDE, Verdict.ADMITTED)
    assert (back.verdict is Verdict.ADMITTED) == allows_reentry
    again = [check(text, direction=Direction.EXIT).reason for _ in range(2)]
    assert again == [None if allows_reentry else RejectionReason.NOT_INSIDE,
                     RejectionReason.NOT_INSIDE]  # fmt: skip


def test_an_undone_entry_can_be_repeated_and_undoing_twice_changes_nothing(
    database: Database, event: Event, check: Check, tickets: Sequence[Issued], now: datetime
) -> None:
    entry = check(tickets[0].qr_text)
    undo = {"reason": "wrong person", "by": "test", "at": now}

    first = undo_scan(database, event, entry.nonce, **undo)
    again = undo_scan(database, event, entry.nonce, **undo | {"reason": "another"})

    assert (first.undone_at, first.undo_reason) == (now, "wrong person")
    assert again == first
    assert check(tickets[0].qr_text).verdict is Verdict.ADMITTED


def test_what_admitted_nobody_or_was_followed_cannot_be_undone(
    database: Database, event: Event, check: Check, tickets: Sequence[Issued], now: datetime
) -> None:
    change_list(database, event, "Entrance", allows_reentry=True, by="test", at=now)
    entry = check(tickets[0].qr_text)
    refused = check(tickets[0].qr_text)
    left = check(tickets[0].qr_text, direction=Direction.EXIT)
    undo = {"reason": "", "by": "test", "at": now}

    with pytest.raises(UnknownCheckIn):
        undo_scan(database, event, "never-scanned", **undo)
    with pytest.raises(CannotUndo, match="admitted nobody"):
        undo_scan(database, event, refused.nonce, **undo)
    with pytest.raises(CannotUndo, match="undo the exit"):
        undo_scan(database, event, entry.nonce, **undo)
    back = check(tickets[0].qr_text)
    with pytest.raises(CannotUndo, match="has come back"):
        undo_scan(database, event, left.nonce, **undo)
    undo_scan(database, event, back.nonce, **undo)
    undo_scan(database, event, left.nonce, **undo)
    assert check(tickets[0].qr_text).reason is RejectionReason.ALREADY_USED


def test_explain_shows_the_scans_of_a_person(
    database: Database, event: Event, check: Check, tickets: Sequence[Issued], now: datetime
) -> None:
    entry = check(tickets[0].qr_text)
    check(tickets[0].qr_text, gate="Gate 2")
    undo_scan(database, event, entry.nonce, reason="", by="ayu", at=now)

    [person] = explain_person(database, event, tickets[0].code, at=now).people

    assert [(step.what, step.by) for step in person.steps if "Entrance" in step.what] == [
        ("entry at Entrance admitted", "Gate 1"),
        ("entry at Entrance undone", "ayu"),
        ("entry at Entrance refused: already used", "Gate 2"),
    ]


def test_validation_says_that_a_ticket_was_used_at_the_entrance(
    database: Database, event: Event, check: Check, tickets: Sequence[Issued], now: datetime
) -> None:
    lounge = add_list(database, event, "Lounge", types=None, by="test", at=now)
    check(tickets[0].qr_text, list_id=lounge.id)
    before = verify_ticket(database, tickets[0].qr_text, at=now)
    check(tickets[0].qr_text)
    after = verify_ticket(database, tickets[0].qr_text, at=now)

    assert before.is_valid
    assert after.rejection is RejectionReason.ALREADY_USED
    assert after.note.endswith("Gate 1")


@pytest.mark.parametrize("seed", range(3))
def test_with_reentry_whatever_is_scanned_the_admitted_passages_alternate(
    database: Database, event: Event, check: Check, tickets: Sequence[Issued], now: datetime,
    seed: int,
) -> None:  # fmt: skip
    change_list(database, event, "Entrance", allows_reentry=True, by="test", at=now)
    draw, admitted = random.Random(seed), list[CheckIn]()  # noqa: S311 - a repeatable test

    for _ in range(12):
        scanned = check(tickets[0].qr_text, direction=draw.choice(list(Direction)))
        if scanned.verdict is Verdict.ADMITTED:
            admitted.append(scanned)
            if draw.random() < 0.3:
                undo_scan(database, event, scanned.nonce, reason="", by="test", at=now)
                admitted.pop()

    expected = [list(Direction)[number % 2] for number in range(len(admitted))]
    assert [one.direction for one in admitted] == expected
