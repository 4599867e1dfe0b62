"""The check that replays the notifications of orders agrees with production, and finds damage."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count

import pytest
from sqlalchemy import update

from ticketing.events.model import Event
from ticketing.orders.order import Buyer, Selection
from ticketing.orders.payment_attempt import AttemptState, PaymentMeans
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.orders import orders
from ticketing.platform.db.tables.payments import payment_attempts
from ticketing.selling.box_office.sell import BoxOfficeSale, sell_at_box_office
from ticketing.selling.checkout.cancel_order import cancel_order
from ticketing.selling.checkout.expire_orders import expire_orders
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.selling.payments import reconcile as reconciliation
from ticketing.selling.payments.attempt_queries import PaymentAttempt
from ticketing.selling.rebuild.check import RebuildCheck, check_orders
from ticketing.selling.rebuild.replay import Difference
from ticketing.selling.review.accept_payment import apply_acceptance, plan_acceptance

Check = Callable[[], tuple[RebuildCheck, list[Difference]]]
Notify = Callable[..., object]


@pytest.fixture
def check(database: Database) -> Check:
    """Return a function that replays all orders."""

    def run() -> tuple[RebuildCheck, list[Difference]]:
        result = RebuildCheck()
        return result, list(check_orders(database, None, result))

    return run


@pytest.fixture
def notify(
    set_payment_status: Callable[..., None],
    store_notification: Callable[..., bool],
    settle_all: Callable[..., object],
) -> Notify:
    """Return a function that stores a notification as the gateway writes it, and settles it."""
    numbers = count()

    def send(
        attempt: PaymentAttempt, state: AttemptState, *, reported: AttemptState | None = None,
        hours: int = 0, **more: int,
    ) -> None:  # fmt: skip
        set_payment_status(attempt, state, **more)
        amount = more.get("amount", attempt.amount.amount)
        said = reported or state
        body = {
            "order_id": attempt.key, "transaction_id": f"tx-{attempt.key}",
            "gross_amount": f"{amount}.00", "transaction_status": said,
            "status_code": "200" if said.has_taken_money else "201",
        }  # fmt: skip
        if refunded := more.get("refunded"):
            body["refund_amount"] = f"{refunded}.00"
        store_notification(attempt.key, f"notice {next(numbers)}", json.dumps(body).encode())
        settle_all(hours)

    return send


@pytest.fixture
def begun(
    sell: Callable[..., int], place: Callable[..., PlacedOrder],
    begin_payment: Callable[[PlacedOrder], PaymentAttempt], budi: Buyer,
) -> Callable[[], tuple[PlacedOrder, PaymentAttempt]]:  # fmt: skip
    """Return a function that places an order of two places and starts its payment."""
    kind = sell("Guest", capacity=6)

    def begin() -> tuple[PlacedOrder, PaymentAttempt]:
        placed = place((kind, 2), buyer=budi)
        return placed, begin_payment(placed)

    return begin


def test_a_sale_with_all_its_turns_is_rebuilt_without_a_difference(
    database: Database, gateway: object, now: datetime, begun: Callable[..., object],
    notify: Notify, set_payment_status: Callable[..., None], check: Check,
    sell: Callable[..., int], place: Callable[..., PlacedOrder], budi: Buyer, event: Event,
) -> None:  # fmt: skip
    late, late_payment = begun()
    expire_orders(database, gateway, at=now + timedelta(hours=2), by="worker")
    notify(late_payment, AttemptState.SETTLED, hours=3)
    _, reversed_payment = begun()
    notify(reversed_payment, AttemptState.SETTLED, reported=AttemptState.PENDING)
    notify(reversed_payment, AttemptState.SETTLED)
    notify(reversed_payment, AttemptState.DENIED)
    _, unannounced = begun()
    set_payment_status(unannounced, AttemptState.SETTLED)
    reconciliation.reconcile(database, gateway, at=now, by="sensor")
    notify(late_payment, AttemptState.PARTLY_REFUNDED, refunded=40_000)
    free = place((sell("Free", price=0), 1), buyer=budi)
    cancelled = place((kind := sell("Other"), 3))
    cancel_order(database, cancelled.order.id, at=now, by="cli:sari")
    short, short_payment = begun()
    notify(short_payment, AttemptState.SETTLED, amount=90_000)
    accepted = plan_acceptance(database, short.order.code, reason="fee", at=now, by="cli:sari")
    apply_acceptance(
        database, short.order.code, plan_hash=accepted.plan_hash, at=now, by="cli:sari"
    )
    sale = BoxOfficeSale([Selection(kind, 1)], PaymentMeans.CASH, "at the door", "Tono")
    sell_at_box_office(database, event, sale, idempotency=None, at=now, by="cli:sari")

    result, differences = check()

    assert differences == []
    assert (result.orders, result.unproven) == (7, 2)
    assert late.order.code != free.order.code


@pytest.mark.parametrize(
    ("damage", "parts"),
    [
        (update(orders).values(state="pending", paid_at=None), ["order state"]),
        (update(payment_attempts).values(state="pending"), ["{key} money", "{key} money left"]),
        (update(payment_attempts).values(refunded=10_000), ["{key} money left"]),
        (update(ticket_types).values(sold=1), ["places of paid orders"]),
    ],
)
def test_a_row_that_was_changed_beside_the_rules_is_named(
    database: Database, begun: Callable[..., tuple[PlacedOrder, PaymentAttempt]],
    notify: Notify, check: Check, damage: object, parts: list[str],
) -> None:  # fmt: skip
    placed, attempt = begun()
    notify(attempt, AttemptState.SETTLED)
    assert check()[1] == []

    with database.transaction() as connection:
        connection.execute(damage)

    result, differences = check()
    assert [one.part for one in differences] == [part.format(key=attempt.key) for part in parts]
    assert result.differences == len(parts)
    assert differences[0].subject in {placed.order.code, "wisuda-2026: Guest"}


def test_an_order_that_is_paid_without_money_is_named(
    database: Database, begun: Callable[..., tuple[PlacedOrder, PaymentAttempt]],
    now: datetime, notify: Notify, check: Check,
) -> None:  # fmt: skip
    placed, attempt = begun()
    notify(attempt, AttemptState.PENDING)

    with database.transaction() as connection:
        connection.execute(update(orders).values(state="paid", paid_at=now))

    assert Difference(placed.order.code, "order state", "pending", "paid") in check()[1]
