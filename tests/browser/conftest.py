"""Fixtures: the shop as separate processes, as `ticketing up` runs it, and a browser."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import httpx
import pytest
from sqlalchemy import insert

from tests.plugins.processes import ForkedProcess
from tests.plugins.waiting import ASK_EVERY_SECONDS, PATIENCE_SECONDS
from ticketing.events.model import NewEvent
from ticketing.events.service import add_event
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.catalogue import ticket_types


@pytest.fixture
def concert(database: Database) -> str:
    """Create a future event with a ticket type on sale; return its slug."""
    starts = datetime(2099, 12, 12, 12, 0, tzinfo=UTC)
    ends = datetime(2099, 12, 12, 16, 0, tzinfo=UTC)
    event = add_event(
        database,
        NewEvent("konser-2099", "Konser 2099", starts, ends, "Asia/Jakarta", "id",
                 "Benteng Vredeburg", "ID", "classic"),
        by="test",
    )  # fmt: skip
    with database.transaction() as connection:
        connection.execute(
            insert(ticket_types).values(
                event_id=event.id, name="VIP", on_sale=True, price=150_000, capacity=10
            )
        )
    return event.slug


@pytest.fixture
def shop(
    database_url: str,
    tmp_path: Path,
    free_port: Callable[[], int],
    start_module: Callable[..., ForkedProcess],
    until_it_answers: Callable[[str], httpx.Response],
) -> Iterator[str]:
    """Run web service, worker and simulated gateway as processes; yield the address."""
    web, gateway = free_port(), free_port()
    address = f"http://127.0.0.1:{web}"
    environment = {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": database_url,
        "TICKETING_DATA": str(tmp_path / "data"),
        "WEB_PUBLIC_URL": address,
        "MIDTRANS_SIMULATOR_URL": f"http://127.0.0.1:{gateway}",
        "PYTHONUNBUFFERED": "1",
    }
    commands = [
        ["ticketing", "serve", "--quiet", "--port", str(web)],
        ["ticketing", "worker"],
        ["simulators.midtrans", "--port", str(gateway),
         "--notify", f"{address}/api/payment/notification"],
    ]  # fmt: skip
    with ExitStack() as stack:
        for command in commands:
            process = start_module(*command, environment=environment)
            stack.callback(process.wait, timeout=60)
            stack.callback(process.terminate)
        until_it_answers(f"{address}/health").raise_for_status()
        yield address


@pytest.fixture
def mail_to(tmp_path: Path) -> Callable[[str, str], str]:
    """Return a function that waits for a mail by recipient and subject, and returns its text."""

    def received() -> Iterator[EmailMessage]:
        for path in sorted((tmp_path / "data").rglob("*.eml")):
            yield message_from_bytes(path.read_bytes(), policy=policy.default)

    def wait(recipient: str, subject: str) -> str:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            for mail in received():
                text = mail.get_body(("plain",))
                if recipient in mail["To"] and subject in mail["Subject"] and text is not None:
                    return str(text.get_content())
            assert time.monotonic() < deadline, f"no mail to {recipient} about {subject!r}"
            time.sleep(ASK_EVERY_SECONDS)

    return wait
