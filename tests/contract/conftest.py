"""Midtrans on a port, and a merchant who is told and remembers."""

from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest

from simulators.midtrans.merchant import Merchant
from simulators.midtrans.server import MidtransSimulator
from simulators.trust import trusted
from ticketing.domain.money import Rupiah
from ticketing.gateways.midtrans import Account, Midtrans
from ticketing.gateways.midtrans_checkout import Checkout, Item

AN_HOUR_IN_MILLISECONDS = 100_000


@pytest.fixture
def merchant() -> Iterator[Merchant]:
    with Merchant() as somebody:
        yield somebody


@pytest.fixture
def midtrans(merchant: Merchant) -> Iterator[MidtransSimulator]:
    with MidtransSimulator(merchant.url, speed=AN_HOUR_IN_MILLISECONDS) as simulator:
        yield simulator


@pytest.fixture
def pauses() -> list[float]:
    """How long our client wanted to wait before asking again; it did not."""
    return []


@pytest.fixture
def client(midtrans: MidtransSimulator, pauses: list[float]) -> Iterator[Midtrans]:
    account = Account.at(midtrans.url, midtrans.server_key)
    with Midtrans(account, pause=pauses.append) as ours:
        yield ours


@pytest.fixture
def checkout() -> Checkout:
    """Two day tickets and a fee, less a discount: Rp 195,000, to be paid within 30 minutes."""
    return Checkout(
        order_id="K7QF2M9XW4TA-01",
        items=(
            Item("DAY", "Tiket Harian", Rupiah(100_000), 2),
            Item("FEE", "Biaya layanan", Rupiah(5_000), 1),
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
