"""Who carries WhatsApp messages: told apart by settings, each with a pace it bears."""

from datetime import timedelta

import pytest
from pydantic import SecretStr

from ticketing.domain.delivery_pace import Pace
from ticketing.domain.errors import Misconfigured
from ticketing.doors import whatsapp_door, whatsapp_subscription
from ticketing.gateways.whatsapp_vendors import Subscription, Vendor
from ticketing.settings import Settings

PRODUCTION = {"midtrans_environment": "production"}
NOTHING_APART, HALF_A_MINUTE = timedelta(0), timedelta(seconds=30)


def _settings(**given: object) -> Settings:
    return Settings(_env_file=None, **given)


def test_a_rehearsal_has_a_simulator_and_nothing_else_has_anybody() -> None:
    rehearsed = whatsapp_subscription(_settings())

    assert rehearsed is not None
    assert (rehearsed.is_rehearsal, rehearsed.url) == (True, "http://127.0.0.1:8789")
    assert whatsapp_subscription(_settings(**PRODUCTION)) is None
    assert whatsapp_subscription(_settings(whatsapp_provider="none")) is None


def test_money_that_is_real_is_never_followed_by_messages_that_are_not() -> None:
    with pytest.raises(Misconfigured, match="would be told nothing"):
        whatsapp_subscription(_settings(whatsapp_provider="rehearsal", **PRODUCTION))


@pytest.mark.parametrize("vendor", list(Vendor))
def test_each_vendor_has_a_client_made_of_the_settings(vendor: Vendor) -> None:
    given = {
        "whatsapp_provider": vendor.value, "whatsapp_token": SecretStr("t"),
        "whatsapp_phone_id": "1", "whatsapp_url": "http://127.0.0.1:9",
    }  # fmt: skip

    agreed = whatsapp_subscription(_settings(**PRODUCTION, **given))

    assert agreed is not None
    assert agreed.vendor is vendor
    with agreed.client() as client:
        assert client.largest_attachment > 0


def test_a_vendor_without_a_token_is_refused() -> None:
    agreed = whatsapp_subscription(_settings(whatsapp_provider="fonnte"))

    assert agreed is not None
    with pytest.raises(Misconfigured):
        agreed.client()


def test_without_a_public_address_there_is_no_button_to_send() -> None:
    agreed = Subscription(Vendor.FONNTE, "t")

    with pytest.raises(Misconfigured, match="WEB_PUBLIC_URL"), whatsapp_door(agreed, ""):
        pass


def test_links_lead_to_the_public_address_and_in_a_rehearsal_to_this_machine() -> None:
    assert (
        _settings(web_public_url="https://t.example.org/").public_base_url
        == "https://t.example.org"
    )
    assert _settings(web_port=8123).public_base_url == "http://127.0.0.1:8123"
    assert _settings(**PRODUCTION).public_base_url == ""


@pytest.mark.parametrize(
    ("agreed", "wanted", "pace"),
    [
        (Subscription.rehearsal("http://127.0.0.1:9"), (None, None), Pace(None, NOTHING_APART)),
        (Subscription(Vendor.CLOUD, "t"), (None, None), Pace(250, NOTHING_APART)),
        (Subscription(Vendor.WAHA, "t"), (None, None), Pace(250, HALF_A_MINUTE)),
        (Subscription(Vendor.CLOUD, "t"), (2000, 0.5), Pace(2000, timedelta(seconds=0.5))),
        (Subscription(Vendor.FONNTE, "t"), (None, 0.0), Pace(250, NOTHING_APART)),
    ],
)
def test_the_pace_is_the_operators_else_what_the_vendor_bears(
    agreed: Subscription, wanted: tuple[int | None, float | None], pace: Pace
) -> None:
    assert agreed.pace(*wanted) == pace


@pytest.mark.parametrize("vendor", list(Vendor))
def test_without_a_secret_nobody_is_believed(vendor: Vendor) -> None:
    assert not Subscription(vendor, "t").is_theirs(b"{}", {}, {"key": ""})
