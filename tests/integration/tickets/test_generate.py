"""Tests of ticket generation: complete, counted per guest, and repeatable."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from subprocess import PIPE

import pytest
from sqlalchemy import insert, select, text, update

from tests.plugins.processes import ForkedProcess
from ticketing.crypto.keyring import KeyRing
from ticketing.documents.file_store import DocumentFolder
from ticketing.documents.renderer import Renderer
from ticketing.documents.templates import TemplateFolders
from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.roster import entitlements, guests
from ticketing.platform.db.tables.tickets import batches, generated_tickets, ticket_generation_logs
from ticketing.platform.kernel.errors import Misconfigured
from ticketing.tickets.generate import (
    GenerationContext,
    GenerationRequest,
    generate_tickets,
    reissue_tickets,
)
from ticketing.tickets.issuing.reissue import plan_reissue

# a person whose name holds a character that no font has
UNDRAWABLE = "Nobody \U0001fbff\U000e0fff"


@pytest.fixture
def generation_context(database: Database, tmp_path: Path) -> GenerationContext:
    """Return the dependencies of generation with real keys, a renderer and a folder."""
    return GenerationContext(
        database, KeyRing(bytes(range(32))), Renderer(TemplateFolders()), DocumentFolder(tmp_path)
    )


@pytest.fixture
def order(now: datetime) -> GenerationRequest:
    """Return a request for all missing tickets."""
    return GenerationRequest(by="test", at=now)


@pytest.fixture
def roster(database: Database, event: Event) -> Callable[..., list[int]]:
    """Return a function that adds guests by name; returns their ids."""

    def add(*names: str) -> list[int]:
        with database.transaction() as connection:
            kind = connection.execute(
                text(
                    "INSERT INTO ticket_types (event_id, name) VALUES (:event, 'Regular')"
                    " ON CONFLICT (event_id, name) DO UPDATE SET name = EXCLUDED.name RETURNING id"
                ),
                {"event": event.id},
            ).scalar_one()
            rows = [
                {"event_id": event.id, "natural_key": f"id:{name}", "full_name": name}
                for name in names
            ]
            ids = connection.execute(insert(guests).returning(guests.c.id), rows).scalars().all()
            connection.execute(
                insert(entitlements),
                [
                    {"event_id": event.id, "guest_id": guest, "ticket_type_id": kind}
                    for guest in ids
                ],
            )
        return list(ids)

    return add


def test_every_guest_gets_a_ticket_and_a_pdf(
    generation_context: GenerationContext,
    event: Event,
    order: GenerationRequest,
    roster: Callable[..., list[int]],
    tmp_path: Path,
) -> None:
    roster("Ayu", "Budi", "Citra")

    done = generate_tickets(generation_context, event, order)

    assert (done.created, done.renewed, done.skipped, done.failed) == (3, 0, 0, 0)
    assert len(list(tmp_path.glob("wisuda-2026/*/TC-2026-*.pdf"))) == 3


def test_the_same_request_again_creates_nothing_and_counts_skipped_guests(
    generation_context: GenerationContext,
    event: Event,
    order: GenerationRequest,
    roster: Callable[..., list[int]],
) -> None:
    roster("Ayu", "Budi")
    generate_tickets(generation_context, event, order)

    again = generate_tickets(generation_context, event, order)

    assert (again.created, again.renewed, again.skipped, again.failed) == (0, 0, 2, 0)


def test_overwriting_keeps_codes_and_links(
    generation_context: GenerationContext,
    event: Event,
    now: datetime,
    roster: Callable[..., list[int]],
) -> None:
    roster("Ayu", "Budi")
    generate_tickets(generation_context, event, GenerationRequest(by="test", at=now))
    with generation_context.database.transaction() as connection:
        identities = select(
            generated_tickets.c.ticket_code,
            generated_tickets.c.qr_code_data,
            generated_tickets.c.token_id,
        ).order_by(generated_tickets.c.id)
        before = connection.execute(identities).all()

    done = generate_tickets(
        generation_context, event, GenerationRequest(by="test", at=now, overwrite=True)
    )

    with generation_context.database.transaction() as connection:
        assert connection.execute(identities).all() == before
    assert (done.created, done.renewed, done.skipped) == (0, 2, 0)


def test_a_limit_counts_new_tickets(
    generation_context: GenerationContext,
    event: Event,
    now: datetime,
    roster: Callable[..., list[int]],
) -> None:
    roster("Ayu", "Budi", "Citra", "Dewi", "Eko")

    first = generate_tickets(
        generation_context, event, GenerationRequest(by="test", at=now, limit=2)
    )
    rest = generate_tickets(generation_context, event, GenerationRequest(by="test", at=now))

    assert (first.created, first.total) == (2, 2)
    assert (rest.created, rest.skipped) == (3, 2)


def test_only_the_requested_guests_get_tickets(
    generation_context: GenerationContext,
    event: Event,
    now: datetime,
    roster: Callable[..., list[int]],
) -> None:
    ayu, budi, _ = roster("Ayu", "Budi", "Citra")

    done = generate_tickets(
        generation_context,
        event,
        GenerationRequest(by="test", at=now, guest_ids=[budi, ayu, 10**9]),
    )

    assert (done.created, done.failed) == (2, 1)
    assert done.failures == ((10**9, f"no guest {10**9} in this event"),)


def test_a_guest_whose_ticket_cannot_be_rendered_stops_no_other(
    generation_context: GenerationContext,
    event: Event,
    order: GenerationRequest,
    roster: Callable[..., list[int]],
) -> None:
    _, nobody, _ = roster("Ayu", UNDRAWABLE, "Citra")

    done = generate_tickets(generation_context, event, order)

    assert (done.created, done.failed) == (2, 1)
    assert done.failures[0][0] == nobody
    with generation_context.database.transaction() as connection:
        logged = connection.execute(
            select(ticket_generation_logs.c.guest_id).where(
                ticket_generation_logs.c.status == "failed"
            )
        ).scalars()
        assert list(logged) == [nobody]


def test_a_corrected_name_is_rendered_by_the_next_request(
    generation_context: GenerationContext,
    event: Event,
    order: GenerationRequest,
    roster: Callable[..., list[int]],
) -> None:
    _, nobody = roster("Ayu", UNDRAWABLE)
    generate_tickets(generation_context, event, order)
    with generation_context.database.transaction() as connection:
        connection.execute(update(guests).where(guests.c.id == nobody).values(full_name="Nobody"))

    done = generate_tickets(generation_context, event, order)

    assert (done.created, done.renewed, done.skipped, done.failed) == (0, 1, 1, 0)


def test_the_same_batch_name_is_the_same_job(
    generation_context: GenerationContext,
    event: Event,
    now: datetime,
    roster: Callable[..., list[int]],
) -> None:
    roster("Ayu")
    named = GenerationRequest(by="test", at=now, key="batch-789")

    first = generate_tickets(generation_context, event, named)
    again = generate_tickets(generation_context, event, named)

    assert first.job_id == again.job_id
    with generation_context.database.transaction() as connection:
        batch = connection.execute(select(batches)).one()
    assert (batch.batch_key, batch.state, batch.created_count) == ("batch-789", "completed", 1)


def test_another_master_secret_is_refused_before_anything_is_signed(
    generation_context: GenerationContext,
    event: Event,
    order: GenerationRequest,
    roster: Callable[..., list[int]],
) -> None:
    roster("Ayu")
    generate_tickets(generation_context, event, order)
    roster("Budi")
    stranger = GenerationContext(
        generation_context.database,
        KeyRing(bytes(32)),
        generation_context.renderer,
        generation_context.folder,
    )

    with pytest.raises(Misconfigured, match="master secret has changed"):
        generate_tickets(stranger, event, order)

    with generation_context.database.transaction() as connection:
        states = connection.execute(select(batches.c.state).order_by(batches.c.id)).scalars()
        assert list(states) == ["completed", "failed"]


KEY = "batch-1"
GENERATE = f"""
KEY = {KEY!r}
import sys
from datetime import UTC, datetime
from pathlib import Path
from ticketing.platform.db.database import Database
from ticketing.events import queries as event_queries
from ticketing.documents.file_store import DocumentFolder
from ticketing.tickets.generate import GenerationContext
from ticketing.crypto.keyring import KeyRing
from ticketing.documents.renderer import Renderer
from ticketing.documents.templates import TemplateFolders
from ticketing.tickets.generate import generate_tickets
from ticketing.tickets.generate import GenerationRequest

