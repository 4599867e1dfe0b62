"""The master secret: from the settings, or a file of the data folder, and whose database it is.

The database records the fingerprint of the first secret. A program with another one would sign
tickets that no scanner accepts and could not read the stored passwords, so it is refused.
"""

import os
import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from tempfile import NamedTemporaryFile

from ticketing.crypto import fingerprint_queries
from ticketing.crypto.keyring import KeyRing
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import Misconfigured
from ticketing.platform.settings import Settings

SECRET_FILE = "master.secret"  # noqa: S105 - the name of a file
HEX_SECRET_PATTERN = re.compile(r"[0-9a-fA-F]{64}")


def load_master_secret(settings: Settings) -> bytes:
    """Return the 32 bytes of the master secret; created once for an embedded database.

    Raises Misconfigured when DATABASE_URL is set and there is none: another host may have it.
    """
    given = settings.master_secret.get_secret_value() if settings.master_secret else ""
    path = settings.data_path / SECRET_FILE
    if not given and settings.database_url and not path.exists():
        raise Misconfigured(
            f"this host has no master secret, and none is made up while DATABASE_URL is set: copy"
            f" {SECRET_FILE} or TICKETING_MASTER_SECRET from the host that has it. For a new"
            " installation set TICKETING_MASTER_SECRET on every host to one value, made by"
            " `openssl rand -hex 32`"
        )
    return _parse(given or _load_or_create_secret(path))


def find_master_secret(settings: Settings) -> bytes | None:
    """Return the master secret, or None if there is none yet; nothing is created."""
    given = settings.master_secret.get_secret_value() if settings.master_secret else ""
    path = settings.data_path / SECRET_FILE
    if not given and not path.exists():
        return None
    return _parse(given or path.read_text(encoding="ascii").strip())


def write_master_secret(path: Path, secret: bytes) -> None:
    """Write the secret file, mode 0600; one that exists is kept."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile("w", dir=path.parent, encoding="ascii") as draft:  # mode 0600
        draft.write(secret.hex() + "\n")
        draft.flush()
        os.fsync(draft.fileno())
        with suppress(FileExistsError):  # another process created it first; use that one
            path.hardlink_to(draft.name)


def open_key_ring(
    settings: Settings, database: Database, *, clock: Callable[[], datetime]
) -> KeyRing:
    """Return the key ring. Raises Misconfigured when the database belongs to another secret."""
    keys = KeyRing(load_master_secret(settings))
    recorded = database.run(
        fingerprint_queries.get_or_record, keys.fingerprint, at_first_use=clock()
    )
    if recorded is not None and recorded != keys.fingerprint:
        raise Misconfigured(
            f"the master secret of this host has the fingerprint {keys.fingerprint}, and the"
            f" database belongs to the one with {recorded}: copy {SECRET_FILE} or"
            " TICKETING_MASTER_SECRET from a host where `ticketing doctor` shows that one, or"
            " restore it from a backup"
        )
    return keys


def _parse(text: str) -> bytes:
    if not HEX_SECRET_PATTERN.fullmatch(text):
        raise Misconfigured(
            "TICKETING_MASTER_SECRET must be 64 hexadecimal digits;"
            " create them with `openssl rand -hex 32`"
        )
    return bytes.fromhex(text)


def _load_or_create_secret(path: Path) -> str:
    """Read the secret file, or create it atomically, so that no reader sees a partial one."""
    if not path.exists():
        write_master_secret(path, secrets.token_bytes(32))
    return path.read_text(encoding="ascii").strip()
