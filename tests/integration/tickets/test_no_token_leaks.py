"""Tests that tokens and magic links appear in no error, log line, audit row or repr."""

import logging
import traceback
from collections.abc import Callable
from datetime import datetime

import pytest
from sqlalchemy import select, text

from ticketing.checkin.verify import verify_ticket
from ticketing.crypto.keyring import KeyRing
from ticketing.events.model import Event
from ticketing.platform.db.columns import metadata
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.platform.kernel.errors import Unavailable
from ticketing.tickets.issuing.issue import issue_tickets
from ticketing.tickets.issuing.reissue import apply_reissue, plan_reissue
from ticketing.tickets.missing import iter_entitlements
from ticketing.tickets.reports.explain import explain_person

AddGuests = Callable[..., list[int]]


@pytest.fixture
def secrets_of(database: Database, keys: KeyRing) -> Callable[[], list[str]]:
    """Return a function that lists every QR text and magic link."""

    def all_secrets() -> list[str]:
        query = select(generated_tickets.c.qr_code_data, generated_tickets.c.token_id)
        with database.transaction() as connection:
            rows = connection.execute(query).all()
        return [secret for qr, token_id in rows for secret in (qr, keys.magic_link(token_id))]

    return all_secrets


@pytest.fixture
def dump_other_tables(database: Database) -> Callable[[], str]:
    """Return a function that dumps the rows of all other tables as text."""

    def dump() -> str:
        with database.transaction() as connection:
            return "\n".join(
                str(row)
                for table in metadata.sorted_tables
                if table is not generated_tickets
                for row in connection.execute(select(table))
            )

    return dump


def test_issuing_and_reissuing_leave_no_token_in_logs_or_other_tables(
    *,
    database: Database,
    event: Event,
    add_guests: AddGuests,
    new_job: Callable[..., int],
    keys: KeyRing,
    now: datetime,
    secrets_of: Callable[[], list[str]],
    dump_other_tables: Callable[[], str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    add_guests(event, 3)
    issued = issue_tickets(database, event, keys=keys, job_id=new_job(event), at=now, by="siti")
    plan = plan_reissue(database, event)
    renewed = apply_reissue(
        database, event, plan_hash=plan.plan_hash, keys=keys, job_id=new_job(event), at=now,
        by="siti", reason="lost",
    )  # fmt: skip
    secrets = secrets_of()
    verdicts = [verify_ticket(database, secret, at=now) for secret in secrets]
    told = explain_person(database, event, "Guest", at=now)
    people = list(iter_entitlements(database, event, at=now))

    shown = repr([issued, plan, renewed, verdicts, told, people, keys])
    shown += dump_other_tables() + caplog.text

    assert len(secrets) == 12
    assert [secret for secret in secrets if secret in shown] == []


def test_no_magic_link_is_stored_in_clear(
    *,
    database: Database,
    event: Event,
    add_guests: AddGuests,
    job_id: int,
    keys: KeyRing,
    now: datetime,
) -> None:
    add_guests(event, 1)
    issue_tickets(database, event, keys=keys, job_id=job_id, at=now, by="siti")

    with database.transaction() as connection:
        row = connection.execute(select(*generated_tickets.c)).mappings().one()

    link = keys.magic_link(row["token_id"])
    assert link not in str(dict(row))
    assert link.encode() not in b"".join(v for v in row.values() if isinstance(v, bytes))


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param("ALTER TABLE generated_tickets ADD CHECK (guest_id < 0)", id="check"),
        pytest.param("CREATE UNIQUE INDEX ON generated_tickets (event_id)", id="unique"),
        pytest.param("ALTER TABLE generated_tickets ADD COLUMN x int NOT NULL", id="not null"),
        pytest.param("ALTER TABLE generated_tickets ALTER template_id TYPE varchar(1)", id="long"),
        pytest.param("DROP TABLE generated_tickets CASCADE", id="gone"),
    ],
)
@pytest.mark.usefixtures("fresh_database_url")
def test_a_refusal_by_the_database_carries_no_row(
    *,
    database: Database,
    event: Event,
    add_guests: AddGuests,
    job_id: int,
    keys: KeyRing,
    now: datetime,
    dump_other_tables: Callable[[], str],
    broken: str,
) -> None:
    add_guests(event, 2)
    drawn = b"a random token id and code number"[:30]
    with database.transaction() as connection:
        connection.execute(text(broken))
    token = keys.magic_link(drawn[:10])

    shown = ""
    try:
        result = issue_tickets(
            database, event, keys=keys, job_id=job_id, at=now, by="siti",
            randomness=lambda length: drawn[:length],
        )  # fmt: skip
        shown = repr(result)
    except Exception as error:  # noqa: BLE001 - whatever comes out, it is read
        shown = "".join(traceback.format_exception(error)) + repr(error.__context__)

    shown += dump_other_tables()
    assert shown
    assert "TC1A" not in shown
    assert drawn[:10].hex() not in shown
    assert token not in shown


@pytest.mark.usefixtures("fresh_database_url")
def test_a_lost_connection_is_reported_as_unavailable_without_the_row(
    *,
    database: Database,
    event: Event,
    add_guests: AddGuests,
    job_id: int,
    keys: KeyRing,
    now: datetime,
) -> None:
    add_guests(event, 1)

    def cut_off(length: int) -> bytes:
        with database.transaction() as connection:
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
        return bytes(length)

    with pytest.raises(Unavailable) as away:
        issue_tickets(
            database, event, keys=keys, job_id=job_id, at=now, by="siti", randomness=cut_off
        )

    assert "TC1A" not in "".join(traceback.format_exception(away.value))