database = Database.from_url(sys.argv[1])
with database.transaction() as connection:
    event = event_queries.get(connection, "wisuda-2026")
folder = DocumentFolder(Path(sys.argv[2]))
means = GenerationContext(database, KeyRing(bytes(range(32))), Renderer(TemplateFolders()), folder)
print("go", flush=True)
request = GenerationRequest(by="t", at=datetime.now(UTC), chunk=5, key=KEY)
generate_tickets(means, event, request)
"""


@pytest.mark.parametrize("after_seconds", [0.0, 0.02, 0.05, 0.2, 0.4, 0.8])
@pytest.mark.kill
def test_a_batch_killed_at_any_moment_is_finished_under_the_same_key(
    generation_context: GenerationContext, event: Event, database_url: str, roster: Callable[...,
    list[int]],
    tmp_path: Path, order: GenerationRequest, after_seconds: float,
    start_script: Callable[..., ForkedProcess],
) -> None:  # fmt: skip
    roster(*(f"Person {number}" for number in range(40)))
    process = start_script(GENERATE, database_url, str(tmp_path), stdout=PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(after_seconds)
    with suppress(ProcessLookupError):  # it may be complete: forty tickets take milliseconds
        os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()

    done = generate_tickets(generation_context, event, replace(order, key=KEY))

    assert done.failed == 0
    assert done.created + done.renewed + done.skipped == 40
    with generation_context.database.transaction() as connection:
        tickets = connection.execute(select(generated_tickets)).all()
    assert len({ticket.entitlement_id for ticket in tickets}) == len(tickets) == 40
    files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {ticket.pdf_file_path for ticket in tickets}


@pytest.mark.slow
def test_concurrent_requests_give_each_guest_one_ticket(
    generation_context: GenerationContext, event: Event, database_url: str, roster: Callable[...,
    list[int]],
    tmp_path: Path, order: GenerationRequest, start_script: Callable[..., ForkedProcess],
) -> None:  # fmt: skip
    roster(*(f"Person {number}" for number in range(60)))
    other = start_script(GENERATE, database_url, str(tmp_path), stdout=PIPE)
    assert other.stdout is not None
    other.stdout.readline()

    done = generate_tickets(generation_context, event, order)

    assert other.wait(60) == 0
    other.stdout.close()
    with generation_context.database.transaction() as connection:
        tickets = connection.execute(select(generated_tickets)).all()
        both = connection.execute(select(batches)).all()
    # each counts what it changed itself: a person is created by one, and skipped by the other
    assert min(done.created, done.renewed, done.skipped) >= 0
    assert (done.total, sum(batch.rendered_count for batch in both)) == (60, 60)
    assert [b.total_count - b.skipped_count - b.failed_count for b in both] == [
        batch.rendered_count for batch in both
    ]
    assert len({ticket.entitlement_id for ticket in tickets}) == len(tickets) == 60
    assert len(list(tmp_path.glob("wisuda-2026/*/*.pdf"))) == 60


def test_a_reissue_revokes_the_old_tickets_and_renders_new_ones(
    generation_context: GenerationContext,
    event: Event,
    order: GenerationRequest,
    roster: Callable[..., list[int]],
) -> None:
    roster("Ayu", "Budi")
    generate_tickets(generation_context, event, order)
    plan = plan_reissue(generation_context.database, event)

    done = reissue_tickets(
        generation_context, event, order, plan_hash=plan.plan_hash, reason="leaked"
    )
    again = reissue_tickets(
        generation_context, event, order, plan_hash=plan.plan_hash, reason="leaked"
    )

    assert (plan.tickets, done.created, done.failed) == (2, 2, 0)
    assert (again.created, again.skipped) == (0, 2)
    with generation_context.database.transaction() as connection:
        states = connection.execute(
            select(generated_tickets.c.state, generated_tickets.c.revoked_reason).order_by(
                generated_tickets.c.id
            )
        ).all()
    assert states == [("revoked", "leaked")] * 2 + [("live", None)] * 2
