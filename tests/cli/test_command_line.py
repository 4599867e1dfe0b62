"""Tests of the command line as processes: output, error messages and exit codes."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import pytest
from sqlalchemy import insert, update

from ticketing.app.cli import ENTRIES
from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.events import events
from ticketing.platform.db.tables.orders import orders

Run = Callable[..., subprocess.CompletedProcess[str]]
Ticketing = Callable[..., subprocess.CompletedProcess[str]]

ROSTER = """\
NIM;Nama Lengkap;Email;No HP;Jenis Tiket
001;Ayu Lestari;ayu@example.com;81234567890;VIP
002;Budi Santoso;budi@example.com;081234567891;Regular
003;;tanpa-nama@example.com;;Regular
"""


@pytest.fixture
def ticketing(run_ticketing: Run, database_url: str, tmp_path: Path) -> Ticketing:
    """Return a function that runs `ticketing …` with a fresh database and an empty folder."""
    environment = {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": database_url,
        "TICKETING_DATA": str(tmp_path / "data"),
        "COLUMNS": "200",
        "TZ": "Asia/Jakarta",
    }

    def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return run_ticketing(*arguments, environment=environment | more)

    return run


@pytest.fixture
def graduation(ticketing: Ticketing, tmp_path: Path) -> Path:
    """Create an event with two guests and one rejected row; return the roster's path."""
    path = tmp_path / "roster.csv"
    path.write_text(ROSTER, encoding="utf-8")
    added = ticketing(
        "events", "create", "wisuda-2026", "--name", "Wisuda 2026", "--starts", "2030-12-12T08:00",
        "--venue", "Grha Sabha Pramana",
    )  # fmt: skip
    assert added.returncode == 0, added.stderr
    imported = ticketing("import", str(path), "--event", "wisuda-2026")
    assert imported.returncode == 1, imported.stderr  # a row was rejected
    return path


@pytest.mark.usefixtures("graduation")
@pytest.mark.slow
def test_a_roster_becomes_tickets_that_pass_verification(ticketing: Ticketing) -> None:
    before = json.loads(ticketing("missing", "--event", "wisuda-2026", "--json").stdout)
    made = ticketing("generate-tickets", "--event", "wisuda-2026", "--json")
    after = ticketing("missing", "--event", "wisuda-2026", "--count")
    history = ticketing("tickets", "explain", "001", "--event", "wisuda-2026")

    assert (before["missing"], before["entitled"], before["quarantined"]) == (2, 2, 1)
    assert made.returncode == 0, made.stderr
    done = json.loads(made.stdout)
    assert (done["created"], done["skipped"], done["failed"]) == (2, 0, 0)
    assert after.stdout.strip() == "0"
    code = next(word for word in history.stdout.split() if word.startswith("TC-2030-"))
    passed = ticketing("verify", code)
    assert (passed.returncode, passed.stdout.split()[0]) == (0, "valid")


@pytest.mark.usefixtures("graduation")
def test_a_second_run_counts_all_guests_as_skipped(ticketing: Ticketing) -> None:
    ticketing("generate-tickets", "--event", "wisuda-2026")

    again = ticketing("generate-tickets", "--event", "wisuda-2026")

    assert again.returncode == 0
    assert re.search(r"created +0\n", again.stdout)
    assert re.search(r"skipped +2\n", again.stdout)


def test_a_rejected_row_is_shown_and_can_be_corrected_and_imported(
    ticketing: Ticketing, graduation: Path, tmp_path: Path
) -> None:
    aside = tmp_path / "data" / "rejected" / "wisuda-2026" / "roster.rejected.csv"
    mended = aside.read_text(encoding="utf-8-sig").replace("003;;", "003;Citra;")
    aside.write_text(mended, encoding="utf-8")

    again = ticketing("import", str(aside), "--event", "wisuda-2026", "--json")
    allowed = ticketing(
        "import", str(graduation), "--event", "wisuda-2026", "--dry-run", "--allow-rejected"
    )

    assert (allowed.returncode, again.returncode) == (0, 0), again.stderr
    assert sorted(path.name for path in graduation.parent.glob("*.csv")) == ["roster.csv"]
    assert json.loads(again.stdout)["inserted"] == 1


