"""Tests of `ticketing users`: what is printed, and that no password is an argument."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ticketing.access.users.passwords import is_password
from ticketing.access.users.user_queries import get_user
from ticketing.events.model import Event
from ticketing.platform.db.database import Database

Ticketing = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def ticketing(
    run_ticketing: Callable[..., subprocess.CompletedProcess[str]],
    database_url: str,
    tmp_path: Path,
) -> Ticketing:
    """Return a function that runs `ticketing users …` with a fresh database."""
    environment = {
        "PATH": os.environ["PATH"], "DATABASE_URL": database_url, "COLUMNS": "200",
        "TICKETING_DATA": str(tmp_path / "data"),
    }  # fmt: skip

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return run_ticketing("users", *arguments, environment=environment)

    return run


def test_a_user_is_created_changed_and_disabled(
    ticketing: Ticketing, database: Database, event: Event
) -> None:
    created = ticketing("create", "Ayu", "--generate", "--event", event.slug, "--json")
    again = ticketing("create", "ayu", "--generate")
    contradiction = ticketing("create", "budi", "--admin", "--role", "viewer", "--generate")
    changed = ticketing("update", "ayu", "--role", "operator", "--all-events", "--json")
    listed = ticketing("list", "--json")
    disabled, unknown = ticketing("disable", "ayu"), ticketing("show", "budi")

    made, [user] = json.loads(created.stdout), json.loads(listed.stdout)
    assert (made["name"], made["role"]) == ("ayu", "viewer")
    stored = database.run(get_user, "ayu")
    assert is_password(made["password"], stored.password_hash)
    assert "hash" not in listed.stdout
    assert (again.returncode, contradiction.returncode, unknown.returncode) == (2, 2, 2)
    assert "no user 'budi'; see `ticketing users list`" in unknown.stderr
    assert json.loads(changed.stdout)["event_ids"] is None
    assert (user["role"], disabled.stdout) == ("operator", "User ayu is disabled.\n")
    assert stored.disabled_at is not None
