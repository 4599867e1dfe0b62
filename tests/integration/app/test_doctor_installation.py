"""Tests of what hosts have to share: secret, documents and version; and of the age of backups."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from pydantic import SecretStr

from ticketing.app.container import ensure_schema, open_application
from ticketing.app.doctor_installation import (
    check_backups,
    check_hosts,
    check_secret,
    register_host,
)
from ticketing.app.findings import DoctorStatus
from ticketing.backup import queries
from ticketing.backup.model import Backup
from ticketing.crypto.keyring import KeyRing
from ticketing.crypto.master_secret import load_master_secret
from ticketing.monitoring import host_queries
from ticketing.platform.application import Application
from ticketing.platform.kernel.errors import Misconfigured
from ticketing.platform.restore_journal import write_journal
from ticketing.platform.settings import Settings

SECRET = "5e" * 32
Open = Callable[..., Application]


@pytest.fixture
def open_host(database_url: str, tmp_path: Path) -> Iterator[Open]:
    """Return a function that opens the application as a host with a folder of its own does."""
    with ExitStack() as stack:

        def open_one(name: str = "one", *, secret: str | None = SECRET) -> Application:
            settings = Settings(
                _env_file=None,
                data_path=tmp_path / name,
                database_url=SecretStr(database_url),
                master_secret=SecretStr(secret) if secret else None,
            )
            return stack.enter_context(open_application(settings))

        yield open_one


def test_a_host_with_the_secret_of_the_database_works(open_host: Open) -> None:
    first = open_host("one").get(KeyRing).fingerprint

    assert open_host("two").get(KeyRing).fingerprint == first


def test_a_host_with_another_secret_is_refused_and_told_both_fingerprints(open_host: Open) -> None:
    recorded = open_host("one").get(KeyRing).fingerprint

    with pytest.raises(Misconfigured, match=recorded):
        open_host("two", secret="5f" * 32).get(KeyRing)


def test_a_host_without_a_secret_makes_up_none_beside_a_shared_database(open_host: Open) -> None:
    bare = open_host("two", secret=None)

    with pytest.raises(Misconfigured, match="openssl rand -hex 32"):
        bare.get(KeyRing)
    (finding,) = check_secret(bare.settings)

    assert finding.status is DoctorStatus.FAILED
    assert not (bare.settings.data_path / "master.secret").exists()


def test_an_embedded_database_gets_a_secret_of_its_own(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, data_path=tmp_path, master_secret=None)

    assert load_master_secret(settings) == load_master_secret(settings)


@pytest.mark.parametrize(
    ("field", "value", "status", "hint"),
    [
        ("secret_fingerprint", "0123456789abcdef", DoctorStatus.FAILED, "TICKETING_MASTER_SECRET"),
        ("documents_id", "elsewhere", DoctorStatus.FAILED, "UPLOAD_PATH"),
        ("schema_revision", "0001_baseline", DoctorStatus.WARNING, "same version"),
    ],
)
def test_what_another_host_does_not_share_is_named_with_the_host(
    open_host: Open, field: str, value: str, status: DoctorStatus, hint: str
) -> None:
    ours = open_host()
    here = register_host(ours, at=datetime.now(UTC))
    other = replace(here, name="web-2", **{field: value})
    ours.database.run(host_queries.record_host, other)

    (finding,) = check_hosts(ours)

    assert (finding.status, "web-2" in finding.detail) == (status, True)
    assert hint in finding.hint


@pytest.mark.parametrize(("days", "found"), [(1, 1), (8, 0)])
def test_a_host_that_shares_everything_is_named_and_one_long_gone_is_not(
    open_host: Open, days: int, found: int
) -> None:
    ours, at = open_host(), datetime.now(UTC)
    gone = replace(register_host(ours, at=at), name="web-2", seen_at=at - timedelta(days=days))
    ours.database.run(host_queries.record_host, gone)

    findings = list(check_hosts(ours))

    assert [one.status for one in findings] == [DoctorStatus.OK] * found


@pytest.mark.parametrize(
    ("hours", "status"),
    [(None, DoctorStatus.WARNING), (25, DoctorStatus.OK), (27, DoctorStatus.WARNING)],
)
def test_an_old_backup_is_a_warning(
    open_host: Open, hours: int | None, status: DoctorStatus
) -> None:
    ours = open_host()
    ours.settings.midtrans_environment = "sandbox"
    if hours is not None:
        at = datetime.now(UTC) - timedelta(hours=hours)
        ours.database.run(queries.record_backup, Backup(uuid4(), "x", "one", 1, at, at))

    (finding,) = check_backups(ours)

    assert finding.status is status


def test_nothing_starts_in_a_place_whose_restore_was_interrupted(open_host: Open) -> None:
    ours = open_host()
    write_journal(ours.settings.data_path, uuid4())

    with pytest.raises(Misconfigured, match="it continues"):
        ensure_schema(ours)
