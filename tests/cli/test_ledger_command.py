"""Tests of the commands for the ledger, its checks, closing reports and webhooks."""

import csv
import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, update
from standardwebhooks import Webhook

from simulators.hooks import WebhookReceiver
from ticketing.events.model import Event
from ticketing.orders.order import Selection
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.orders import orders
from ticketing.selling.checkout.cancel_order import cancel_order
from ticketing.selling.checkout.place_order import PlacedOrder, place_order

Run = Callable[..., subprocess.CompletedProcess[str]]
Ticketing = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def ticketing(run_ticketing: Run, database_url: str, tmp_path: Path) -> Ticketing:
    """Return a function that runs `ticketing …` with a fresh database and an empty folder."""
    environment = {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": database_url,
        "TICKETING_DATA": str(tmp_path / "data"),
        "COLUMNS": "200",
        "TZ": "UTC",
    }

    def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return run_ticketing(*arguments, environment=environment | more)

    return run


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as somebody:
        yield somebody


@pytest.fixture
def place(database: Database, event: Event) -> Callable[[datetime], PlacedOrder]:
    """Return a function that places an order of two places at Rp50.000."""
    with database.transaction() as connection:
        kind = connection.execute(
            insert(ticket_types)
            .values(event_id=event.id, name="Guest", on_sale=True, price=50_000)
            .returning(ticket_types.c.id)
        ).scalar_one()

    def place_one(at: datetime) -> PlacedOrder:
        return place_order(database, event, requested=[Selection(kind, 2)], at=at, by="web")

    return place_one


def test_the_ledger_lists_entries_with_their_sums(
    ticketing: Ticketing, database: Database, event: Event,
    place: Callable[[datetime], PlacedOrder], now: datetime,
) -> None:  # fmt: skip
    placed = place(now)
    cancel_order(database, placed.order.id, at=now, by="cli:sari")
    other = place(now + timedelta(days=1))

    shown = ticketing("ledger", "list", "--event", event.slug)

    assert shown.returncode == 0, shown.stderr
    lines = shown.stdout.splitlines()
    (cancelled,) = [line for line in lines if "order.cancelled" in line and "cli:sari" in line]
    assert placed.order.code in cancelled
    assert "-Rp100.000" in cancelled
    assert "2026-11-20 15:00" in cancelled
    assert other.order.code in shown.stdout
    assert [line.split() for line in lines if line.startswith("order.placed")] == [
        ["order.placed", "2", "Rp200.000"]
    ]


def test_a_long_list_shows_its_end_and_the_sums_of_all(
    ticketing: Ticketing, event: Event, place: Callable[[datetime], PlacedOrder], now: datetime
) -> None:
    first, last = place(now), place(now)

    shown = ticketing("ledger", "list", "--event", event.slug, "--limit", "1")

    assert first.order.code not in shown.stdout
    assert last.order.code in shown.stdout
    assert "The latest 1 of 2" in shown.stdout
    assert re.search(r"order\.placed +2 +Rp200\.000", shown.stdout), shown.stdout


def test_a_period_is_in_the_time_zone_of_the_venue(
    ticketing: Ticketing, event: Event, place: Callable[[datetime], PlacedOrder], now: datetime
) -> None:
    place(now)
    midnight = now.replace(hour=17)  # in Jakarta
    placed = place(midnight)
    place(midnight + timedelta(days=1))

    shown = ticketing(
        "ledger",
        "list",
        "--event",
        event.slug,
        "--from",
        "2026-11-21",
        "--to",
        "2026-11-22",
        "--json",
    )

    told = json.loads(shown.stdout)
    assert [entry["order_code"] for entry in told["entries"]] == [placed.order.code]
    assert told["totals"] == {"order.placed": {"entries": 1, "sale": 100_000, "money": 0}}


def test_the_ledger_is_exported_to_a_file(
    ticketing: Ticketing, event: Event, place: Callable[[datetime], PlacedOrder], now: datetime,
    tmp_path: Path,
) -> None:  # fmt: skip
    placed = place(now)
    path = tmp_path / "books.csv"

    said = ticketing("ledger", "list", "--event", event.slug, "--csv", str(path))

    assert said.stdout == f"1 entries in {path}\n"
    with path.open(encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file, delimiter=";")
    assert (row["order"], row["sale"], row["actor"]) == (placed.order.code, "100000", "web")


