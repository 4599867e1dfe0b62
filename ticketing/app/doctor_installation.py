"""Doctor's checks of what outlives a machine: secret, hosts, backups, restores, poolers."""

import os
import secrets
import socket
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ticketing.app.findings import DoctorFinding, failed, ok, warning
from ticketing.backup.status import get_backup_age, get_restore_status
from ticketing.crypto import fingerprint_queries, key_queries
from ticketing.crypto.keyring import KeyRing
from ticketing.crypto.master_secret import SECRET_FILE, find_master_secret
from ticketing.events import queries as event_queries
from ticketing.monitoring import host_queries
from ticketing.monitoring.host_queries import Host
from ticketing.platform.application import Application
from ticketing.platform.db.migrate import newest_revision
from ticketing.platform.db.pooler import require_sessions
from ticketing.platform.kernel.wall_clock import format_clock
from ticketing.platform.restore_journal import require_no_open_restore
from ticketing.platform.settings import Settings

DOCUMENTS_ID_FILE = ".documents-id"
_SEEN_WITHIN = timedelta(days=7)  # a host that was taken away is not compared for ever
_SHARED = {
    "secret_fingerprint": ("master secret", f"copy {SECRET_FILE} or TICKETING_MASTER_SECRET"),
    "documents_id": ("documents folder", "mount one folder on both and set UPLOAD_PATH to it"),
    "schema_revision": ("program version", "install the same version on both"),
}


def check_secret(settings: Settings) -> Iterator[DoctorFinding]:
    """Check where the master secret is and who can read it."""
    path = settings.data_path / SECRET_FILE
    secret = find_master_secret(settings)
    if secret is None and settings.database_url:
        yield failed(
            "master secret", "this host has none, and DATABASE_URL is set",
            f"copy {SECRET_FILE} or TICKETING_MASTER_SECRET from the host that has it; for a new"
            " installation `openssl rand -hex 32`, the same on every host",
        )  # fmt: skip
    elif secret is None:
        yield ok("master secret", f"will be created in {path} with the first ticket")
    elif not settings.master_secret and stat.S_IMODE(path.stat().st_mode) & 0o077:
        yield failed("master secret", f"{path} is readable by others", f"chmod 600 {path}")
    else:
        place = "set by TICKETING_MASTER_SECRET" if settings.master_secret else f"stored in {path}"
        yield ok("master secret", f"{place}, fingerprint {KeyRing(secret).fingerprint}")


def check_keys(application: Application) -> Iterator[DoctorFinding]:
    """Compare the recorded keys with the master secret; nothing is changed."""
    if find_master_secret(application.settings) is None and application.settings.database_url:
        return  # said by another check
    with application.database.transaction() as connection:
        recorded = [
            (event, key) for event in event_queries.list_events(connection)
            for key in key_queries.list_for_event(connection, event.id)
        ]  # fmt: skip
    foreign = [
        f"{event.slug} generation {key.generation}" for event, key in recorded
        if application.get(KeyRing).public_key(event.uid, key.generation) != key.key
    ]  # fmt: skip
    if foreign:
        yield failed(
            "signing keys",
            f"not of this master secret: {', '.join(foreign)}",
            "set TICKETING_MASTER_SECRET to its previous value",
        )
    else:
        yield ok("signing keys", f"{len(recorded)} recorded, all of this secret")


def check_sessions(application: Application) -> Iterator[DoctorFinding]:
    """Fail behind a pooler in transaction mode."""
    if application.settings.database_url:
        require_sessions(
            application.database, environment=application.settings.midtrans_environment
        )
        yield ok("sessions", "each connection has a session of its own")


def check_interrupted_restore(settings: Settings) -> Iterator[DoctorFinding]:
    """Fail in a place whose restore was interrupted."""
    require_no_open_restore(settings.data_path)
    yield from ()


def check_hosts(application: Application) -> Iterator[DoctorFinding]:
    """Compare this host's secret with the database's, and all shared things with other hosts."""
    ours = register_host(application, at=datetime.now(UTC))
    recorded = application.database.run(fingerprint_queries.find_fingerprint)
    if ours.secret_fingerprint and recorded not in {None, ours.secret_fingerprint}:
        yield failed(
            "database", f"belongs to the master secret with the fingerprint {recorded}",
            f"copy {SECRET_FILE} or TICKETING_MASTER_SECRET from the host that has it",
        )  # fmt: skip
    known = application.database.run(
        host_queries.list_hosts, seen_after=ours.seen_at - _SEEN_WITHIN
    )
    others = [one for one in known if one.name != ours.name]
    problems = [problem for one in others for problem in _compare(ours, one)]
    yield from problems
    if others and not problems:
        names = ", ".join(one.name for one in others)
        yield ok("hosts", f"{ours.name} shares secret, documents and version with {names}")


def _compare(ours: Host, other: Host) -> Iterator[DoctorFinding]:
    for field, (what, hint) in _SHARED.items():
        own, others = getattr(ours, field), getattr(other, field)
        if own and others and own != others:
            seen = format_clock(other.seen_at)
            detail = f"{other.name} has another {what} ({others}, here {own}), seen {seen}"
            # a host is seen when a program starts there; after an update the others follow
            report = warning if field == "schema_revision" else failed
            forgotten = f"{hint}, and restart there; a host that is gone is forgotten after a week"
            yield report("hosts", detail, forgotten)


def register_host(application: Application, *, at: datetime) -> Host:
    """Store what this host has, for the doctor of other hosts, and return it."""
    secret = find_master_secret(application.settings)
    host = Host(
        name=socket.gethostname(),
        secret_fingerprint=KeyRing(secret).fingerprint if secret else "",
        documents_id=_read_documents_id(application.settings.documents),
        schema_revision=newest_revision(),
        seen_at=at,
    )
    application.database.run(host_queries.record_host, host)
    return host


def _read_documents_id(folder: Path) -> str:
    """Return the id of the documents folder, created once; every host sees the same file."""
    path = folder / DOCUMENTS_ID_FILE
    folder.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii").strip()
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(made := secrets.token_hex(8))
    return made


def check_backups(application: Application) -> Iterator[DoctorFinding]:
    """Warn when the newest backup is too old; say what a restore still holds back."""
    settings, at = application.settings, datetime.now(UTC)
    age = application.database.run(
        get_backup_age, max_age_hours=settings.backup_max_age_hours, at=at
    )
    if age.taken_at is None and settings.midtrans_environment == "simulator":
        yield ok("backup", "none yet; only rehearsals would be lost")
    elif age.taken_at is None:
        hint = "set BACKUP_PASSPHRASE for a nightly backup, or `ticketing backup create`"
        yield warning("backup", "none was ever made", hint)
    elif age.is_late:
        detail = f"the newest is of {format_clock(age.taken_at)}"
        yield warning("backup", detail, "look at the job `backup` in Dagster")
    else:
        yield ok("backup", f"the newest is of {format_clock(age.taken_at)}")
    status = application.database.run(get_restore_status)
    if status is not None and status.restore.finished_at is None:
        taken = format_clock(status.restore.backup_taken_at)
        yield warning(
            "restore", f"from a backup of {taken}; refunds and removals are held back",
            "`ticketing restore --status`",
        )  # fmt: skip
