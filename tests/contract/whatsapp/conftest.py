"""Fixtures: simulated WhatsApp and a business webhook that records reports."""

from collections.abc import Iterator

import pytest

from simulators.whatsapp.business import BusinessWebhook
from simulators.whatsapp.server import WhatsAppSimulator

AN_HOUR_IN_MILLISECONDS = 3_600_000


@pytest.fixture
def business() -> Iterator[BusinessWebhook]:
    with BusinessWebhook() as somebody:
        yield somebody


@pytest.fixture
def whatsapp(business: BusinessWebhook) -> Iterator[WhatsAppSimulator]:
    with WhatsAppSimulator(
        cloud_webhook=business.url,
        waha_webhook=f"{business.url}/waha",
        fonnte_webhook=f"{business.url}/fonnte",
        speed=AN_HOUR_IN_MILLISECONDS,
    ) as simulator:
        yield simulator


@pytest.fixture
def whatsapp_without_reports(whatsapp: WhatsAppSimulator) -> WhatsAppSimulator:
    """Disable reports, for tests of sending."""
    whatsapp.faults.set(silent=True)
    return whatsapp
