"""Tests of `ticketing sync-payments` with a source in memory."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.plugins.billing_source import FAST, School, spp
from tests.plugins.workbooks import xlsx
from ticketing.app.cli import app
from ticketing.billing.sources.contract import FailureClass
from ticketing.billing.sync.drive import BillingConnector


@pytest.fixture
def command(
    database_url: str,
    school: School,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[..., tuple[int, str]]:
    """Return a function that runs the command and returns its exit code and output."""
    connector = BillingConnector("school", lambda _gate: school, limit=FAST, concurrency=4)
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("TICKETING_DATA", str(tmp_path_factory.mktemp("data")))
    # the settings cannot name a source in memory
    monkeypatch.setattr("ticketing.app.billing_source.billing_connector", lambda _: connector)

    def run(*options: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, ["sync-payments", *options])
        return result.exit_code, result.stdout

    return run


def test_the_command_drives_a_sync_and_lists_what_failed(
    command: Callable[..., tuple[int, str]], school: School
) -> None:
    school.enrol(30)
    school.failures["0000004"].append(FailureClass.NOT_FOUND)
    school.failures["0000004"].append(FailureClass.NOT_FOUND)

    code, output = command("--json")
    failed = json.loads(command("--failed", "--json")[1])
    retried = command("--retry-failed")
    nothing = command("--status", "--json")

    shown = json.loads(output)
    assert (code, shown["status"], shown["succeeded"], shown["failed"]) == (1, "completed", 29, 1)
    assert [one["external_id"] for one in failed] == ["0000004"]
    assert retried[0] == 0
    assert "1 succeeded" in retried[1]
    assert json.loads(nothing[1])["percent"] == 100


def test_check_shows_one_record_and_stores_nothing(
    command: Callable[..., tuple[int, str]], school: School
) -> None:
    school.enrol(2)

    code, text = command("--check", "0000001", "--json")
    table = command("--check", "0000001")
    unknown = command("--check", "77", "--json")
    status = command("--status", "--json")

    found = json.loads(text)
    assert (code, found["problem"], found["due"], found["paid"]) == (0, "", "350000", "350000")
    assert "SPP:2026-07" in table[1]
    assert "Accepted." in table[1]
    assert (unknown[0], json.loads(unknown[1])["problem"]) == (1, "not_found: unknown")
    assert json.loads(status[1])["status"] == "idle"


def test_cancel_without_a_sync_fails_and_reset_returns_to_idle(
    command: Callable[..., tuple[int, str]], school: School
) -> None:
    school.enrol(3)

    assert command("--cancel")[0] != 0
    assert command()[0] == 0
    assert "reset" in command("--reset")[1]
    assert command("--cancel", "--reset")[0] == 2


def test_differences_are_written_to_a_file_and_summed_up(
    command: Callable[..., tuple[int, str]], school: School, tmp_path: Path
) -> None:
    school.enrol(2)
    command()
    school.bills["0000000"] += [spp(month="2026-08")]
    command()
    code, output = command("--differences", str(tmp_path / "changed.csv"))

    assert code == 0
    assert "bills: 1 appeared, 0 changed, 0 vanished" in output
    assert "0000000;" in (tmp_path / "changed.csv").read_text(encoding="utf-8-sig")


def test_demo_students_are_guests_who_are_held_until_a_sync_settles_them(
    command: Callable[..., tuple[int, str]], school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIDTRANS_ENVIRONMENT", "simulator")
    monkeypatch.setenv("TICKETING_MASTER_SECRET", "5e" * 32)
    school.enrol(4)
    made = CliRunner().invoke(app, ["demo", "students", "--count", "3"])
    command()
    event = ["--event", "demo-wisuda-siswa", "--json"]
    matched = json.loads(CliRunner().invoke(app, ["match-payments", *event]).stdout)

    assert "3 students are guests" in made.stdout
    assert (matched["rule"], matched["reasons"]) == ("no-arrears", {"": 1, "unpaid": 2})


BANK = """
bank = "bri"
account = "1"
columns = { date = "Tanggal", description = "Uraian", credit = "Kredit" }
formats = { date = "iso", money = "plain" }
match.references = ['(?P<student>[0-9]{7})']
"""


def test_a_statement_in_a_workbook_is_imported_matched_and_reported(
    command: Callable[..., tuple[int, str]], school: School, tmp_path: Path
) -> None:
    school.enrol(3)
    command()
    (tmp_path / "bank.toml").write_text(BANK, encoding="utf-8")
    sheet = [("Mutasi",), ("Tanggal", "Uraian", "Kredit"),
             ("2026-07-03", "0000002", 350000), ("2026-07-04", "Siswa", 5)]  # fmt: skip
    (tmp_path / "mutasi.xlsx").write_bytes(xlsx({"Sheet1": sheet}))

    def bank(*options: str) -> str:
        return CliRunner().invoke(app, ["bank-statements", *options]).stdout

    imported = bank("import", str(tmp_path / "mutasi.xlsx"), "--mapping",
                    str(tmp_path / "bank.toml"), "--json")  # fmt: skip
    listed = json.loads(bank("list", "--state", "matched", "--json"))
    undone = bank("unmatch", "1", "--reason", "wrong")
    matched = bank("match", "1", "--student", "0000002", "--bill", "SPP:2026-07")
    report = bank("report")

    done = json.loads(imported)
    assert (done["rows"], done["new"], done["matched"]) == (2, 2, 1)
    assert [(one["student"], one["bill"]) for one in listed] == [("0000002", "SPP:2026-07")]
    assert "Credit 1 has no match now." in undone
    assert "1 credits got a match." in matched
    assert "350,000" in report