@pytest.mark.usefixtures("graduation")
def test_one_failure_is_exit_code_1_and_is_named(ticketing: Ticketing, tmp_path: Path) -> None:
    roster = tmp_path / "odd.csv"
    roster.write_text("nim,nama\n9,Nobody \U000e0fff\U0001fbff\n", encoding="utf-8")
    ticketing("import", str(roster), "--event", "wisuda-2026")

    looked = ticketing("tickets", "preflight", "--event", "wisuda-2026")
    made = ticketing("generate-tickets", "--event", "wisuda-2026")

    assert (looked.returncode, made.returncode) == (1, 1)
    assert "failed: guest" in made.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["generate-tickets", "--event", "nothing"], "no event 'nothing'"),
        (["generate-tickets", "--event", "wisuda-2026", "--limit", "0"], "--limit"),
        (["generate-tickets", "--event", "wisuda-2026", "--ids", "1,x"], "'1,x'"),
        (["generate-tickets"], "--event"),
        (["import", "no-such-file.csv", "--event", "wisuda-2026"], "no-such-file.csv"),
        (["import", "--event", "wisuda-2026"], "either a file or a query"),
        (["import", "x.csv", "--event", "wisuda-2026", "--map", "Nama"], "column=field"),
        (["keys", "list", "--event", "wisuda-2026", "--format", "xml"], "pem, jwk or hex"),
        (["events", "create", "Wisuda 2026", "--name", "x", "--starts", "2030-01-01T08:00",
          "--venue", "y"], "slug 'Wisuda 2026'"),
        (["no-such-command"], "no-such-command"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("event")
def test_bad_usage_is_exit_code_2_and_names_the_error(
    ticketing: Ticketing, arguments: list[str], message: str
) -> None:
    refused = ticketing(*arguments)

    assert refused.returncode == 2
    assert message in refused.stderr
    assert "Traceback" not in refused.stderr


def test_an_unreachable_database_is_exit_code_1_and_one_line_of_error(ticketing: Ticketing) -> None:
    away = "postgresql://nobody:hunter2@127.0.0.1:1/none"

    failed = ticketing("events", "list", DATABASE_URL=away)

    assert failed.returncode == 1
    assert failed.stderr.startswith("ticketing: PostgreSQL cannot be reached")
    assert "hunter2" not in failed.stderr


def test_a_wrong_variable_is_named(ticketing: Ticketing) -> None:
    refused = ticketing("events", "list", MAX_FILE_SIZE="ten")

    assert refused.returncode == 2
    assert "MAX_FILE_SIZE" in refused.stderr


@pytest.mark.usefixtures("graduation")
def test_a_reissue_shows_which_tickets_it_revokes_and_requires_the_plan(
    ticketing: Ticketing,
) -> None:
    ticketing("generate-tickets", "--event", "wisuda-2026")

    said = ticketing("generate-tickets", "--event", "wisuda-2026", "--reissue", "--json")
    plan = json.loads(said.stdout)
    done = ticketing(
        "generate-tickets", "--event", "wisuda-2026", "--reissue", "--plan", plan["planHash"],
        "--json",
    )  # fmt: skip

    assert (plan["tickets"], plan["delivered"]) == (2, 0)
    assert json.loads(done.stdout)["created"] == 2


@pytest.mark.usefixtures("graduation")
def test_no_token_or_link_is_ever_printed_or_logged(ticketing: Ticketing, tmp_path: Path) -> None:
    made = ticketing("generate-tickets", "--event", "wisuda-2026", LOG_LEVEL="DEBUG")
    history = ticketing("tickets", "explain", "ayu", "--event", "wisuda-2026", "--json")
    logs = [path.read_text() for path in (tmp_path / "data" / "logs").glob("*")]

    assert "TC1" not in "".join([made.stdout, made.stderr, history.stdout, *logs])


def test_the_doctor_finds_no_problem_on_this_machine(ticketing: Ticketing) -> None:
    ticketing("migrate")

    visit = ticketing("doctor")

    assert visit.returncode == 0, visit.stdout
    assert {line.split()[0] for line in visit.stdout.splitlines()} == {"ok"}, visit.stdout


def test_without_a_database_the_doctor_says_so_and_looks_at_the_rest(ticketing: Ticketing) -> None:
    away = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
    nowhere = {"TICKETING_DATA": "/proc/nothing", "DATABASE_URL": ""}

    visits = [ticketing("doctor", **one) for one in (away, nowhere)]

    for visit in visits:
        said = " ".join(visit.stdout.split())
        assert (visit.returncode, "Traceback" in visit.stderr) == (1, False)
        assert said.startswith("bad database")
        assert "ok fonts" in said
    assert "-> start PostgreSQL, or correct DATABASE_URL" in visits[0].stdout


def test_the_doctor_names_the_remedy(ticketing: Ticketing) -> None:
    ticketing("migrate")

    visit = ticketing("doctor", MIN_FREE_DISK=str(10**15))

    assert visit.returncode == 1
    assert "make room" in visit.stdout


@pytest.mark.process
def test_help_loads_nothing_heavy() -> None:
    heavy = "{'sqlalchemy', 'pydantic', 'rich', 'weasyprint', 'dagster', 'nacl', 'phonenumbers'}"
    code = f"import sys, ticketing.__main__; print(sorted({heavy} & set(sys.modules)))"

    loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )

    assert loaded.stdout.strip() == "[]"


