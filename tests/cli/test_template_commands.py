"""Tests of ticket templates on the command line: what cannot be scanned is refused in time."""

import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from subprocess import CompletedProcess

import pytest

Ticketing = Callable[..., CompletedProcess[str]]
PAGE = "<p>{{ fullName }}\n<p>{{ ticketCode }}\n<div style='display: none'>{{ qr }}</div>"
CREATE = ("events", "create", "reuni-2026", "--name", "Reuni", "--starts", "2030-12-12T08:00",
          "--venue", "Aula", "--template")  # fmt: skip


@pytest.fixture
def ticketing(run_ticketing: Ticketing, database_url: str, tmp_path: Path) -> Ticketing:
    """Return a function that runs `ticketing …` with a template whose code is hidden."""
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "ticket.html.j2").write_text(PAGE)
    environment = {
        "PATH": os.environ["PATH"], "COLUMNS": "200", "DATABASE_URL": database_url,
        "TICKETING_DATA": str(tmp_path / "data"), "TEMPLATES_PATH": str(tmp_path),
    }  # fmt: skip
    return partial(run_ticketing, environment=environment)


@pytest.mark.parametrize(
    ("template", "reason"),
    [("hidden", "ticket.html.j2:3: no scanner reads the QR code"), ("gold", "no template 'gold'")],
)
@pytest.mark.usefixtures("event")
def test_no_event_gets_a_template_whose_tickets_nobody_could_use(
    ticketing: Ticketing, template: str, reason: str
) -> None:
    created = ticketing(*CREATE, template)
    updated = ticketing("events", "update", "wisuda-2026", "--template", template)

    assert (created.returncode, updated.returncode) == (2, 2)
    assert reason in created.stderr
    assert reason in updated.stderr
    assert "reuni" not in ticketing("events", "list").stdout


def test_all_templates_are_checked_before_they_are_chosen(ticketing: Ticketing) -> None:
    checked = ticketing("templates", "check", "--json")

    problems = {each["template"]: each["problem"] for each in json.loads(checked.stdout)}
    assert checked.returncode == 1
    assert (problems["classic"], problems["plain"]) == (None, None)
    assert "no scanner" in problems["hidden"]
