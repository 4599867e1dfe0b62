"""What a backup contains besides the database, and the same places when one is restored."""

import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from ticketing.backup.postgresql_programs import PostgresqlPrograms
from ticketing.crypto.keyring import KeyRing
from ticketing.crypto.master_secret import SECRET_FILE, find_master_secret
from ticketing.platform.db.database import Database
from ticketing.platform.db.embedded.paths import wheel_binaries
from ticketing.platform.kernel.errors import Misconfigured

if TYPE_CHECKING:
    from ticketing.platform.application import Application
    from ticketing.platform.settings import Settings

# of this host or machine, or a member of its own, or what opens the backup itself
_LEFT_OUT = {
    "backup_passphrase", "backup_path", "backup_programs", "dagster_database_url", "data_path",
    "database_url", "documents_path", "inbox_path", "log_path", "master_secret", "messages_path",
    "midtrans_simulator_url", "templates_path", "whatsapp_simulator_url",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class BackupSource:
    """The parts of an installation that are backed up, and where a backup is restored to.

    `folders` by the name of their members; PDFs are left out, because they can be rendered again.
    """

    database: Database
    programs: PostgresqlPrograms
    data_path: Path
    folder: Path  # of the backups
    folders: Mapping[str, Path]
    settings_text: str = field(repr=False)
    secret: bytes | None = field(repr=False)
    host: str = field(default_factory=socket.gethostname)
    program_version: str = field(default_factory=lambda: version("ticket-assets"))

    @classmethod
    def of(cls, application: "Application") -> "BackupSource":
        """Return the source of an installation. Raises Misconfigured without pg_dump."""
        settings, server = application.settings, application.server
        programs = settings.backup_programs or (server.binaries if server else wheel_binaries())
        data = settings.data_path
        return cls(
            application.database,
            PostgresqlPrograms(programs, application.url),
            data,
            settings.backups,
            {
                "closing-reports": settings.closing_reports,
                "messages": settings.messages_path or data / "messages",
                "templates": settings.templates_path or data / "templates",
                "uploads": settings.uploads,
            },
            settings_text(settings),
            find_master_secret(settings),
        )

    @property
    def secret_path(self) -> Path:
        """Return the file of the master secret."""
        return self.data_path / SECRET_FILE

    @property
    def fingerprint(self) -> str:
        """Return the fingerprint of this host's master secret, empty without one."""
        return KeyRing(self.secret).fingerprint if self.secret else ""

    def require_secret(self) -> bytes:
        """Return the master secret. Raises Misconfigured: a backup without it restores nothing."""
        if self.secret is None:
            raise Misconfigured(
                f"this host has no master secret, so a backup could not be used: set"
                f" TICKETING_MASTER_SECRET, or copy {SECRET_FILE} from the host that has it"
            )
        return self.secret

    def files(self) -> Iterator[tuple[str, Path]]:
        """Yield the name of a member and the file, for every file of the folders."""
        for name, folder in self.folders.items():
            for path in sorted(folder.rglob("*")):
                if path.is_file() and not path.is_symlink():
                    yield f"{name}/{path.relative_to(folder).as_posix()}", path


def settings_text(settings: "Settings") -> str:
    """Return the settings that differ from their defaults, as lines of an .env file."""
    lines = []
    for name in sorted(settings.model_fields_set - _LEFT_OUT):
        value = getattr(settings, name)
        text = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        alias = type(settings).model_fields[name].validation_alias or name.upper()
        if value is not None and "\n" not in text:
            quoted = text.replace("\\", "\\\\").replace("'", "\\'")
            lines.append(f"{alias}='{quoted}'\n")
    return "".join(lines)
