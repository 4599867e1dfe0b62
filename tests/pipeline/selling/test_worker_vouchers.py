"""Tests of vouchers provisioned by the worker process, without codes in its logs."""

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count

import pytest

from simulators.midtrans.server import MidtransSimulator
from simulators.routeros.server import RouterOsSimulator
from tests.plugins.processes import ForkedProcess
from ticketing.events.model import Event
from ticketing.orders.order import Buyer, Selection
from ticketing.platform.db.database import Database
from ticketing.platform.settings import Settings
from ticketing.selling.checkout.place_order import PlacedOrder, place_order
from ticketing.selling.payments.attempt_queries import PaymentAttempt
from ticketing.vouchers import package_queries
from ticketing.vouchers.demo_data import DEMO_ACCOUNT


@pytest.fixture
def buy_vouchers(
    database: Database, outlet: Event, begin_payment: Callable[[PlacedOrder], PaymentAttempt],
    midtrans: MidtransSimulator, notify: Callable[[PaymentAttempt], None],
) -> Callable[[int], PlacedOrder]:  # fmt: skip
    """Return a function that creates a paid voucher order with a stored notification."""
    numbers = count(1)

    def buy(quantity: int) -> PlacedOrder:
        phone = f"+62812{next(numbers):08}"
        buyer = Buyer(f"tel:{phone}", "Sari", "", phone)
        with database.transaction() as connection:
            package = package_queries.get_by_code(connection, "5k")
        placed = place_order(
            database, outlet, requested=[Selection(package.ticket_type_id, quantity)], buyer=buyer,
            at=datetime.now(UTC), by="web",
        )  # fmt: skip
        attempt = begin_payment(placed)
        midtrans.push(attempt.key, "pay", "bca_va")
        notify(attempt)
        return placed

    return buy


@pytest.mark.slow
def test_a_worker_provisions_paid_vouchers(
    router: RouterOsSimulator, buy_vouchers: Callable[[int], PlacedOrder],
    start_worker: Callable[[], ForkedProcess], wait_until: Callable[[Callable[[], bool]], None],
    settings: Settings,
) -> None:  # fmt: skip
    start_worker()

    buy_vouchers(3)
    wait_until(lambda: "vouchers provisioned" in settings.log_file.read_text(encoding="utf-8"))

    log = settings.log_file.read_text(encoding="utf-8")
    assert len(router.users()) == 3
    assert [row["name"] for row in router.users() if row["name"] in log] == []
    assert DEMO_ACCOUNT[1] not in log
