"""Selling from the command line: what is for sale, what became of an order, money given back."""

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from simulators.midtrans.server import MidtransSimulator
from ticketing.catalogue import ticket_type_queries
from ticketing.events.model import Event
from ticketing.orders import queries as order_queries
from ticketing.orders.order import Buyer, Selection
from ticketing.orders.payment_attempt import AttemptState, PaymentStatus
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.money import Rupiah
from ticketing.selling.checkout.cancel_order import cancel_order
from ticketing.selling.checkout.place_order import PlacedOrder, place_order
from ticketing.selling.payments import attempt_queries
from ticketing.selling.payments.midtrans.client import Midtrans, MidtransAccount
from ticketing.selling.payments.midtrans.snap_request import CheckoutItem, CheckoutRequest
from ticketing.selling.payments.record_payment import record_payment

Run = Callable[..., subprocess.CompletedProcess[str]]
Ticketing = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def midtrans() -> Iterator[MidtransSimulator]:
    """The gateway's side; it notifies nobody."""
    with MidtransSimulator() as simulator:
        yield simulator


@pytest.fixture
def ticketing(
    run_ticketing: Run, database_url: str, midtrans: MidtransSimulator, tmp_path: Path
) -> Ticketing:
    """Runs `ticketing …` against the test's database and gateway."""
    environment = {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": database_url,
        "TICKETING_DATA": str(tmp_path / "data"),
        "MIDTRANS_SIMULATOR_URL": midtrans.url,
        "COLUMNS": "200",
        "TZ": "Asia/Jakarta",
    }

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return run_ticketing(*arguments, environment=environment)

    return run


