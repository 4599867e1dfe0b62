"""Tests of the selling commands: ticket types, orders, refunds, cancellations, payment plans."""

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from simulators.midtrans.server import MidtransSimulator
from ticketing.catalogue import ticket_type_queries
from ticketing.events.model import Event
from ticketing.events.queries import get_event
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
from ticketing.selling.waiting_list.join_list import join_waiting_list

Run = Callable[..., subprocess.CompletedProcess[str]]
Ticketing = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def midtrans() -> Iterator[MidtransSimulator]:
    """Start the simulated gateway without notifications."""
    with MidtransSimulator() as simulator:
        yield simulator


@pytest.fixture
def ticketing(
    run_ticketing: Run, database_url: str, midtrans: MidtransSimulator, tmp_path: Path
) -> Ticketing:
    """Return a function that runs `ticketing …` with the test's database and gateway."""
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
def run_json(ticketing: Ticketing) -> Callable[..., Any]:
    """Return a function that runs a command with `--json` and returns its output."""

    def run(*arguments: str) -> Any:  # noqa: ANN401 - JSON is anything
        done = ticketing(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.fixture
def vip(ticketing: Ticketing, database: Database, event: Event) -> int:
    """Put the ticket type VIP (Rp150.000, five places) on sale by command; return its id."""
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
    """Return a function that places an order of two VIP places."""
    sari = Buyer("email:sari@example.org", "Sari", "sari@example.org", "")

    def place() -> PlacedOrder:
        at = datetime.now(UTC)
        return place_order(
            database, event, requested=[Selection(vip, 2)], buyer=sari, at=at, by="web"
        )

    return place


@pytest.fixture
def place_paid_order(
    database: Database, midtrans: MidtransSimulator, order: Callable[[], PlacedOrder]
) -> Callable[[str], str]:
    """Return a function that places an order paid by a given method; returns its code."""

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


def test_ticket_types_are_listed_as_a_table_and_as_json(
    ticketing: Ticketing,
    run_json: Callable[..., Any],
    event: Event,
    order: Callable[[], PlacedOrder],
) -> None:
    order()

    shown = ticketing("ticket-types", "list", "--event", event.slug)
    told = run_json("ticket-types", "list", "--event", event.slug)

    cells = ["VIP", "yes", "Rp150.000", "5", "3", "2", "0"]
    assert re.search(r"\s+".join(map(re.escape, cells)), shown.stdout), shown.stdout
    assert [(one["available"], one["pending"], one["sold"]) for one in told] == [(3, 2, 0)]


def test_a_capacity_below_the_sold_places_is_refused_with_an_error(
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
    ticketing: Ticketing, run_json: Callable[..., Any], event: Event, vip: int
) -> None:
    assert vip
    made = ticketing(
        "promos", "create", "--event", event.slug, "early 10", "--percent", "10", "--type", "VIP"
    )
    ended = ticketing("promos", "disable", "--event", event.slug, "EARLY10")

    (listed,) = run_json("promos", "list", "--event", event.slug)

    assert (made.returncode, ended.returncode) == (0, 0)
    assert (listed["code"], listed["value"], listed["ticket_type"]) == ("EARLY10", 10, "VIP")
    assert listed["valid_until"] < event.ends_at.isoformat(" ")


def test_a_refund_is_planned_applied_and_listed(
    ticketing: Ticketing,
    run_json: Callable[..., Any],
    event: Event,
    place_paid_order: Callable[[str], str],
) -> None:
    code = place_paid_order("gopay")
    ticketing("refunds", "policy", "--event", event.slug, "--fee-percent", "10")

    planned = run_json("refunds", "plan", code, "--place", "2", "--reason", "ill")
    done = run_json("refunds", "apply", code, "--plan", planned["plan_hash"])
    history = ticketing("orders", "show", code)
    listed = run_json("orders", "list", "--event", event.slug, "--state", "paid")

    assert (planned["amount"], planned["kept"], planned["places_left"]) == (135_000, 15_000, 1)
    assert [(one["amount"], one["state"]) for one in done] == [(135_000, "done")]
    assert (
        f"{code} is paid: subtotal Rp300.000, discount Rp0, total Rp300.000, refunded Rp135.000"
        in history.stdout
    )
    assert f"refund        {code}-01-R1 Rp135.000 gateway done: ill" in history.stdout
    assert [(one["code"], one["places"], one["refunded"]) for one in listed] == [(code, 1, 135_000)]


def test_the_office_gives_a_place_to_another_guest(
    ticketing: Ticketing, place_paid_order: Callable[[str], str]
) -> None:
    code = place_paid_order("gopay")

    done = ticketing("orders", "set-guest", code, "--place", "2", "--name", "Budi Santoso")
    refused = ticketing("orders", "set-guest", code, "--place", "3", "--name", "Ayu")
    history = ticketing("orders", "show", code)

    assert f"Place 2 of {code} is now in the name of Budi Santoso." in done.stdout
    assert (refused.returncode, "has places 1 to 2" in refused.stderr) == (2, True)
    assert "position 1    VIP: no ticket, Sari\n" in history.stdout
    assert "position 2    VIP: no ticket, Budi Santoso\n" in history.stdout


def test_the_office_corrects_a_contact(
    ticketing: Ticketing, place_paid_order: Callable[[str], str]
) -> None:
    code = place_paid_order("gopay")

    done = ticketing("orders", "correct-contact", code, "--contact", "sari@right.org")
    refused = ticketing("orders", "correct-contact", code, "--contact", "nobody")

    assert done.stdout.startswith(f"The buyer of {code} is reached by s•••@right.org")
    assert refused.returncode == 2
    assert "neither an e-mail address nor a phone number" in refused.stderr
    assert "orders.correct_contact by cli:" in ticketing("orders", "show", code).stdout


@pytest.mark.parametrize(("method", "options"), [("bca_va", ()), ("credit_card", ("--by-hand",))])
def test_a_manual_refund_is_listed_until_it_is_marked_as_done(
    ticketing: Ticketing,
    run_json: Callable[..., Any],
    event: Event,
    place_paid_order: Callable[[str], str],
    method: str,
    options: tuple[str, ...],
) -> None:
    code = place_paid_order(method)
    planned = run_json("refunds", "plan", code, *options)
    run_json("refunds", "apply", code, "--plan", planned["plan_hash"])

    owed = run_json("refunds", "list", "--event", event.slug)
    ticketing("refunds", "mark-paid", code, "--reference", "BCA 4711")

    assert [(one["state"], one["amount"]) for one in owed] == [("manual", 300_000)]
    assert run_json("refunds", "list", "--event", event.slug) == []
    assert run_json("orders", "show", code)["refunds"][0]["reference"] == "BCA 4711"


@pytest.fixture
def place_order_paid_late(
    database: Database, midtrans: MidtransSimulator, order: Callable[[], PlacedOrder]
) -> Callable[[], str]:
    """Return a function that places an order paid after its cancellation; returns its code."""

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


def test_a_review_flag_is_listed_and_resolved(
    ticketing: Ticketing,
    run_json: Callable[..., Any],
    event: Event,
    place_order_paid_late: Callable[[], str],
) -> None:
    first, second = place_order_paid_late(), place_order_paid_late()
    flag = "paid_after_cancelling"

    flagged = run_json("orders", "list", "--event", event.slug, "--flagged")
    planned = run_json("orders", "resolve", first, "--flag", flag, "--by", "refund")
    ticketing("refunds", "apply", first, "--plan", planned["plan_hash"])
    noted = ticketing(
        "orders", "resolve", second, "--flag", flag, "--by", "note", "--reason", "by phone"
    )
    refused = ticketing("orders", "resolve", second, "--flag", flag, "--by", "complete")

    assert {one["code"]: one["flags"] for one in flagged} == {first: [flag], second: [flag]}
    assert (planned["amount"], planned["places"]) == (300_000, [])
    assert (noted.returncode, refused.returncode) == (0, 2)
    assert run_json("orders", "list", "--event", event.slug, "--flagged") == []


def test_a_payment_of_another_amount_is_accepted_as_planned(
    ticketing: Ticketing, run_json: Callable[..., Any], event: Event,
    midtrans: MidtransSimulator, place_paid_order: Callable[[str], str],
) -> None:  # fmt: skip
    midtrans.faults.set(amount_off=-7_000)
    code = place_paid_order("gopay")
    resolve = ("orders", "resolve", code, "--flag", "amount_differs", "--by", "accept")

    unexplained = ticketing(*resolve)
    shown = ticketing(*resolve, "--reason", "promo of the bank").stdout
    plan = run_json(*resolve, "--reason", "promo of the bank")
    accepted = run_json("orders", "accept", code, "--plan", plan["plan_hash"])
    ledger = run_json("ledger", "list", "--event", event.slug)

    assert (unexplained.returncode, accepted["state"]) == (2, "paid")
    assert "Rp293.000 of " in shown
    assert f"orders accept {code} --plan {plan['plan_hash']}" in shown
    assert ledger["totals"]["order.shortfall"]["sale"] == -7_000
    assert ledger["means"]["gateway"]["money"] == 293_000


def test_a_transaction_is_assigned_as_planned(
    ticketing: Ticketing, run_json: Callable[..., Any], midtrans: MidtransSimulator,
    database: Database, order: Callable[[], PlacedOrder],
) -> None:  # fmt: skip
    at, placed = datetime.now(UTC), order()
    with database.transaction() as connection:
        locked = order_queries.lock(connection, placed.order.id)
        attempt = attempt_queries.get_or_insert_open(connection, locked, at=at)
    with Midtrans(MidtransAccount.for_base_url(midtrans.url, midtrans.server_key)) as client:
        items = (CheckoutItem("A", "A", attempt.amount, 1),)
        client.create_checkout_session(CheckoutRequest(attempt.key, items, at, 60))
    known = midtrans.push(attempt.key, "pay", "dana")["transaction_id"]
    assign = ("orders", "assign", placed.order.code)

    refused = ticketing(*assign)
    plan = run_json(*assign, "--transaction", known, "--reason", "seen in the dashboard")
    shown = ticketing(*assign, "--transaction", known, "--reason", "seen in the dashboard").stdout
    assigned = run_json(*assign, "--plan", plan["plan_hash"])

    assert (refused.returncode, assigned["state"]) == (2, "paid")
    assert f"transaction {known} (settlement, Rp300.000) would pay {attempt.key}" in shown


def test_an_order_is_sold_at_the_box_office_once(
    ticketing: Ticketing, run_json: Callable[..., Any], event: Event, vip: int
) -> None:
    create = ("orders", "create", "--event", event.slug, "--quantity", "2", "--name", "Sari")
    create += ("--reason", "no card", "--key", "till-1-17", "--paid-by")

    sold = [run_json(*create, "cash", "--ticket-type", "VIP") for _ in range(2)]
    online = ticketing(*create, "gateway", "--ticket-type", "VIP")
    unknown = ticketing(*create, "cash", "--ticket-type", "Nothing")
    history = ticketing("orders", "show", sold[0]["order"])
    day = run_json("payments", "reconcile", "--day", f"{datetime.now(ZoneInfo('Asia/Jakarta')):%F}")

    assert sold[0] == sold[1]
    assert (sold[0]["state"], sold[0]["total"], sold[0]["paidBy"]) == ("paid", 300_000, "cash")
    assert (online.returncode, unknown.returncode) == (2, 2)
    assert "VIP are" in unknown.stderr
    assert "settlement by cash: Rp300.000" in history.stdout
    assert (day["attempts"], day["cash"], day["mismatches"]) == (0, 300_000, [])
    assert vip


def test_a_failed_sale_names_the_guests_it_needs_and_the_key_to_repeat_it_with(
    ticketing: Ticketing, run_json: Callable[..., Any], event: Event, vip: int
) -> None:
    assert ticketing("events", "update", event.slug, "--guest-names-required").returncode == 0
    create = ("orders", "create", "--event", event.slug, "--quantity", "2", "--name", "Sari")
    create += ("--reason", "no card", "--paid-by", "cash", "--ticket-type", "VIP")

    failed = ticketing(*create)
    key = re.search(r"--key ([0-9a-f-]{36})", failed.stderr)
    assert key is not None
    repeated = (*create, "--guest", "Ani", "--guest", "Budi", "--key", key[1])
    sold = [run_json(*repeated) for _ in range(2)]

    assert (failed.returncode, sold[0]) == (2, sold[1])
    assert "2 places need a name on their tickets" in failed.stderr
    assert vip


def test_an_event_is_cancelled_and_all_orders_are_refunded(
    ticketing: Ticketing,
    run_json: Callable[..., Any],
    event: Event,
    place_paid_order: Callable[[str], str],
) -> None:
    code = place_paid_order("gopay")

    planned = run_json("cancellations", "plan", "--event", event.slug, "--reason", "rain")
    shown = ticketing(
        "cancellations", "apply", "--event", event.slug, "--plan", planned["plan_hash"]
    )

    assert (planned["amount"], planned["by_hand"], planned["pending"]) == (300_000, 0, 0)
    assert shown.returncode == 0, shown.stderr
    assert "is cancelled.\nEnded now: 1 orders, 0 tickets." in shown.stdout
    assert run_json("orders", "show", code)["order"]["state"] == "cancelled"
    assert run_json("ticket-types", "list", "--event", event.slug)[0]["onSale"] is False


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
    ("arguments", "message"),
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
def test_bad_usage_of_selling_commands_is_exit_code_2_and_names_the_error(
    ticketing: Ticketing, arguments: list[str], message: str
) -> None:
    refused = ticketing(*arguments)

    assert refused.returncode == 2
    assert message in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.fixture
def order_in_two_instalments(
    database: Database, ticketing: Ticketing, event: Event, vip: int
) -> PlacedOrder:
    """Place an order of two VIP places in two instalments, two days apart, by a command's plan."""
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
    ticketing: Ticketing,
    run_json: Callable[..., Any],
    event: Event,
    order_in_two_instalments: PlacedOrder,
) -> None:
    listed = run_json("payment-plans", "list", "--event", event.slug)
    shown = ticketing("payment-plans", "list", "--event", event.slug)
    history = ticketing("orders", "show", order_in_two_instalments.order.code)
    ended = ticketing("payment-plans", "disable", "--event", event.slug, "--name", "2x")

    assert listed == [
        {
            "name": "2x", "shares": [60, 40], "everyDays": 2, "lastBeforeDays": 0,
            "graceDays": 1, "overdue": "keep", "tickets": "all",
        }
    ]  # fmt: skip
    assert "60, 40" in shown.stdout
    assert re.search(r"instalment 1  Rp180\.000 due .*, not paid", history.stdout), history.stdout
    assert ended.returncode == 0
    assert run_json("payment-plans", "list", "--event", event.slug) == []


