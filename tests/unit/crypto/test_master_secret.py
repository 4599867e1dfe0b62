"""Tests of the master secret: created once, readable by its owner only, never written in part."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import SecretStr

from ticketing.crypto.master_secret import load_master_secret
from ticketing.platform.kernel.errors import Misconfigured
from ticketing.platform.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return settings with an empty data folder, independent of the environment."""
    return Settings(data_path=tmp_path / "data", master_secret=None)


def test_it_is_made_once_and_then_stays(settings: Settings) -> None:
    first = load_master_secret(settings)

    assert len(first) == 32
    assert load_master_secret(settings) == first


def test_only_its_owner_can_read_it(settings: Settings) -> None:
    load_master_secret(settings)

    kept = settings.data_path / "master.secret"

    assert kept.stat().st_mode & 0o777 == 0o600
    assert list(settings.data_path.iterdir()) == [kept]


def test_concurrent_processes_get_the_same_secret(settings: Settings) -> None:
    settings.data_path.mkdir()

    with ThreadPoolExecutor(8) as pool:
        secrets = set(pool.map(lambda _: load_master_secret(settings), range(32)))

    assert len(secrets) == 1


def test_a_configured_secret_takes_precedence_over_the_stored_one(settings: Settings) -> None:
    load_master_secret(settings)
    given = settings.model_copy(update={"master_secret": SecretStr("ab" * 32)})

    assert load_master_secret(given) == bytes.fromhex("ab" * 32)


@pytest.mark.parametrize("wrong", ["short", "g" * 64, "a" * 63, "a" * 66])
def test_anything_but_64_hexadecimal_digits_is_refused_unseen(
    settings: Settings, wrong: str
) -> None:
    given = settings.model_copy(update={"master_secret": SecretStr(wrong)})

    with pytest.raises(Misconfigured, match="64 hexadecimal digits") as refusal:
        load_master_secret(given)

    assert wrong not in str(refusal.value)