@pytest.fixture
def said(ticketing: Ticketing) -> Callable[..., Any]:
    """What a command prints for machines; it must not fail."""

    def run(*arguments: str) -> Any:  # noqa: ANN401 - JSON is anything
        done = ticketing(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.fixture
def vip(ticketing: Ticketing, database: Database, event: Event) -> int:
    """VIP at Rp150.000, five of it, put on sale from the command line."""
    opened = ticketing(
        "ticket-types",
        "create",
        "--event",
        event.slug,
        "--type",
        "VIP",
        "--price",
        "150000",
        "--capacity",
        "5",
    )
    assert opened.returncode == 0, opened.stderr
    with database.transaction() as connection:
        return ticket_type_queries.list_for_event(connection, event.id)[0].id


@pytest.fixture
def order(database: Database, event: Event, vip: int) -> Callable[..., PlacedOrder]:
    """Places an order of two VIP places."""
    sari = Buyer("email:sari@example.org", "Sari", "sari@example.org", "")

    def place() -> PlacedOrder:
        at = datetime.now(UTC)
        return place_order(
            database, event, requested=[Selection(vip, 2)], buyer=sari, at=at, by="web"
        )

    return place


@pytest.fixture
def paid(
    database: Database, midtrans: MidtransSimulator, order: Callable[[], PlacedOrder]
) -> Callable[[str], str]:
    """Places an order that is paid in some way; gives its code."""

    def pay(method: str) -> str:
        at, placed = datetime.now(UTC), order()
        with database.transaction() as connection:
            locked = order_queries.lock(connection, placed.order.id)
            attempt = attempt_queries.get_or_insert_open(connection, locked, at=at)
        with Midtrans(MidtransAccount.for_base_url(midtrans.url, midtrans.server_key)) as client:
            client.create_checkout_session(
                CheckoutRequest(attempt.key, (CheckoutItem("A", "A", attempt.amount, 1),), at, 60)
            )
            midtrans.push(attempt.key, "pay", method)
            statement = client.get_payment_status(attempt.key)
        assert statement is not None
        with database.transaction() as connection:
            record_payment(connection, attempt, statement, at=at, by="worker")
        return placed.order.code

    return pay


def test_what_is_for_sale_is_shown_to_people_and_to_machines(
    ticketing: Ticketing, said: Callable[..., Any], event: Event, order: Callable[[], PlacedOrder]
) -> None:
    order()

    shown = ticketing("ticket-types", "list", "--event", event.slug)
    told = said("ticket-types", "list", "--event", event.slug)

    cells = ["VIP", "yes", "Rp150.000", "5", "3", "2", "0"]
    assert re.search(r"\s+".join(map(re.escape, cells)), shown.stdout), shown.stdout
    assert [(one["available"], one["pending"], one["sold"]) for one in told] == [(3, 2, 0)]


def test_a_capacity_below_what_is_taken_is_refused_in_words(
    ticketing: Ticketing, event: Event, order: Callable[[], PlacedOrder]
) -> None:
    order()

    refused = ticketing(
        "ticket-types", "update", "--event", event.slug, "--type", "VIP", "--capacity", "1"
    )

    assert refused.returncode == 2
    assert refused.stderr == (
        "ticketing: VIP: a capacity of 1 is below the 2 places taken (2 pending, 0 sold)\n"
    )


def test_a_promo_code_is_made_listed_and_ended(
    ticketing: Ticketing, said: Callable[..., Any], event: Event, vip: int
) -> None:
    assert vip
    made = ticketing(
        "promos", "create", "--event", event.slug, "early 10", "--percent", "10", "--type", "VIP"
    )
    ended = ticketing("promos", "disable", "--event", event.slug, "EARLY10")

    (listed,) = said("promos", "list", "--event", event.slug)

    assert (made.returncode, ended.returncode) == (0, 0)
    assert (listed["code"], listed["value"], listed["ticket_type"]) == ("EARLY10", 10, "VIP")
    assert listed["valid_until"] < event.ends_at.isoformat(" ")


def test_a_refund_is_planned_applied_and_told(
    ticketing: Ticketing, said: Callable[..., Any], event: Event, paid: Callable[[str], str]
) -> None:
    code = paid("gopay")
    ticketing("refunds", "policy", "--event", event.slug, "--fee-percent", "10")

    planned = said("refunds", "plan", code, "--place", "2", "--reason", "ill")
    done = said("refunds", "apply", code, "--plan", planned["plan_hash"])
    story = ticketing("orders", "show", code)
    listed = said("orders", "list", "--event", event.slug, "--state", "paid")

    assert (planned["amount"], planned["kept"], planned["places_left"]) == (135_000, 15_000, 1)
    assert [(one["amount"], one["state"]) for one in done] == [(135_000, "done")]
    assert (
        f"{code} is paid: subtotal Rp300.000, discount Rp0, total Rp300.000, refunded Rp135.000"
        in story.stdout
    )
    assert f"refund        {code}-01-R1 Rp135.000 gateway done: ill" in story.stdout
    assert [(one["code"], one["places"], one["refunded"]) for one in listed] == [(code, 1, 135_000)]


def test_a_refund_by_hand_is_listed_until_somebody_says_that_it_is_done(
    ticketing: Ticketing, said: Callable[..., Any], event: Event, paid: Callable[[str], str]
) -> None:
    code = paid("bca_va")
    planned = said("refunds", "plan", code)
    said("refunds", "apply", code, "--plan", planned["plan_hash"])

    owed = said("refunds", "list", "--event", event.slug)
    ticketing("refunds", "mark-paid", code, "--reference", "BCA 4711")

    assert [(one["state"], one["amount"]) for one in owed] == [("manual", 300_000)]
    assert said("refunds", "list", "--event", event.slug) == []
    assert said("orders", "show", code)["refunds"][0]["reference"] == "BCA 4711"


@pytest.fixture
def paid_too_late(
    database: Database, midtrans: MidtransSimulator, order: Callable[[], PlacedOrder]
) -> Callable[[], str]:
    """Places an order that is paid after it was cancelled; gives its code."""

    def pay() -> str:
        at, placed = datetime.now(UTC), order()
        with database.transaction() as connection:
            locked = order_queries.lock(connection, placed.order.id)
            attempt = attempt_queries.get_or_insert_open(connection, locked, at=at)
        cancel_order(database, placed.order.id, at=at, by="buyer")
        with Midtrans(MidtransAccount.for_base_url(midtrans.url, midtrans.server_key)) as client:
            client.create_checkout_session(
                CheckoutRequest(attempt.key, (CheckoutItem("A", "A", attempt.amount, 1),), at, 60)
            )
            midtrans.push(attempt.key, "pay", "gopay")
            statement = client.get_payment_status(attempt.key)
        assert statement is not None
        with database.transaction() as connection:
            record_payment(connection, attempt, statement, at=at, by="worker")
        return placed.order.code

    return pay


def test_a_question_is_listed_and_answered(
    ticketing: Ticketing, said: Callable[..., Any], event: Event, paid_too_late: Callable[[], str]
) -> None:
    first, second = paid_too_late(), paid_too_late()
    flag = "paid_after_cancelling"

    flagged = said("orders", "list", "--event", event.slug, "--flagged")
    planned = said("orders", "resolve", first, "--flag", flag, "--by", "refund")
    ticketing("refunds", "apply", first, "--plan", planned["plan_hash"])
    noted = ticketing(
        "orders", "resolve", second, "--flag", flag, "--by", "note", "--reason", "by phone"
    )
    refused = ticketing("orders", "resolve", second, "--flag", flag, "--by", "complete")

    assert {one["code"]: one["flags"] for one in flagged} == {first: [flag], second: [flag]}
    assert (planned["amount"], planned["places"]) == (300_000, [])
    assert (noted.returncode, refused.returncode) == (0, 2)
    assert said("orders", "list", "--event", event.slug, "--flagged") == []


def test_an_event_is_called_off_and_everybody_refunded(
    ticketing: Ticketing, said: Callable[..., Any], event: Event, paid: Callable[[str], str]
) -> None:
    code = paid("gopay")

    planned = said("cancellations", "plan", "--event", event.slug, "--reason", "rain")
    shown = ticketing(
        "cancellations", "apply", "--event", event.slug, "--plan", planned["plan_hash"]
    )

    assert (planned["amount"], planned["by_hand"], planned["pending"]) == (300_000, 0, 0)
    assert shown.returncode == 0, shown.stderr
    assert "is cancelled.\nEnded now: 1 orders, 0 tickets." in shown.stdout
    assert said("orders", "show", code)["order"]["state"] == "cancelled"
    assert said("ticket-types", "list", "--event", event.slug)[0]["onSale"] is False


@pytest.mark.usefixtures("vip")
def test_create_refuses_what_exists_and_update_what_does_not(
    ticketing: Ticketing, event: Event
) -> None:
    options = ["--event", event.slug, "--price", "1000", "--type"]

    again = ticketing("ticket-types", "create", *options, "VIP")
    changed = ticketing("ticket-types", "update", *options, "VIP")
    unknown = ticketing("ticket-types", "update", *options, "Gold")

    assert (again.returncode, changed.returncode, unknown.returncode) == (2, 0, 2)
    assert "to change it: `ticketing ticket-types update`" in again.stderr
    assert "on sale at Rp1.000; places left: 5" in changed.stdout
    assert "`ticketing ticket-types create`" in unknown.stderr


@pytest.mark.usefixtures("vip")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["orders", "show", "ORD-NONE"], "no order 'ORD-NONE'"),
        (["orders", "list", "--event", "wisuda-2026", "--state", "gone"], "'gone' is not one of"),
        (["orders", "resolve", "ORD-NONE", "--flag", "late", "--by", "note"], "'late'"),
        (["refunds", "apply", "ORD-NONE", "--plan", "0"], "no order 'ORD-NONE'"),
        (["refunds", "plan", "ORD-NONE"], "no order 'ORD-NONE'"),
        (["promos", "create", "--event", "wisuda-2026", "X"], "either --percent or --fixed"),
        (["refunds", "retry"], "either the code of an order or an --event"),
        (
            ["ticket-types", "create", "--event", "wisuda-2026", "--type", "Gold"],
            "Missing option '--price'",
        ),
        (
            ["ticket-types", "disable", "--event", "wisuda-2026", "--type", "Gold"],
            "no ticket type 'Gold'",
        ),
        (
            ["cancellations", "apply", "--event", "wisuda-2026", "--plan", "0"],
            "no plan with this hash",
        ),
    ],
)
def test_bad_usage_of_the_counter_is_2_and_names_what_is_wrong(
    ticketing: Ticketing, arguments: list[str], words: str
) -> None:
    refused = ticketing(*arguments)

    assert refused.returncode == 2
    assert words in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.fixture
