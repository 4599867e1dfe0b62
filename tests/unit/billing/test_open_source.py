from pathlib import Path
from typing import Any

import pytest

from ticketing.billing.sources.open_source import SIMULATOR_MAPPING, open_source
from ticketing.platform.kernel.errors import Misconfigured
from ticketing.platform.settings import Settings


def settings(**given: Any) -> Settings:  # noqa: ANN401 - values of any setting
    return Settings(_env_file=None, **given)


def test_a_rehearsal_without_an_address_reads_the_simulated_api() -> None:
    source = open_source(settings(midtrans_environment="simulator"), connections=20)

    assert (source.name, source.limits.connections) == ("pesantren", 20)


def test_another_address_is_another_version_of_the_mapping() -> None:
    versions = {
        open_source(settings(billing_url=url, billing_mapping=SIMULATOR_MAPPING)).mapping_version
        for url in ("https://a.example", "https://b.example")
    }

    assert len(versions) == 2


@pytest.mark.parametrize(
    ("given", "kind", "message"),
    [
        ({"billing_url": ""}, "none", "BILLING_URL is not set"),
        ({"billing_url": "https://a.example"}, "", "BILLING_MAPPING is not set"),
        ({"billing_url": "https://a.example"}, "bearer", "BILLING_TOKEN is not set"),
        ({"billing_url": "https://a.example"}, "basic", "BILLING_USER or BILLING_PASSWORD"),
    ],
)
def test_what_is_missing_is_named(
    given: dict[str, str], kind: str, message: str, tmp_path: Path
) -> None:
    file = tmp_path / "mapping.toml"
    text = SIMULATOR_MAPPING.read_text()
    file.write_text(text.replace("\n[students]", f'\nauthentication.kind = "{kind}"\n[students]'))
    mapping = {"billing_mapping": file} if kind else {}

    with pytest.raises(Misconfigured, match=message):
        open_source(settings(midtrans_environment="production", **given, **mapping))


def test_the_password_of_a_view_is_no_part_of_the_version(tmp_path: Path) -> None:
    file = tmp_path / "mapping.toml"
    queries = '[sql]\nstudents = "SELECT 1"\nrecord = "SELECT :student"\n'
    file.write_text(SIMULATOR_MAPPING.read_text() + queries)
    versions = {
        open_source(
            settings(billing_database_url=f"postgresql://u:{word}@h/d", billing_mapping=file)
        ).mapping_version
        for word in ("one", "two")
    }

    assert len(versions) == 1
