"""Tests of choosing the WhatsApp provider by settings, with its pace."""

from datetime import timedelta

import pytest
from pydantic import SecretStr

from ticketing.app.transports import whatsapp_provider_config, whatsapp_transport
from ticketing.notifications.rate_limit import RateLimit
from ticketing.notifications.whatsapp.providers import WhatsAppProvider, WhatsAppProviderConfig
from ticketing.platform.kernel.errors import Misconfigured
from ticketing.platform.settings import Settings

PRODUCTION = {"midtrans_environment": "production"}
NOTHING_APART, HALF_A_MINUTE = timedelta(0), timedelta(seconds=30)


def _settings(**given: object) -> Settings:
    return Settings(_env_file=None, **given)


def test_only_the_simulator_environment_has_a_provider_by_default() -> None:
    simulated = whatsapp_provider_config(_settings())

    assert simulated is not None
    assert (simulated.is_simulator, simulated.url) == (True, "http://127.0.0.1:8789")
    assert whatsapp_provider_config(_settings(**PRODUCTION)) is None
    assert whatsapp_provider_config(_settings(whatsapp_provider="none")) is None


def test_real_payments_are_never_combined_with_simulated_messages() -> None:
    with pytest.raises(Misconfigured, match="would receive no messages"):
        whatsapp_provider_config(_settings(whatsapp_provider="simulator", **PRODUCTION))


@pytest.mark.parametrize("vendor", list(WhatsAppProvider))
def test_each_vendor_has_a_client_built_from_the_settings(vendor: WhatsAppProvider) -> None:
    given = {
        "whatsapp_provider": vendor.value, "whatsapp_token": SecretStr("t"),
        "whatsapp_phone_id": "1", "whatsapp_url": "http://127.0.0.1:9",
    }  # fmt: skip

    agreed = whatsapp_provider_config(_settings(**PRODUCTION, **given))

    assert agreed is not None
    assert agreed.provider is vendor
    with agreed.client() as client:
        assert client.max_attachment_bytes > 0


def test_a_vendor_without_a_token_is_refused() -> None:
    agreed = whatsapp_provider_config(_settings(whatsapp_provider="fonnte"))

    assert agreed is not None
    with pytest.raises(Misconfigured):
        agreed.client()


def test_without_a_public_address_there_is_no_button_to_send() -> None:
    agreed = WhatsAppProviderConfig(WhatsAppProvider.FONNTE, "t")

    with pytest.raises(Misconfigured, match="WEB_PUBLIC_URL"), whatsapp_transport(agreed, ""):
        pass


def test_links_lead_to_the_public_address_and_with_the_simulator_to_this_machine() -> None:
    assert (
        _settings(web_public_url="https://t.example.org/").public_base_url
        == "https://t.example.org"
    )
    assert _settings(web_port=8123).public_base_url == "http://127.0.0.1:8123"
    assert _settings(**PRODUCTION).public_base_url == ""


@pytest.mark.parametrize(
    ("agreed", "wanted", "pace"),
    [
        (
            WhatsAppProviderConfig.for_simulator("http://127.0.0.1:9"),
            (None, None),
            RateLimit(None, NOTHING_APART),
        ),
        (
            WhatsAppProviderConfig(WhatsAppProvider.CLOUD, "t"),
            (None, None),
            RateLimit(250, NOTHING_APART),
        ),
        (
            WhatsAppProviderConfig(WhatsAppProvider.WAHA, "t"),
            (None, None),
            RateLimit(250, HALF_A_MINUTE),
        ),
        (
            WhatsAppProviderConfig(WhatsAppProvider.CLOUD, "t"),
            (2000, 0.5),
            RateLimit(2000, timedelta(seconds=0.5)),
        ),
        (
            WhatsAppProviderConfig(WhatsAppProvider.FONNTE, "t"),
            (None, 0.0),
            RateLimit(250, NOTHING_APART),
        ),
    ],
)
def test_the_pace_is_the_configured_one_or_the_vendors_default(
    agreed: WhatsAppProviderConfig, wanted: tuple[int | None, float | None], pace: RateLimit
) -> None:
    assert agreed.rate_limit(*wanted) == pace


@pytest.mark.parametrize("vendor", list(WhatsAppProvider))
def test_without_a_secret_no_report_is_accepted(vendor: WhatsAppProvider) -> None:
    assert not WhatsAppProviderConfig(vendor, "t").has_valid_signature(b"{}", {}, {"key": ""})
