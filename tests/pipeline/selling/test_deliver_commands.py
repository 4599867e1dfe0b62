"""Tests of the delivery commands: send, list failures, resend; and of the delivery checks."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from subprocess import CompletedProcess

import dagster as dg
import pytest
from sqlalchemy import update

from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.notifications import deliveries
from ticketing.platform.db.tables.orders import orders
from ticketing.platform.db.tables.outbox import outbox
from ticketing.platform.settings import Settings
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.selling.payments.fulfil_paid import fulfil_paid_orders
from ticketing.selling.payments.midtrans.client import Midtrans
from ticketing.tickets.generate import GenerationContext

Ticketing = Callable[..., CompletedProcess[str]]


@pytest.fixture
def paid(
    pay: Callable[..., PlacedOrder], generation_context: GenerationContext, gateway: Midtrans
) -> PlacedOrder:
    """Create a paid order of two places with printed tickets and a waiting message."""
    placed = pay(places=2)
    fulfil_paid_orders(generation_context, gateway, at=datetime.now(UTC), by="sensor")
    return placed


@pytest.mark.usefixtures("paid")
def test_with_the_simulator_mails_are_files_and_the_output_names_them(
    ticketing: Ticketing, settings: Settings
) -> None:
    sent = ticketing("deliveries", "send", ORGANISER_EMAIL="panitia@example.org")

    folder = settings.mail_folder
    assert sent.stdout == (
        f"Simulated: mails are written to {folder}.\n"
        "2 sent, 0 to be retried, 0 failed, 0 unknown.\n"
        "Queued: 0 to buyers and guests, 0 to the organiser.\n"
    )
    assert sent.returncode == 0
    assert len(list(folder.glob("*.eml"))) == 2


@pytest.mark.usefixtures("paid")
def test_without_a_mail_server_nothing_is_sent_as_the_doctor_reports(ticketing: Ticketing) -> None:
    sandbox = {"MIDTRANS_ENVIRONMENT": "sandbox", "MIDTRANS_SERVER_KEY": "SB-Mid-server-x"}

    sent = ticketing("deliveries", "send", **sandbox)
    examined = ticketing("doctor", **sandbox)

    assert sent.stdout.startswith("No mail is sent: MAIL_URL is not set.\n0 sent")
    assert "no mail server, nothing is sent; 1 messages are waiting" in examined.stdout
    assert "no recipient for mails about orders; 1 messages are waiting" in examined.stdout


def test_failed_messages_are_listed_and_resent(
    ticketing: Ticketing, paid: PlacedOrder, database: Database, settings: Settings
) -> None:
    with database.transaction() as connection:
        connection.execute(update(orders).values(buyer_email="nobody@nowhere"))
        connection.execute(update(outbox).values(recipient="nobody@nowhere"))
    failed = ticketing("deliveries", "send")
    shown = json.loads(
        ticketing("deliveries", "list", "--event", "wisuda-2026", "--failed", "--json").stdout
    )
    with database.transaction() as connection:
        connection.execute(update(orders).values(buyer_email="sari@example.org"))
        connection.execute(update(deliveries).values(address="sari@example.org"))

    again = ticketing("deliveries", "resend", "--failed", "--event", "wisuda-2026")
    sent = ticketing("deliveries", "send")

    assert failed.returncode == 1
    assert {one["subject"] for one in shown} == {paid.order.code}
    assert {one["last_error"] for one in shown} == {"the address is not valid"}
    assert again.stdout == "Messages queued again: 2\n"
    assert sent.returncode == 0
    assert len(list(settings.mail_folder.glob("*.eml"))) == 2


@pytest.mark.usefixtures("paid")
def test_a_sent_message_is_resent_as_another_copy(ticketing: Ticketing, settings: Settings) -> None:
    ticketing("deliveries", "send")
    (first,) = json.loads(
        ticketing("deliveries", "list", "--event", "wisuda-2026", "--json").stdout
    )

    again = ticketing("deliveries", "resend", str(first["id"]))
    ticketing("deliveries", "send")

    assert again.returncode == 0
    names = {path.stem for path in settings.mail_folder.glob("*.eml")}
    assert len(names) == 2
    assert {name.partition("-")[0] for name in names} == {min(names, key=len)}


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["99"],
        ["1", "--failed"],
        ["--failed"],
        ["--event", "x"],
        ["1", "--event", "x", "--failed"],
    ],
)
def test_a_resend_of_nothing_is_refused(ticketing: Ticketing, arguments: list[str]) -> None:
    assert ticketing("deliveries", "resend", *arguments).returncode == 2


@pytest.mark.usefixtures("paid")
def test_checks_find_stuck_and_failed_messages(
    database: Database, location: dg.Definitions, event: Event, ticketing: Ticketing
) -> None:
    def failing() -> set[str]:
        with dg.DagsterInstance.ephemeral() as instance:
            instance.add_dynamic_partitions("event", [event.slug])
            ran = location.resolve_implicit_global_asset_job_def().execute_in_process(
                instance=instance, partition_key=event.slug,
                asset_selection=[dg.AssetKey("ticket_deliveries")],
            )  # fmt: skip
            return {one.check_name for one in ran.get_asset_check_evaluations() if not one.passed}

    ticketing("deliveries", "send")
    sound = failing()
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    late = {"state": "error", "next_attempt_at": long_ago, "completed_at": None}
    with database.transaction() as connection:
        connection.execute(update(deliveries).values(late))
    stuck = failing()
    with database.transaction() as connection:
        connection.execute(update(deliveries).values(state="failed", next_attempt_at=None))

    assert (sound, stuck, failing()) == (
        set(), {"no_overdue_deliveries"}, {"no_failed_deliveries"},
    )  # fmt: skip


@pytest.mark.usefixtures("issued")
def test_a_rosters_tickets_are_mailed_as_planned(ticketing: Ticketing, settings: Settings) -> None:
    opted_out = ticketing("deliveries", "opt-out", "person0@example.org")
    plan = json.loads(ticketing("campaigns", "plan", "--event", "wisuda-2026", "--json").stdout)
    shown = ticketing("campaigns", "plan", "--event", "wisuda-2026")

    applied = ticketing("campaigns", "apply", "--event", "wisuda-2026", "--plan", plan["plan_hash"])
    sent = ticketing("deliveries", "send")
    outdated = ticketing(
        "campaigns", "apply", "--event", "wisuda-2026", "--plan", plan["plan_hash"]
    )

    assert opted_out.stdout == "person0@example.org: recorded.\n"
    assert shown.stdout.startswith(
        "By mail: 4. By WhatsApp: 0.\nNo address: 0 guests. Opted out: 1.\nNothing"
    )
    assert applied.stdout == "Tickets queued: 4\n"
    assert (sent.returncode, outdated.returncode) == (0, 2)
    assert len(list(settings.mail_folder.glob("*.eml"))) == 4
