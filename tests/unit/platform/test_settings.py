"""Tests of the settings and of .env.example, which lists each of them."""

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from ticketing.platform.paths import PROJECT_ROOT
from ticketing.platform.settings import Settings


def test_the_example_environment_lists_every_variable_and_no_other() -> None:
    example = (PROJECT_ROOT / ".env.example").read_text(encoding="utf-8")

    listed = set(re.findall(r"^#? ?([A-Z_]+)=", example, flags=re.MULTILINE))

    assert listed == {str(field.validation_alias) for field in Settings.model_fields.values()}


def test_all_data_are_in_one_folder_by_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TICKETING_DATA", str(tmp_path))
    monkeypatch.setenv("INBOX_PATH", "/srv/inbox")

    settings = Settings()

    assert settings.documents == tmp_path / "documents"
    assert settings.inbox == Path("/srv/inbox")
    assert settings.log_file == tmp_path / "logs" / "ticketing.jsonl"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("MAX_FILE_SIZE", "10 MB"),
        ("LOG_LEVEL", "chatty"),
        ("DOCUMENT_RETENTION_DAYS", "0"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
        ("TRUSTED_PROXIES", "*"),
    ],
)
def test_a_wrong_value_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)

    with pytest.raises(ValidationError, match=variable):
        Settings()


def test_secrets_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TICKETING_MASTER_SECRET", "5ec2e7" * 10)
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:hunter2@localhost/x")

    shown = repr(Settings()) + str(Settings())

    assert "5ec2e7" not in shown
    assert "hunter2" not in shown


@pytest.mark.parametrize(
    ("variable", "value", "successor"),
    [
        ("MIDTRANS_ENVIRONMENT", "rehearsal", "use simulator"),
        ("WHATSAPP_PROVIDER", "rehearsal", "use simulator"),
        ("ORGANISER_MAIL", "panitia@example.org", "set ORGANISER_EMAIL"),
        ("WHATSAPP_SECONDS_APART", "3", "set WHATSAPP_MIN_INTERVAL_SECONDS"),
    ],
)
def test_a_former_name_is_refused_with_the_new_one(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, successor: str
) -> None:
    monkeypatch.setenv(variable, value)

    with pytest.raises(ValidationError, match=f"{variable}.* was renamed: {successor}"):
        Settings()