def test_a_webhook_is_created_tested_listed_and_removed(
    ticketing: Ticketing, event: Event, place: Callable[[datetime], PlacedOrder],
    receiver: WebhookReceiver, now: datetime,
) -> None:  # fmt: skip
    added = ticketing(
        "webhooks", "create", "shop", receiver.url, "--kind", "order.placed", "-e", event.slug
    )
    assert added.returncode == 0, added.stderr
    judge = Webhook(added.stdout.strip())

    tried = ticketing("webhooks", "test", "shop")
    placed = place(now)
    receiver.status, receiver.body = 500, b"[/never] [red]opened"
    failing = ticketing("webhooks", "send")
    log = ticketing("webhooks", "calls", "shop", "--json")
    table = ticketing("webhooks", "calls", "shop", "--state", "waiting")
    receiver.status = 200
    again = ticketing("webhooks", "resend", "shop", "--from", "2026-11-20")
    listed = ticketing("webhooks", "list")
    removed = ticketing("webhooks", "delete", "shop")
    unknown = ticketing("webhooks", "calls", "shop")

    assert (tried.returncode, tried.stdout) == (0, "200 thanks\n")
    assert (failing.returncode, failing.stdout) == (1, "0 delivered, 1 failed.\n")
    (call,) = json.loads(log.stdout)
    assert (call["order_code"], call["last_status"], call["attempt_count"]) == (
        placed.order.code,
        500,
        1,
    )
    assert "status 500 [/never] [red]opened" in table.stdout
    assert again.stdout == "Calls queued: 1\n"
    assert added.stdout.strip() not in listed.stdout
    assert "shop" in listed.stdout
    assert removed.stdout == "Deleted webhook shop; waiting calls dropped: 1\n"
    assert unknown.returncode == 2
    assert "no webhook 'shop'" in unknown.stderr
    assert [judge.verify(body, heard)["type"] for heard, body in receiver.received] == [
        "webhook.test", "order.placed",
    ]  # fmt: skip


def test_without_the_simulator_loopback_addresses_are_never_called(
    ticketing: Ticketing, receiver: WebhookReceiver
) -> None:
    production = {"MIDTRANS_ENVIRONMENT": "sandbox", "MIDTRANS_SERVER_KEY": "SB-Mid-server-x"}

    plain = ticketing("webhooks", "create", "shop", receiver.url, **production)
    secret = ticketing("webhooks", "create", "shop", "https://localhost:1/", **production)
    tried = ticketing("webhooks", "test", "shop", **production)

    assert plain.returncode == 2
    assert "https://" in plain.stderr
    assert secret.returncode == 0
    assert tried.returncode == 1
    assert "not public" in tried.stdout
    assert receiver.received == []


def test_a_single_run_of_the_worker_sends_waiting_webhooks(
    ticketing: Ticketing, place: Callable[[datetime], PlacedOrder], receiver: WebhookReceiver,
    now: datetime,
) -> None:  # fmt: skip
    ticketing("webhooks", "create", "shop", receiver.url)
    place(now)

    worked = ticketing("worker", "--once")

    assert worked.returncode == 0, worked.stderr
    assert len(receiver.received) == 1


def test_a_closing_report_is_created_listed_and_verified(
    ticketing: Ticketing, event: Event, place: Callable[[datetime], PlacedOrder], now: datetime
) -> None:
    place(now)
    created = ticketing("closing-reports", "create", "--event", event.slug)
    listed = ticketing("closing-reports", "list", "--event", event.slug, "--json")
    file = json.loads(listed.stdout)[0]["file"]

    known = ticketing("closing-reports", "verify", file, "--compare")
    key = ticketing("keys", "list", "--event", event.slug, "--format", "hex").stdout.split()[1]
    alone = ticketing("closing-reports", "verify", file, "--public-key", key, DATABASE_URL="x")
    foreign = ticketing("closing-reports", "verify", file, "--public-key", "00" * 32, "--json")

    assert created.returncode == 0, created.stderr
    assert "pending 1" in created.stdout
    assert (known.returncode, alone.returncode) == (0, 0), known.stdout + alone.stderr
    assert foreign.returncode == 1
    assert "another key" in json.loads(foreign.stdout)["problems"][file][0]


def test_rebuild_names_an_order_that_was_changed_by_hand_and_exits_with_1(
    ticketing: Ticketing, database: Database, event: Event,
    place: Callable[[datetime], PlacedOrder], now: datetime,
) -> None:  # fmt: skip
    placed = place(now)
    agreed = ticketing("orders", "rebuild", "--check", "--event", event.slug)

    with database.transaction() as connection:
        connection.execute(update(orders).values(state="cancelled", closed_at=now))
    damaged = ticketing("orders", "rebuild", "--check", "--json")
    unchecked = ticketing("orders", "rebuild")

    assert (agreed.returncode, damaged.returncode) == (0, 1), agreed.stdout + damaged.stderr
    assert "differenceCount: 0" in agreed.stdout
    (difference,) = json.loads(damaged.stdout)["differences"]
    assert difference == {
        "subject": placed.order.code, "part": "order state",
        "expected": "pending", "found": "cancelled",
    }  # fmt: skip
    assert unchecked.returncode == 2
    assert "--check" in unchecked.stderr


def test_the_preflight_list_has_the_event_and_the_machine(
    ticketing: Ticketing, event: Event
) -> None:
    listed = ticketing("preflight", "--event", event.slug, "--json")

    items = {item["subject"]: item for item in json.loads(listed.stdout)["items"]}
    assert items["guests without a ticket"]["severity"] == "ok"
    assert items["database"]["severity"] == "ok"
    assert items["backup"]["severity"] == "ok"
    blocking = sum(item["severity"] == "blocking" for item in items.values())
    assert listed.returncode == (1 if blocking else 0)
