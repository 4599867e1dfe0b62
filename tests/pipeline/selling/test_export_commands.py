"""Tests of exports and bounces by command and by schedule."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from subprocess import CompletedProcess

import dagster as dg
import pytest

from schedules.maintenance import process_bounces_every_10_minutes
from ticketing.notifications.deliver import MessagingConnector, deliver_all
from ticketing.platform.application import Application
from ticketing.platform.settings import Settings
from ticketing.selling.checkout.place_order import PlacedOrder

Ticketing = Callable[..., CompletedProcess[str]]
MARK = "\ufeff"
BOUNCE = """\
From: MAILER-DAEMON@example.net
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; example.net

Final-Recipient: rfc822; panitia@example.org
Action: failed
Status: 5.1.1

--b
Content-Type: text/rfc822-headers

Message-ID: <{named}@example.org>

--b--
"""


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    """Add an organiser and a Maildir for bounces to the settings."""
    folder = tmp_path / "bounces"
    (folder / "new").mkdir(parents=True)
    return settings.model_copy(
        update={"organiser_email": "panitia@example.org", "mail_bounces_folder": folder}
    )


@pytest.fixture
def send(application: Application) -> Callable[[], list[str]]:
    """Return a function that sends waiting messages; returns the references of the mails."""

    def run() -> list[str]:
        with application.get(MessagingConnector).connect() as mailroom:
            deliver_all(application.database, mailroom, clock=lambda: datetime.now(UTC))
        return sorted(path.stem for path in application.settings.mail_folder.glob("*.eml"))

    return run


@pytest.fixture
def run(location: dg.Definitions) -> Callable[[str], dict[str, object]]:
    """Return a function that runs a job of one step and returns its metadata numbers."""

    def ran(job: str) -> dict[str, object]:
        with dg.DagsterInstance.ephemeral() as instance:
            done = location.resolve_job_def(job).execute_in_process(instance=instance)
        (output,) = [one for one in done.all_node_events if one.is_successful_output]
        return {name: told.value for name, told in output.step_output_data.metadata.items()}

    return ran


@pytest.fixture
def requested_runs(
    application: Application, idle_instance: dg.DagsterInstance
) -> Callable[[], int]:
    """Return a function that counts the runs that the bounce schedule requests."""

    def tick() -> int:
        with dg.build_schedule_context(
            idle_instance,
            scheduled_execution_time=datetime.now(UTC),
            resources={"application": application},
        ) as context:
            return int(isinstance(process_bounces_every_10_minutes(context), dg.RunRequest))

    return tick


def test_an_export_is_written_to_a_file_to_the_screen_or_by_mail(
    ticketing: Ticketing, order_positions: Callable[..., PlacedOrder], tmp_path: Path
) -> None:
    code = order_positions(2).order.code
    path = tmp_path / "sheets" / "orders.csv"

    written = ticketing("export", "--event", "wisuda-2026", "orders", "--csv", str(path))
    shown = ticketing("export", "--event", "wisuda-2026", "orders")
    mailed = [ticketing("export", "--event", "wisuda-2026", "orders", "--mail") for _ in range(2)]

    assert written.stdout == f"1 rows in {path}\n"
    assert shown.stdout == path.read_text(encoding="utf-8")
    assert shown.stdout.startswith(f"{MARK}order;state;name;")
    assert f"\n{code};pending;Sari;" in shown.stdout
    first, again = (one.stdout for one in mailed)
    assert first == "orders: queued; it is sent as soon as ORGANISER_EMAIL is set.\n"
    assert "already queued today. To see it: ticketing deliveries list --event wisuda-2026" in again


@pytest.mark.parametrize(
    "arguments",
    [["orders", "--mail", "--csv", "x.csv"], ["codes"], ["orders", "--csv", "/dev/null/x.csv"]],
)
@pytest.mark.usefixtures("event")
def test_an_impossible_target_of_an_export_is_refused(
    ticketing: Ticketing, arguments: list[str]
) -> None:
    assert ticketing("export", "--event", "wisuda-2026", *arguments).returncode == 2


def test_the_job_enqueues_each_export_of_a_changed_event_once_a_day(
    order_positions: Callable[..., PlacedOrder], run: Callable[[str], dict[str, object]],
    send: Callable[[], list[str]],
) -> None:  # fmt: skip
    order_positions(1)

    left = [run("daily_exports"), run("daily_exports")]

    assert left == [{"mails": 3}, {"mails": 0}]
    assert len(send()) == 3


def test_bounces_in_the_maildir_are_read_once(
    application: Application, order_positions: Callable[..., PlacedOrder],
    requested_runs: Callable[[], int],
    run: Callable[[str], dict[str, object]], send: Callable[[], list[str]],
) -> None:  # fmt: skip
    order_positions(1)
    run("daily_exports")
    named, *_ = send()
    folder = application.settings.mail_bounces_folder
    assert folder is not None
    before = requested_runs()
    (folder / "new" / "1").write_text(BOUNCE.format(named=named), encoding="ascii")
    (folder / "new" / "2").write_text("Subject: Thank you\n\nfor the ticket", encoding="ascii")

    noticed, read = requested_runs(), run("mail_bounces")

    assert (before, noticed, requested_runs()) == (0, 1, 0)
    assert (read["mails"], read["applied"]) == (2, 1)
    assert sorted(path.name for path in (folder / "cur").iterdir()) == ["1:2,S", "2:2,F"]
