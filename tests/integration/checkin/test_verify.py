"""Tests of ticket verification: valid tickets pass, refusals give one reason."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import delete, select, update

from tests.integration.checkin.conftest import Issued
from ticketing.checkin.verify import verify_ticket
from ticketing.crypto.keyring import KeyRing
from ticketing.crypto.ticket_token import Claims, encode_token
from ticketing.crypto.verify import RejectionReason, ScannedTicket
from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.events import events as events_table
from ticketing.platform.db.tables.operations import audit_log
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.tickets import ticket_queries
from ticketing.tickets.model import encode_ticket_code
from ticketing.tickets.revoke import RevokeResult, revoke_tickets

AddGuests = Callable[..., list[int]]
NewJob = Callable[..., int]


@pytest.fixture
def ticket(tickets: list[Issued]) -> Issued:
    """Return one of the tickets."""
    return tickets[0]


def test_a_live_ticket_passes_by_its_qr(database: Database, event: Event, ticket: Issued) -> None:
    verdict = verify_ticket(database, ticket.qr_text, at=event.starts_at, event=event)

    assert verdict.is_valid
    assert verdict.claims is not None
    assert verdict.ticket == ScannedTicket(
        ticket_id=ticket.id,
        ticket_code=ticket.code,
        event_slug="wisuda-2026",
        guest_id=ticket.guest_id,
        full_name="Guest 1",
        ticket_type="Graduate",
        seat="A-1",
    )


@pytest.mark.parametrize("spelling", ["{}", "{} ", "\t{}\n"])
def test_a_live_ticket_passes_by_its_code_however_it_is_typed(
    database: Database, event: Event, ticket: Issued, spelling: str
) -> None:
    typed = [spelling.format(code) for code in (ticket.code, ticket.code.lower())]

    verdicts = [verify_ticket(database, code, at=event.starts_at) for code in typed]

    assert [verdict.ticket and verdict.ticket.ticket_id for verdict in verdicts] == [ticket.id] * 2


def test_verifying_does_not_use_up_a_ticket(
    database: Database, event: Event, ticket: Issued
) -> None:
    verdicts = [verify_ticket(database, ticket.qr_text, at=event.starts_at) for _ in range(3)]

    assert [verdict.is_valid for verdict in verdicts] == [True] * 3


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("", RejectionReason.WRONG_PREFIX),
        ("https://example.org/t/1", RejectionReason.WRONG_PREFIX),
        ('{"ticket": 1}', RejectionReason.WRONG_PREFIX),
        ("TC-2026-0000000", RejectionReason.MALFORMED),
        ("TC-2026-00000000", RejectionReason.MALFORMED),
        ("TC1AAAA", RejectionReason.MALFORMED),
        ("TC1" + "A" * 141, RejectionReason.MALFORMED),
        ("TC" + "0" * 100_000, RejectionReason.MALFORMED),
    ],
)
def test_a_malformed_code_is_refused_by_its_format(
    database: Database, event: Event, text: str, refusal: RejectionReason
) -> None:
    assert verify_ticket(database, text, at=event.starts_at).rejection is refusal


def test_a_well_formed_code_that_was_never_issued_is_unknown(
    database: Database, event: Event
) -> None:
    verdict = verify_ticket(database, encode_ticket_code(2026, b"never"), at=event.starts_at)

    assert verdict.rejection is RejectionReason.UNKNOWN


def test_a_signed_token_that_was_never_issued_is_unknown(
    *, database: Database, event: Event, ticket: Issued, keys: KeyRing, now: datetime
) -> None:
    claims = Claims(1, event.id, now, event.tickets_valid_until, b"not issued")
    signature = keys.signer_for_generation(event.uid, 1).sign(claims.pack())

    verdict = verify_ticket(database, encode_token(claims.pack(), signature), at=event.starts_at)

    assert verdict.rejection is RejectionReason.UNKNOWN
    assert ticket.token_id != claims.token_id


def test_a_token_without_its_row_is_unknown(
    database: Database, event: Event, ticket: Issued
) -> None:
    with database.transaction() as connection:
        connection.execute(delete(generated_tickets))

    verdict = verify_ticket(database, ticket.qr_text, at=event.starts_at)

    assert verdict.rejection is RejectionReason.UNKNOWN


def test_a_signature_of_another_key_is_refused(
    database: Database, event: Event, ticket: Issued, now: datetime
) -> None:
    claims = Claims(1, event.id, now, event.tickets_valid_until, ticket.token_id)
    forged = KeyRing(b"f" * 32).signer_for_generation(event.uid, 1).sign(claims.pack())

    verdict = verify_ticket(database, encode_token(claims.pack(), forged), at=event.starts_at)

    assert verdict.rejection is RejectionReason.BAD_SIGNATURE


@pytest.mark.usefixtures("ticket")
@pytest.mark.parametrize(("event_number", "generation"), [(0, 1), (4_000_000_000, 1), (None, 9)])
def test_an_event_or_generation_without_key_is_an_unknown_key(
    *,
    database: Database,
    event: Event,
    now: datetime,
    event_number: int | None,
    generation: int,
) -> None:
    number = event.id if event_number is None else event_number
    claims = Claims(generation, number, now, event.tickets_valid_until, bytes(10))

    verdict = verify_ticket(database, encode_token(claims.pack(), bytes(64)), at=event.starts_at)

    assert verdict.rejection is RejectionReason.UNKNOWN_KEY


def test_a_ticket_for_another_event_does_not_pass_here(
    database: Database, event: Event, other_event: Event, ticket: Issued
) -> None:
    verdicts = [
        verify_ticket(database, text, at=event.starts_at, event=other_event)
        for text in (ticket.qr_text, ticket.code)
    ]

    assert [verdict.reason for verdict in verdicts] == ["wrong event: wisuda-2026"] * 2


@pytest.mark.parametrize("wait", [timedelta(days=-1), timedelta(minutes=-3)])
def test_before_it_was_issued_a_ticket_is_not_yet_valid(
    *, database: Database, event: Event, ticket: Issued, now: datetime, wait: timedelta
) -> None:
    verdict = verify_ticket(database, ticket.qr_text, at=now + wait, event=event)

    assert verdict.reason == "not yet valid: valid from 2026-11-20 15:00 WIB"


def test_more_than_a_day_after_the_event_a_ticket_has_expired(
    database: Database, event: Event, ticket: Issued
) -> None:
    at = event.ends_at + timedelta(days=1, minutes=3)

    verdicts = [verify_ticket(database, text, at=at) for text in (ticket.qr_text, ticket.code)]

    assert [verdict.reason for verdict in verdicts] == [
        "expired: valid until 2026-12-13 12:00 WIB"
    ] * 2


def test_a_postponed_event_keeps_its_tickets(
    database: Database, event: Event, ticket: Issued
) -> None:
    later = event.starts_at + timedelta(days=90)
    with database.transaction() as connection:
        connection.execute(
            update(events_table)
            .where(events_table.c.id == event.id)
            .values(starts_at=later, ends_at=later)
        )

    assert verify_ticket(database, ticket.qr_text, at=later).is_valid


def test_a_revoked_ticket_is_refused_with_the_reason(
    database: Database, event: Event, tickets: list[Issued], now: datetime
) -> None:
    revoked, other = tickets

    revoke_tickets(database, event, codes=[revoked.code], reason="sold on", by="siti", at=now)

    assert verify_ticket(database, revoked.qr_text, at=event.starts_at).reason == "revoked: sold on"
    assert verify_ticket(database, revoked.code, at=event.starts_at).reason == "revoked: sold on"
    assert verify_ticket(database, other.qr_text, at=event.starts_at).is_valid


def test_revoking_reports_the_result_of_each_code(
    *,
    database: Database,
    event: Event,
    tickets: list[Issued],
    now: datetime,
) -> None:
    first, second = tickets
    revoke_tickets(database, event, codes=[first.code], reason="lost", by="siti", at=now)

    result = revoke_tickets(
        database,
        event,
        codes=[first.code, f" {second.code.lower()}", "TC-2026-00000000", "nonsense"],
        reason="lost",
        by="siti",
        at=now,
    )

    assert result == RevokeResult(
        revoked=(second.code,),
        already_revoked=(first.code,),
        unknown=("TC-2026-00000000", "nonsense"),
    )


def test_a_ticket_is_revoked_only_through_its_own_event(
    *,
    database: Database,
    event: Event,
    other_event: Event,
    ticket: Issued,
    now: datetime,
) -> None:
    result = revoke_tickets(
        database, other_event, codes=[ticket.code], reason="x", by="siti", at=now
    )

    assert result.unknown == (ticket.code,)
    assert verify_ticket(database, ticket.code, at=event.starts_at).is_valid


def test_the_list_for_gates_has_every_revoked_ticket(
    database: Database, event: Event, tickets: list[Issued], now: datetime
) -> None:
    codes = [ticket.code for ticket in tickets]
    revoke_tickets(database, event, codes=codes, reason="sold on", by="siti", at=now)

    listed = database.run(ticket_queries.list_revocations, event.id)

    assert [(one.ticket_id, one.token_id) for one in listed] == [
        (ticket.id, ticket.token_id) for ticket in tickets
    ]
    assert {(one.reason, one.revoked_at) for one in listed} == {("sold on", now)}


def test_revoking_is_audited_once(
    database: Database, event: Event, ticket: Issued, now: datetime
) -> None:
    for _ in range(2):
        revoke_tickets(database, event, codes=[ticket.code], reason="lost", by="siti", at=now)

    with database.transaction() as connection:
        audit_entries = connection.execute(
            select(audit_log.c.actor, audit_log.c["items"], audit_log.c.details).where(
                audit_log.c.action == "tickets.revoke"
            )
        ).all()
    assert audit_entries == [("siti", 1, {"reason": "lost", "ticket_ids": [ticket.id]})]
