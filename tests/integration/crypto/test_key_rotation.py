"""Tests of signing keys: public keys are stored first; a changed secret signs nothing."""

from collections.abc import Callable
from datetime import datetime

import pytest
from sqlalchemy import select, update

from ticketing.checkin.verify import verify_ticket
from ticketing.crypto.key_queries import list_public_keys, rotate_keys
from ticketing.crypto.keyring import KeyRing
from ticketing.crypto.verify import verify_offline
from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.events import event_keys
from ticketing.platform.db.tables.events import events as events_table
from ticketing.platform.db.tables.operations import audit_log
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.platform.kernel.errors import Misconfigured, Refused
from ticketing.tickets.issuing.issue import issue_tickets

AddGuests = Callable[..., list[int]]
NewJob = Callable[..., int]


@pytest.fixture
def issue_ticket(
    *,
    database: Database,
    event: Event,
    add_guests: AddGuests,
    new_job: NewJob,
    keys: KeyRing,
    now: datetime,
) -> Callable[[], str]:
    """Return a function that adds a guest, issues the ticket and returns its QR text."""

    def issue_another() -> str:
        guest_id = add_guests(event, 1)[0]
        issue_tickets(database, event, keys=keys, job_id=new_job(event), at=now, by="test")
        query = select(generated_tickets.c.qr_code_data)
        with database.transaction() as connection:
            found = connection.execute(query.where(generated_tickets.c.guest_id == guest_id))
            return str(found.scalar_one())

    return issue_another


def test_a_new_event_s_public_key_can_be_exported(
    database: Database, event: Event, keys: KeyRing
) -> None:
    [exported] = list_public_keys(database, event, keys=keys)

    assert exported.key == keys.public_key(event.uid, 1)
    assert (exported.event_number, exported.event_slug) == (event.id, "wisuda-2026")
    assert (exported.generation, exported.retired_at) == (1, None)
    assert list_public_keys(database, event, keys=keys) == [exported]


def test_after_rotation_new_tickets_have_the_next_key_and_old_ones_still_pass(
    *,
    database: Database,
    event: Event,
    keys: KeyRing,
    now: datetime,
    issue_ticket: Callable[[], str],
) -> None:
    before = issue_ticket()

    rotated = rotate_keys(database, event, keys=keys, by="siti", at=now)
    after = issue_ticket()

    gate = {key.generation: key.key for key in list_public_keys(database, rotated, keys=keys)}
    verdicts = [
        verify_offline(text, event_number=event.id, public_keys=gate, at=event.starts_at)
        for text in (before, after)
    ]
    assert [verdict.claims.key_generation for verdict in verdicts if verdict.claims] == [1, 2]
    assert verify_ticket(database, before, at=event.starts_at).is_valid
    assert verify_ticket(database, after, at=event.starts_at).is_valid


def test_rotation_retires_the_old_key_and_is_audited(
    database: Database, event: Event, keys: KeyRing, now: datetime
) -> None:
    rotated = rotate_keys(database, event, keys=keys, by="siti", at=now)

    first, second = list_public_keys(database, rotated, keys=keys)
    assert rotated.key_generation == 2
    assert (first.retired_at, second.retired_at) == (now, None)
    assert second.key == keys.public_key(event.uid, 2)
    with database.transaction() as connection:
        audit_entry = connection.execute(select(audit_log.c.actor, audit_log.c.action)).one()
    assert audit_entry == ("siti", "keys.rotate")


def test_a_changed_master_secret_signs_nothing(
    *,
    database: Database,
    event: Event,
    add_guests: AddGuests,
    job_id: int,
    keys: KeyRing,
    now: datetime,
) -> None:
    list_public_keys(database, event, keys=keys)
    add_guests(event, 1)

    with pytest.raises(Misconfigured, match="the master secret has changed"):
        issue_tickets(database, event, keys=KeyRing(b"x" * 32), job_id=job_id, at=now, by="test")

    with database.transaction() as connection:
        assert connection.execute(select(generated_tickets.c.id)).all() == []


def test_a_changed_master_secret_is_noticed_after_rotation_too(
    database: Database, event: Event, keys: KeyRing, now: datetime
) -> None:
    rotated = rotate_keys(database, event, keys=keys, by="siti", at=now)

    with pytest.raises(Misconfigured, match="generation 1 of wisuda-2026"):
        rotate_keys(database, rotated, keys=KeyRing(b"x" * 32), by="siti", at=now)


def test_the_last_generation_cannot_be_followed(
    database: Database, event: Event, keys: KeyRing, now: datetime
) -> None:
    with database.transaction() as connection:
        connection.execute(update(events_table).values(key_generation=255))

    with pytest.raises(Refused, match="all 255 generations"):
        rotate_keys(database, event, keys=keys, by="siti", at=now)


def test_no_secret_key_is_stored(
    database: Database, event: Event, keys: KeyRing, issue_ticket: Callable[[], str]
) -> None:
    issue_ticket()

    with database.transaction() as connection:
        stored = connection.execute(select(event_keys.c.public_key)).scalars().all()
    assert stored == [keys.public_key(event.uid, 1)]
