"""Tests of the settings in a backup: read back unchanged, without what belongs to the host."""

from pathlib import Path

from pydantic import SecretStr

from ticketing.backup.source import settings_text
from ticketing.platform.settings import Settings

SECRET = 'it\'s a \\ "key" # $HOME'  # noqa: S105 - of a test


def test_settings_are_read_back_from_the_file(tmp_path: Path) -> None:
    given = Settings(
        _env_file=None, midtrans_server_key=SecretStr(SECRET), mail_from="a@example.org",
        documents_path=tmp_path, backup_passphrase=SecretStr("six random words"),
        master_secret=SecretStr("5e" * 32), database_url=SecretStr("postgresql://a:b@c/d"),
    )  # fmt: skip
    path = tmp_path / "restored.env"
    path.write_text(settings_text(given), encoding="utf-8")

    read = Settings(_env_file=path)

    assert read.midtrans_server_key == SecretStr(SECRET)
    assert read.mail_from == "a@example.org"
    assert (read.backup_passphrase, read.master_secret, read.database_url) == (None, None, None)
    assert read.documents_path is None