def in_two_parts(database: Database, ticketing: Ticketing, event: Event, vip: int) -> PlacedOrder:
    """Two VIP places to be paid in two parts two days apart, by a plan from the command line."""
    ticketing(
        "payment-plans", "create", "--event", event.slug, "--name", "2x", "--parts", "60,40",
        "--every", "2", "--last-before", "0", "--grace", "1", "--overdue", "keep",
    )  # fmt: skip
    sari = Buyer("email:sari@example.org", "Sari", "sari@example.org", "")
    asked = [Selection(vip, 2)]
    return place_order(
        database,
        event,
        requested=asked,
        buyer=sari,
        payment_plan="2x",
        at=datetime.now(UTC),
        by="web",
    )


def test_a_payment_plan_is_offered_listed_and_withdrawn(
    ticketing: Ticketing, said: Callable[..., Any], event: Event, in_two_parts: PlacedOrder
) -> None:
    listed = said("payment-plans", "list", "--event", event.slug)
    shown = ticketing("payment-plans", "list", "--event", event.slug)
    story = ticketing("orders", "show", in_two_parts.order.code)
    ended = ticketing("payment-plans", "disable", "--event", event.slug, "--name", "2x")

    assert listed == [
        {
            "name": "2x", "shares": [60, 40], "everyDays": 2, "lastBeforeDays": 0,
            "graceDays": 1, "overdue": "keep", "tickets": "all",
        }
    ]  # fmt: skip
    assert "60, 40" in shown.stdout
    assert re.search(r"instalment 1  Rp180\.000 due .*, not paid", story.stdout), story.stdout
    assert ended.returncode == 0
    assert said("payment-plans", "list", "--event", event.slug) == []


def test_a_part_that_will_be_due_is_told_of_with_the_sweep(
    said: Callable[..., Any], database: Database, in_two_parts: PlacedOrder
) -> None:
    at, before = datetime.now(UTC), said("expire-orders")
    with database.transaction() as connection:
        attempt = attempt_queries.get_or_insert_open(connection, in_two_parts.order, at=at)
        statement = PaymentStatus(
            attempt.key, "tx", AttemptState.SETTLED, attempt.amount, Rupiah(0), "qris"
        )
        record_payment(connection, attempt, statement, at=at, by="worker")

    after, again = said("expire-orders"), said("expire-orders")

    assert [one["reminded"] for one in (before, after, again)] == [0, 1, 0]


@pytest.mark.parametrize(
    ("parts", "wrong"),
    [("60,x", "like 40,30,30"), ("60,30", "add up to 90 %"), ("100", "1 instalments")],
)
def test_parts_that_are_no_whole_are_refused_in_words(
    ticketing: Ticketing, event: Event, parts: str, wrong: str
) -> None:
    refused = ticketing(
        "payment-plans", "create", "--event", event.slug, "--name", "odd", "--parts", parts
    )

    assert refused.returncode == 2
    assert wrong in refused.stderr