def test_order_expiry_enqueues_reminders_of_instalments_that_will_be_due(
    run_json: Callable[..., Any], database: Database, order_in_two_instalments: PlacedOrder
) -> None:
    at, before = datetime.now(UTC), run_json("expire-orders")
    with database.transaction() as connection:
        attempt = attempt_queries.get_or_insert_open(
            connection, order_in_two_instalments.order, at=at
        )
        statement = PaymentStatus(
            attempt.key, "tx", AttemptState.SETTLED, attempt.amount, Rupiah(0), "qris"
        )
        record_payment(connection, attempt, statement, at=at, by="worker")

    after, again = run_json("expire-orders"), run_json("expire-orders")

    assert [one["reminded"] for one in (before, after, again)] == [0, 1, 0]


@pytest.mark.parametrize(
    ("percentages", "message"),
    [("60,x", "like 40,30,30"), ("60,30", "add up to 90 %"), ("100", "1 instalments")],
)
def test_percentages_that_do_not_add_up_to_100_are_refused_with_an_error(
    ticketing: Ticketing, event: Event, percentages: str, message: str
) -> None:
    refused = ticketing(
        "payment-plans", "create", "--event", event.slug, "--name", "odd", "--parts", percentages
    )

    assert refused.returncode == 2
    assert message in refused.stderr