def test_the_postgresql_tools_can_be_run_on_the_database(
    ticketing: Ticketing, tmp_path: Path
) -> None:
    commands = (
        f'psql "$DATABASE_URL" -Atc "SELECT 41 + 1"; pg_dump "$DATABASE_URL" -Fc -f "{tmp_path}/d"'
    )

    done = ticketing("run", "--", "sh", "-c", commands, DATABASE_URL="")

    assert (done.returncode, done.stdout.strip()) == (0, "42")
    assert (tmp_path / "d").read_bytes().startswith(b"PGDMP")


def test_help_imports_no_command() -> None:
    code = (
        "import sys; sys.argv = ['ticketing', '--help']\n"
        "from ticketing.__main__ import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'sqlalchemy', 'pydantic', 'ticketing.events.cli', 'ticketing.vouchers.cli'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )

    loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )

    assert loaded.stderr.strip() == "[]"


def test_the_version_is_that_of_the_distribution(ticketing: Ticketing) -> None:
    assert ticketing("--version").stdout == f"ticketing {version('ticket-assets')}\n"


def test_the_help_groups_all_commands_in_panels_that_fit_80_columns(ticketing: Ticketing) -> None:
    listed = ticketing("--help", COLUMNS="80").stdout

    assert all(f"─ {panel} ─" in listed for panel in {entry.panel for entry in ENTRIES})
    assert [name for name, *_ in ENTRIES if f"│ {name} " not in listed] == []
    assert max(map(len, listed.splitlines())) <= 80


def test_production_is_not_ready_while_a_rehearsal_is_left(
    ticketing: Ticketing, database: Database, event: Event, now: datetime
) -> None:
    real = {"MIDTRANS_ENVIRONMENT": "production", "MIDTRANS_SERVER_KEY": "Mid-server-x"}
    with database.transaction() as connection:
        connection.execute(update(events).values(ends_at=datetime(2099, 12, 31, tzinfo=UTC)))
        connection.execute(
            insert(orders).values(
                event_id=event.id, code="ORD-1", token_hash=bytes(32), created_at=now,
                expires_at=now,
            )
        )  # fmt: skip

    visit = ticketing("doctor", **real)
    shown = ticketing("go-live", "--event", event.slug, **real)
    command = re.search(r"ticketing (go-live apply .*)", shown.stdout)
    assert command, shown.stdout
    applied = ticketing(*command[1].split(), **real)

    assert visit.returncode == shown.returncode == 1
    assert f"ticketing go-live --event {event.slug}" in visit.stdout
    assert applied.stdout == "Cleared now: 0 waiting entries, 1 orders, 0 PDFs.\n"
    assert "rehearsals     nothing is left of them" in ticketing("doctor", **real).stdout
