"""Fixtures: simulated Midtrans and a merchant webhook that records notifications."""

from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest

from simulators.midtrans.merchant import MerchantWebhook
from simulators.midtrans.server import MidtransSimulator
from simulators.trust import trusted
from ticketing.platform.kernel.money import Rupiah
from ticketing.selling.payments.midtrans.client import Midtrans, MidtransAccount
from ticketing.selling.payments.midtrans.snap_request import CheckoutItem, CheckoutRequest

AN_HOUR_IN_MILLISECONDS = 100_000


@pytest.fixture
def merchant() -> Iterator[MerchantWebhook]:
    with MerchantWebhook() as somebody:
        yield somebody


@pytest.fixture
def midtrans(merchant: MerchantWebhook) -> Iterator[MidtransSimulator]:
    with MidtransSimulator(merchant.url, speed=AN_HOUR_IN_MILLISECONDS) as simulator:
        yield simulator


@pytest.fixture
def retry_delays() -> list[float]:
    """Record the client's retry delays without waiting."""
    return []


@pytest.fixture
def client(midtrans: MidtransSimulator, retry_delays: list[float]) -> Iterator[Midtrans]:
    account = MidtransAccount.for_base_url(midtrans.url, midtrans.server_key)
    with Midtrans(account, pause=retry_delays.append) as ours:
        yield ours


@pytest.fixture
def checkout() -> CheckoutRequest:
    """Return two day tickets and a fee, less a discount: Rp 195,000, payable within 30 minutes."""
    return CheckoutRequest(
        order_id="K7QF2M9XW4TA-01",
        items=(
            CheckoutItem("DAY", "Tiket Harian", Rupiah(100_000), 2),
            CheckoutItem("FEE", "Biaya layanan", Rupiah(5_000), 1),
        ),
        starts_at=datetime.now(UTC),
        minutes=30,
        discount=Rupiah(10_000),
        name="Sari",
        email="sari@example.org",
        phone="+628123456789",
        finish_url="https://shop.example/orders/abc",
    )


@pytest.fixture
def browser(midtrans: MidtransSimulator) -> Iterator[httpx.Client]:
    auth = (midtrans.server_key, "")
    with httpx.Client(
        base_url=midtrans.url, auth=auth, follow_redirects=True, verify=trusted()
    ) as somebody:
        yield somebody