def test_a_waiting_list_and_sending_rules_are_managed_by_commands(
    ticketing: Ticketing, run_json: Callable[..., Any], database: Database, event: Event, vip: int
) -> None:
    chosen = run_json(
        "events", "update", event.slug, "--late-payments", "refund", "--waiting-list-hours", "12",
        "--starts", "2099-12-12 08:00", "--ends", "2099-12-12 12:00",
    )  # fmt: skip
    event = get_event(database, event.slug)
    refused = ticketing("events", "update", event.slug, "--late-payments", "keep")
    at = datetime.now(UTC)
    ani, budi = (
        Buyer(f"email:{n}@example.org", n, f"{n}@example.org", "") for n in ("ani", "budi")
    )
    placed = place_order(
        database, event, requested=[Selection(vip, 5)], buyer=ani, at=at, by="test"
    )
    join_waiting_list(database, event, vip, quantity=2, buyer=budi, at=at, by="test")
    [waiting] = run_json("waiting-list", "list", "--event", event.slug)
    sold_out = ticketing("waiting-list", "offer", str(waiting["id"]))
    cancel_order(database, placed.order.id, at=at, by="test")
    run_json("waiting-list", "offer", str(waiting["id"]))
    [offered] = run_json("waiting-list", "list", "--event", event.slug)
    removed = run_json("waiting-list", "remove", str(waiting["id"]), "--reason", "by phone")

    assert (chosen["late_payments"], chosen["waiting_list_hours"]) == ("refund", 12)
    assert (refused.returncode, "choose accept, refund, review" in refused.stderr) == (2, True)
    assert (sold_out.returncode, "2 places requested, 0 left" in sold_out.stderr) == (2, True)
    assert (waiting["state"], offered["state"], removed["state"]) == ("waiting", "offered", "left")

    rules = ("campaigns", "rules")
    made = run_json(*rules, "create", "--event", event.slug, "--days", "3")
    twice = ticketing(*rules, "create", "--event", event.slug, "--days", "3", "--hours", "3")
    preview = run_json(*rules, "preview", "--event", event.slug, str(made["rule"]))
    run_json(*rules, "disable", "--event", event.slug, str(made["rule"]))
    [rule] = run_json(*rules, "list", "--event", event.slug)

    assert (twice.returncode, "give one of" in twice.stderr) == (2, True)
    assert made["due"].startswith("2099-12-09 01:00")
    assert (preview, rule["state"], rule["audience"]) == ([], "disabled", "unopened")
