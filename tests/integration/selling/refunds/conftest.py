"""Fixtures: orders paid through a gateway that supports refunds."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from simulators.midtrans.server import MidtransSimulator
from ticketing.catalogue import promo_queries, stock_queries
from ticketing.crypto.keyring import KeyRing
from ticketing.events.model import Event
from ticketing.orders.refund import Refund
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.orders import orders as orders_table
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.platform.kernel.money import Rupiah
from ticketing.reporting import sales_checks
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.selling.ledger.queries import check_ledger_matches_sales
from ticketing.selling.payments import refund_queries
from ticketing.selling.payments.attempt_queries import PaymentAttempt
from ticketing.selling.payments.midtrans.client import Midtrans, MidtransAccount
from ticketing.selling.payments.midtrans.snap_request import CheckoutItem, CheckoutRequest
from ticketing.selling.payments.record_payment import record_payment
from ticketing.selling.refunds.refund_plan import RefundPlan, RefundRequest
from ticketing.selling.refunds.service import AppliedRefund, apply_refund, plan_refund
from ticketing.tickets.issuing.issue import issue_tickets


@pytest.fixture
def midtrans() -> Iterator[MidtransSimulator]:
    """Start the simulated gateway without notifications."""
    with MidtransSimulator() as simulator:
        yield simulator


@pytest.fixture
def client(midtrans: MidtransSimulator) -> Iterator[Midtrans]:
    """Open our client without delays between retries."""
    account = MidtransAccount.for_base_url(midtrans.url, midtrans.server_key)
    with Midtrans(account, pause=lambda _: None) as ours:
        yield ours


@pytest.fixture
def store_status(
    database: Database, client: Midtrans, now: datetime
) -> Callable[[PaymentAttempt], None]:
    """Return a function that reads a payment's status and stores it."""

    def ask(attempt: PaymentAttempt) -> None:
        statement = client.get_payment_status(attempt.key)
        assert statement is not None
        with database.transaction() as connection:
            record_payment(connection, attempt, statement, at=now, by="worker")

    return ask


@pytest.fixture
def start_paying(
    begin_payment: Callable[[PlacedOrder], PaymentAttempt], client: Midtrans
) -> Callable[[PlacedOrder], PaymentAttempt]:
    """Return a function that opens an order's payment page."""

    def open_page(placed: PlacedOrder) -> PaymentAttempt:
        attempt = begin_payment(placed)
        items = (CheckoutItem("ALL", "All of it", attempt.amount, 1),)
        client.create_checkout_session(CheckoutRequest(attempt.key, items, datetime.now(UTC), 60))
        return attempt

    return open_page


@pytest.fixture
def pay(
    start_paying: Callable[[PlacedOrder], PaymentAttempt],
    midtrans: MidtransSimulator,
    store_status: Callable[[PaymentAttempt], None],
) -> Callable[..., PaymentAttempt]:
    """Return a function that pays an order, by QRIS by default, and stores the status."""

    def pay_one(placed: PlacedOrder, method: str = "other_qris") -> PaymentAttempt:
        attempt = start_paying(placed)
        midtrans.push(attempt.key, "pay", method)
        store_status(attempt)
        return attempt

    return pay_one


@pytest.fixture
def plan(database: Database, now: datetime) -> Callable[..., RefundPlan]:
    """Return a function that plans a refund of an order."""

    def plan_one(placed: PlacedOrder, **asked: object) -> RefundPlan:
        return plan_refund(
            database, placed.order.code, RefundRequest(**asked), at=now, by="operator"
        )

    return plan_one


@pytest.fixture
def apply(
    database: Database, client: Midtrans, now: datetime
) -> Callable[[RefundPlan], AppliedRefund]:
    """Return a function that applies a plan."""

    def apply_one(planned: RefundPlan, **more: object) -> AppliedRefund:
        return apply_refund(
            database,
            client,
            planned.order_code,
            plan_hash=planned.plan_hash,
            **{"at": now, "by": "operator"} | more,
        )

    return apply_one


@pytest.fixture
def refunds_of(database: Database) -> Callable[[PlacedOrder], list[Refund]]:
    """Return a function that reads an order's refunds."""

    def fetch(placed: PlacedOrder) -> list[Refund]:
        with database.transaction() as connection:
            return refund_queries.list_for_order(connection, placed.order.id)

    return fetch


@pytest.fixture
def refunded_of(database: Database) -> Callable[[PlacedOrder], Rupiah]:
    """Return a function that reads the refunded amount of an order."""

    def fetch(placed: PlacedOrder) -> Rupiah:
        query = select(orders_table.c.refunded).where(orders_table.c.id == placed.order.id)
        with database.transaction() as connection:
            return Rupiah(connection.execute(query).scalar_one())

    return fetch


@pytest.fixture
def gateway_refunds(
    midtrans: MidtransSimulator,
) -> Callable[[PaymentAttempt], list[tuple[str, int]]]:
    """Return a function that reads key and amount of every refund at the gateway."""

    def fetch(attempt: PaymentAttempt) -> list[tuple[str, int]]:
        told = midtrans.bank.status(attempt.key).get("refunds") or []
        assert isinstance(told, list)
        return [(one["refund_key"], int(one["refund_amount"].removesuffix(".00"))) for one in told]

    return fetch


@pytest.fixture
def issue_missing(
    database: Database, event: Event, keys: KeyRing, job_id: int, now: datetime
) -> Callable[[], None]:
    """Return a function that issues all missing tickets."""

    def issue_all() -> None:
        issue_tickets(database, event, keys=keys, job_id=job_id, at=now, by="operator")

    return issue_all


@pytest.fixture
def live_tickets(database: Database) -> Callable[[], list[str]]:
    """Return a function that reads the codes of all live tickets."""

    def fetch() -> list[str]:
        query = (
            select(generated_tickets.c.ticket_code)
            .where(generated_tickets.c.state == "live")
            .order_by(generated_tickets.c.id)
        )
        with database.transaction() as connection:
            return list(connection.execute(query).scalars())

    return fetch


@pytest.fixture
def is_consistent(database: Database, event: Event) -> Callable[[], bool]:
    """Return a function that checks stock and that refunds do not exceed payments."""

    def check() -> bool:
        with database.transaction() as connection:
            return not (
                stock_queries.list_drifted(connection, event.id)
                or promo_queries.list_miscounted_codes(connection, event.id)
                or refund_queries.list_over_refunded_keys(connection, event.id)
            )

    return check


@pytest.fixture
def books_agree(database: Database, is_consistent: Callable[[], bool]) -> Callable[[], bool]:
    """Return a function that checks stock, money and ledger."""

    def check() -> bool:
        return is_consistent() and not [
            *check_ledger_matches_sales(database).violations,
            *sales_checks.check_unallocated_money(database).violations,
            *sales_checks.check_duplicate_payments(database).violations,
        ]

    return check
