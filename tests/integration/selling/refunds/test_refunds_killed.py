"""Tests of refunds and cancellations killed between any two steps: each refund is sent once."""

import signal
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from subprocess import CompletedProcess

import pytest

from simulators.midtrans.server import MidtransSimulator
from ticketing.catalogue.stock import Stock
from ticketing.events.model import Event
from ticketing.orders.order import Buyer, OrderState
from ticketing.orders.refund import RefundFee, RefundState
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.money import Rupiah
from ticketing.selling.cancellation.cancel_event import cancel_event
from ticketing.selling.cancellation.plan_cancellation import plan_cancellation
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.selling.payments.attempt_queries import PaymentAttempt
from ticketing.selling.payments.midtrans.client import Midtrans
from ticketing.selling.refunds.refund_plan import RefundPlan
from ticketing.selling.refunds.service import AppliedRefund

pytestmark = pytest.mark.kill

TAKEOVER_SECONDS = 15  # of the claims of a killed process; its lease would last for minutes
WORKER = """
import os, signal, sys
from datetime import datetime
from functools import partial
from sqlalchemy import event
from ticketing.selling.payments.midtrans.client import Midtrans
from ticketing.platform.db.database import Database
from ticketing.selling.payments.midtrans.client import MidtransAccount
from ticketing.selling.refunds.service import apply_refund
from ticketing.events import queries as event_queries
from ticketing.selling.cancellation.cancel_event import cancel_event

url, gateway_url, operation, subject, plan, at, step, when = sys.argv[1:]
left = int(when)

def die_at_last(*_):
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)

class Dying(Midtrans):
    def refund(self, *arguments, **more):
        if step == "before the call":
            die_at_last()
        receipt = super().refund(*arguments, **more)
        if step == "after the call":
            die_at_last()
        return receipt

database = Database.from_url(url)
if step == "statement":
    event.listen(database.engine, "before_cursor_execute", die_at_last)
if step == "commit":
    event.listen(database.engine, "commit", die_at_last)
gateway = Dying(MidtransAccount.simulator(gateway_url))
now = datetime.fromisoformat(at)
if operation == "refund":
    apply_refund(database, gateway, subject, plan_hash=plan, at=now, by="operator")
else:
    with database.engine.connect() as connection:
        called_off = event_queries.get(connection, subject)
        connection.rollback()
    cancel_event(database, gateway, called_off, plan_hash=plan, at=now, by="operator")
"""


@pytest.fixture
def run_killed(
    run_script: Callable[..., CompletedProcess[str]], database_url: str,
    midtrans: MidtransSimulator, now: datetime,
) -> Callable[..., int]:  # fmt: skip
    """Return a function that runs an operation in a process that kills itself at the n-th step."""

    def run(operation: str, subject: str, plan_hash: str, step: str, when: int) -> int:
        arguments = [database_url, midtrans.url, operation, subject, plan_hash, now.isoformat()]
        return run_script(WORKER, *arguments, step, str(when)).returncode

    return run


@pytest.mark.parametrize(
    ("step", "when"),
    [("commit", 1), ("commit", 2), ("commit", 3), ("commit", 4), ("commit", 5), ("commit", 6),
     ("commit", 7), ("commit", 8), ("before the call", 1), ("after the call", 1),
     ("statement", 6), ("statement", 13), ("statement", 20), ("statement", 27)],
)  # fmt: skip
def test_a_killed_refund_is_completed_by_the_next_run_and_sent_once(
    *,
    sell: Callable[..., int],
    place: Callable[..., PlacedOrder],
    pay: Callable[..., PaymentAttempt],
    plan: Callable[..., RefundPlan],
    apply: Callable[..., AppliedRefund],
    run_killed: Callable[..., int],
    gateway_refunds: Callable[[PaymentAttempt], list[tuple[str, int]]],
    stock_of: Callable[[int], Stock],
    refunded_of: Callable[[PlacedOrder], Rupiah],
    messages: Callable[[], list[tuple[str, str]]],
    is_consistent: Callable[[], bool],
    sari: Buyer,
    step: str,
    when: int,
) -> None:
    vip = sell("VIP", capacity=10, price=100_000)
    placed = place((vip, 3), buyer=sari)
    attempt = pay(placed)
    planned = plan(placed, places=(1, 3))

    killed = run_killed("refund", placed.order.code, planned.plan_hash, step, when)
    done = apply(planned)
    deadline = time.monotonic() + TAKEOVER_SECONDS
    while [one.state for one in done.refunds] != [RefundState.DONE] and time.monotonic() < deadline:
        done = apply(planned)

    assert killed == -signal.SIGKILL
    assert [one.state for one in done.refunds] == [RefundState.DONE]
    assert gateway_refunds(attempt) == [(f"{attempt.key}-R1", 200_000)]
    assert (stock_of(vip), refunded_of(placed)) == (Stock(10, 0, 1), Rupiah(200_000))
    assert messages().count(("order.refund", "sari@example.org")) == 1
    assert is_consistent()


@pytest.mark.parametrize(
    ("step", "when"),
    [("commit", 1), ("commit", 2), ("commit", 4), ("commit", 6), ("commit", 9), ("commit", 12),
     ("commit", 15), ("before the call", 1), ("after the call", 2), ("statement", 40),
     ("statement", 70), ("statement", 100)],
)  # fmt: skip
def test_a_killed_cancellation_is_completed_by_the_next_run_and_refunds_each_order_once(
    *,
    database: Database,
    event: Event,
    sell: Callable[..., int],
    place: Callable[..., PlacedOrder],
    pay: Callable[..., PaymentAttempt],
    issue_missing: Callable[[], None],
    client: Midtrans,
    run_killed: Callable[..., int],
    gateway_refunds: Callable[[PaymentAttempt], list[tuple[str, int]]],
    stock_of: Callable[[int], Stock],
    state_of: Callable[[PlacedOrder], OrderState],
    live_tickets: Callable[[], list[str]],
    is_consistent: Callable[[], bool],
    sari: Buyer,
    budi: Buyer,
    now: datetime,
    step: str,
    when: int,
) -> None:
    vip = sell("VIP", capacity=10, price=100_000)
    placed = [place((vip, 2), buyer=sari), place((vip, 1), buyer=budi), place((vip, 1), buyer=budi)]
    attempts = [pay(one) for one in placed[:2]]
    issue_missing()
    planned = plan_cancellation(
        database, event, fee=RefundFee(), reason="rain", at=now, by="operator"
    )

    killed = run_killed("cancel", event.slug, planned.plan_hash, step, when)
    repeat = partial(
        cancel_event, database, client, event, plan_hash=planned.plan_hash, at=now, by="operator"
    )
    done = repeat()
    deadline = time.monotonic() + TAKEOVER_SECONDS
    while (done.left or done.outstanding_refunds) and time.monotonic() < deadline:
        done = repeat()

    assert killed == -signal.SIGKILL
    assert (done.left, done.outstanding_refunds) == (0, 0)
    assert [gateway_refunds(one) for one in attempts] == [
        [(f"{attempts[0].key}-R1", 200_000)],
        [(f"{attempts[1].key}-R1", 100_000)],
    ]
    assert {state_of(one) for one in placed} == {OrderState.CANCELLED}
    assert (stock_of(vip), live_tickets()) == (Stock(10, 0, 0), [])
    assert is_consistent()
