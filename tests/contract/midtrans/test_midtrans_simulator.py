"""Tests of the Midtrans simulator: notifications and retries, faults, the page, the switches."""

import json
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from simulators.midtrans.merchant import MerchantWebhook
from simulators.midtrans.methods import METHODS
from simulators.midtrans.notifier import RETRY_DELAYS_SECONDS, max_retries
from simulators.midtrans.server import MidtransSimulator
from simulators.midtrans.transaction import signature
from ticketing.selling.payments.midtrans.notification import parse_notification
from ticketing.selling.payments.midtrans.signed_fields import has_valid_signature

REQUEST = {
    "transaction_details": {"order_id": "SIM-01", "gross_amount": 200_000},
    "custom_field1": "ours",
    "callbacks": {"finish": "https://shop.example/orders/abc"},
}


@pytest.fixture
def page(browser: httpx.Client) -> str:
    """Return the address of an open payment page for SIM-01."""
    return str(browser.post("/snap/v1/transactions", json=REQUEST).json()["redirect_url"])


def test_its_signature_is_the_vendors() -> None:
    key = "askvnoibnosifnboseofinbofinfgbiufglnbfg"

    signed = signature("1111", "200", "100000.00", key)

    assert signed.startswith("edc076b21793ebe3")
    assert signed.endswith("d4c231")


@pytest.mark.usefixtures("page")
def test_a_payment_is_notified_step_by_step(
    midtrans: MidtransSimulator, merchant: MerchantWebhook
) -> None:
    midtrans.push("SIM-01", "pay", "bca_va")
    midtrans.notifications(at_least=2)

    pending, settled = merchant.told
    assert (pending["transaction_status"], pending["status_code"]) == ("pending", "201")
    assert (settled["transaction_status"], settled["status_code"]) == ("settlement", "200")
    assert settled["gross_amount"] == "200000.00"
    assert "va_numbers" in settled
    assert settled["custom_field1"] == "ours"
    assert merchant.headers[0]["user-agent"] == "Veritrans"
    assert merchant.headers[0]["content-type"] == "application/json"


@pytest.mark.usefixtures("page")
@pytest.mark.parametrize("method", METHODS)
def test_notifications_of_every_payment_method_are_readable(
    midtrans: MidtransSimulator, method: str
) -> None:
    midtrans.push("SIM-01", "pay", method)

    told = [parse_notification(a.body.encode()) for a in midtrans.notifications(at_least=2)]
    assert [each.state.has_taken_money for each in told] == [False, True]
    assert all(has_valid_signature(each, midtrans.server_key) for each in told)


@pytest.mark.usefixtures("page")
@pytest.mark.parametrize(
    ("moves", "state"),
    [
        (["pay", "settle"], "settlement"),
        (["decline"], "deny"),
        (["fail"], "failure"),
        (["challenge"], "challenge"),
        (["time-out"], "expire"),
        (["time-out", "settle"], "settlement"),
        (["pay", "settle", "reverse"], "deny"),
        (["pay", "chargeback"], "chargeback"),
        (["pay", "partial_chargeback", "chargeback"], "chargeback"),
    ],
)
def test_every_change_of_a_payment_is_notified(
    midtrans: MidtransSimulator, moves: list[str], state: str
) -> None:
    midtrans.push("SIM-01", "choose", "credit_card")

    for move in moves:
        midtrans.push("SIM-01", move)

    *_, last = midtrans.notifications(at_least=1 + len(moves))
    assert parse_notification(last.body.encode()).state == state


@pytest.mark.usefixtures("page")
def test_an_impossible_transition_is_refused(midtrans: MidtransSimulator) -> None:
    midtrans.push("SIM-01", "pay", "gopay")

    with pytest.raises(ValueError, match="decline"):
        midtrans.push("SIM-01", "decline")


@pytest.mark.parametrize(
    ("answer", "retries"),
    [
        (200, 0),
        (204, 0),
        (301, 0),
        (302, 0),
        (303, 0),
        (400, 2),
        (404, 2),
        (500, 1),
        (503, 4),
        (403, 5),
        (502, 5),
        (None, 5),
    ],
)
def test_the_response_decides_how_often_a_notification_is_retried(
    answer: int | None, retries: int
) -> None:
    assert max_retries(answer) == retries


@pytest.mark.usefixtures("page")
@pytest.mark.parametrize(
    ("answers", "attempts"),
    [([500, 500], 2), ([503] * 5, 5), ([404] * 3, 3), ([403] * 6, 6), ([503, 200], 2), ([302], 1)],
)
def test_an_unaccepted_notification_is_retried_at_the_documented_intervals(
    midtrans: MidtransSimulator, merchant: MerchantWebhook, answers: list[int], attempts: int
) -> None:
    merchant.answers = list(answers)

    midtrans.push("SIM-01", "choose", "bca_va")
    made = midtrans.notifications(at_least=attempts)

    assert [attempt.answer for attempt in made] == answers
    assert [attempt.number for attempt in made] == list(range(1, attempts + 1))
    assert made[-1].retry_in_seconds is None
    assert all(
        step <= (attempt.retry_in_seconds or 0) <= 2 * step
        for step, attempt in zip(RETRY_DELAYS_SECONDS, made[:-1], strict=False)
    )


@pytest.mark.usefixtures("page")
def test_a_temporary_redirect_is_followed_with_the_notification(
    midtrans: MidtransSimulator, merchant: MerchantWebhook
) -> None:
    merchant.answers = [307]

    midtrans.push("SIM-01", "choose", "bca_va")

    (attempt,) = midtrans.notifications(at_least=1)
    assert attempt.answer == 200
    assert merchant.told[0] == merchant.told[1]


@pytest.mark.parametrize(
    ("header", "notified"),
    [("X-Append-Notification", ["dashboard", "also"]), ("X-Override-Notification", ["also"])],
)
def test_a_request_can_name_its_notification_address(
    merchant: MerchantWebhook, header: str, notified: list[str]
) -> None:
    addresses = {"dashboard": merchant.url, "also": f"{merchant.url}/also"}
    with (
        MidtransSimulator(addresses["dashboard"]) as midtrans,
        httpx.Client(headers={header: addresses["also"]}) as shop,
    ):
        auth = (midtrans.server_key, "")
        shop.post(f"{midtrans.url}/snap/v1/transactions", json=REQUEST, auth=auth)

        midtrans.push("SIM-01", "choose", "gopay")

        attempts = midtrans.notifications(at_least=len(notified))
    assert [attempt.url for attempt in attempts] == [addresses[name] for name in notified]


def test_an_unreachable_merchant_is_notified_six_times() -> None:
    with MidtransSimulator("http://127.0.0.1:9/", speed=1_000_000) as midtrans:
        httpx.post(
            f"{midtrans.url}/snap/v1/transactions", json=REQUEST, auth=(midtrans.server_key, "")
        )

        midtrans.push("SIM-01", "choose", "bca_va")

        made = midtrans.notifications(at_least=6)
    assert [attempt.answer for attempt in made] == [None] * 6
    assert made[-1].retry_in_seconds is None


@pytest.mark.usefixtures("page")
def test_notifications_can_be_duplicated(
    midtrans: MidtransSimulator, merchant: MerchantWebhook
) -> None:
    midtrans.faults.set(duplicates=2)

    midtrans.push("SIM-01", "choose", "bca_va")
    midtrans.notifications(at_least=3)

    assert [told["transaction_status"] for told in merchant.told] == ["pending"] * 3


@pytest.mark.usefixtures("page")
def test_notifications_can_arrive_out_of_order(
    midtrans: MidtransSimulator, merchant: MerchantWebhook
) -> None:
    midtrans.faults.set(disorder_seconds=5)

    midtrans.push("SIM-01", "pay", "bca_va")
    midtrans.notifications(at_least=2)

    assert [told["transaction_status"] for told in merchant.told] == ["settlement", "pending"]


@pytest.mark.usefixtures("page")
def test_a_notification_held_back_for_reordering_is_sent_at_last(
    midtrans: MidtransSimulator, merchant: MerchantWebhook
) -> None:
    midtrans.faults.set(disorder_seconds=0.1)

    midtrans.push("SIM-01", "choose", "bca_va")
    midtrans.notifications(at_least=1)

    assert [told["transaction_status"] for told in merchant.told] == ["pending"]


@pytest.mark.usefixtures("page")
def test_notifications_can_be_delayed(midtrans: MidtransSimulator) -> None:
    midtrans.faults.set(delay_seconds=0.3)
    before = datetime.now(UTC)

    midtrans.push("SIM-01", "choose", "bca_va")

    (attempt,) = midtrans.notifications(at_least=1)
    assert attempt.at - before >= timedelta(seconds=0.3)


@pytest.mark.usefixtures("page")
def test_notifications_can_be_lost(midtrans: MidtransSimulator, merchant: MerchantWebhook) -> None:
    midtrans.faults.set(lost=1)

    midtrans.push("SIM-01", "pay", "bca_va")
    midtrans.notifications(at_least=1)

    assert [told["transaction_status"] for told in merchant.told] == ["settlement"]


@pytest.mark.usefixtures("page")
def test_notifications_can_have_a_wrong_signature(midtrans: MidtransSimulator) -> None:
    midtrans.faults.set(forged=1)

    midtrans.push("SIM-01", "pay", "bca_va")

    forged, genuine = [
        parse_notification(a.body.encode()) for a in midtrans.notifications(at_least=2)
    ]
    assert not has_valid_signature(forged, midtrans.server_key)
    assert has_valid_signature(genuine, midtrans.server_key)


@pytest.mark.usefixtures("page")
def test_notifications_can_have_changed_fields_outside_of_the_signature(
    midtrans: MidtransSimulator,
) -> None:
    midtrans.faults.set(flipped={"transaction_status": "refund"})

    midtrans.push("SIM-01", "pay", "gopay")

    *_, flipped = midtrans.notifications(at_least=2)
    notification = parse_notification(flipped.body.encode())
    assert has_valid_signature(notification, midtrans.server_key)
    assert notification.state == "refund"


@pytest.mark.usefixtures("page")
@pytest.mark.slow
def test_a_payment_can_settle_after_its_expiry(
    midtrans: MidtransSimulator, browser: httpx.Client
) -> None:
    midtrans.faults.set(settle_after_seconds=3)
    midtrans.push("SIM-01", "pay", "bca_va")

    browser.post("/v2/SIM-01/expire")

    told = [json.loads(a.body)["transaction_status"] for a in midtrans.notifications(at_least=3)]
    assert told == ["pending", "expire", "settlement"]


@pytest.mark.usefixtures("page")
def test_a_wrong_amount_is_signed_correctly(midtrans: MidtransSimulator) -> None:
    midtrans.faults.set(amount_off=-1_000)

    midtrans.push("SIM-01", "pay", "gopay")

    *_, settled = midtrans.notifications(at_least=2)
    notification = parse_notification(settled.body.encode())
    assert has_valid_signature(notification, midtrans.server_key)
    assert notification.gross_amount == "199000.00"


@pytest.mark.usefixtures("page")
def test_a_refund_is_reported_twice(
    midtrans: MidtransSimulator, browser: httpx.Client, merchant: MerchantWebhook
) -> None:
    midtrans.push("SIM-01", "pay", "gopay")

    browser.post("/v2/SIM-01/refund", json={"refund_key": "R1", "amount": 50_000})
    midtrans.notifications(at_least=4)

    asked, confirmed = [parse_notification(json.dumps(told).encode()) for told in merchant.told[2:]]
    assert [refund.confirmed for refund in asked.refunds] == [False]
    assert [refund.confirmed for refund in confirmed.refunds] == [True]


def test_an_unpaid_payment_expires_by_itself(
    midtrans: MidtransSimulator, browser: httpx.Client
) -> None:
    begun = (datetime.now(UTC) - timedelta(seconds=59)).strftime("%Y-%m-%d %H:%M:%S +0000")
    expiry = {"start_time": begun, "unit": "minute", "duration": 1}
    page_expiry = {"unit": "minute", "duration": 5}
    request = REQUEST | {"expiry": expiry, "page_expiry": page_expiry}
    browser.post("/snap/v1/transactions", json=request)

    midtrans.push("SIM-01", "choose", "bca_va")

    told = [json.loads(a.body)["transaction_status"] for a in midtrans.notifications(at_least=2)]
    assert told == ["pending", "expire"]


@pytest.mark.usefixtures("page")
def test_an_idempotency_key_repeats_the_response(
    midtrans: MidtransSimulator, browser: httpx.Client
) -> None:
    midtrans.push("SIM-01", "choose", "bca_va")
    key = {"Idempotency-Key": "once"}

    first = browser.post("/v2/SIM-01/cancel", headers=key)
    again = browser.post("/v2/SIM-01/cancel", headers=key)
    without = browser.post("/v2/SIM-01/cancel")

    assert (first.status_code, again.json()) == (200, first.json())
    assert without.status_code == 412


@pytest.mark.parametrize(
    ("request_body", "message"),
    [
        ({}, "transaction_details is required"),
        ({"transaction_details": {"gross_amount": 1}}, "order_id is required"),
        ({"transaction_details": {"order_id": "a b", "gross_amount": 1}}, "order_id must be"),
        ({"transaction_details": {"order_id": "a" * 51, "gross_amount": 1}}, "order_id must be"),
        ({"transaction_details": {"order_id": "a"}}, "gross_amount is required"),
        ({"transaction_details": {"order_id": "a", "gross_amount": "1"}}, "an integer"),
        ({"transaction_details": {"order_id": "a", "gross_amount": 0}}, "greater than 0"),
        (REQUEST | {"item_details": [{"price": 200_000, "quantity": 1}]}, "name is required"),
        (REQUEST | {"expiry": {"unit": "week", "duration": 1}}, "expiry.unit"),
        (REQUEST | {"expiry": {"unit": "day", "duration": 0}}, "expiry.duration"),
        (
            REQUEST | {"expiry": {"unit": "day", "duration": 1, "start_time": "now"}},
            "expiry.start_time",
        ),
        (REQUEST | {"custom_field1": "x" * 256}, "custom_field1 too long"),
        ([], "not a valid JSON object"),
    ],
)
def test_an_invalid_snap_request_is_refused_with_the_reason(
    browser: httpx.Client, request_body: object, message: str
) -> None:
    answer = browser.post("/snap/v1/transactions", json=request_body)

    assert answer.status_code == 400
    assert message in answer.json()["error_messages"][0]


def test_core_api_errors_have_their_code_in_the_body(browser: httpx.Client) -> None:
    unknown = browser.post("/v2/SIM-99/cancel")
    illegible = browser.post("/v2/SIM-99/cancel", content=b"{")
    stranger = browser.get("/v2/SIM-99/status", auth=("another", ""))

    assert (unknown.status_code, unknown.json()["status_code"]) == (404, "404")
    assert (illegible.status_code, illegible.json()["status_code"]) == (413, "413")
    assert (stranger.status_code, stranger.json()["status_code"]) == (401, "401")


def test_a_buyer_chooses_and_pays_on_the_page(
    midtrans: MidtransSimulator, browser: httpx.Client, page: str
) -> None:
    offered = browser.get(page, auth=None)
    waiting = browser.post(page, data={"method": "bca_va"}, auth=None)
    paid = browser.post(page, data={"move": "pay"}, auth=None)

    assert "SIMULATION" in offered.text
    assert 'value="gopay"' in offered.text
    assert "Virtual account" in waiting.text
    assert "settlement" in paid.text
    assert "transaction_status=settlement" in paid.text
    assert midtrans.bank.status("SIM-01")["transaction_status"] == "settlement"


def test_a_buyer_may_try_another_method_after_a_refusal(browser: httpx.Client, page: str) -> None:
    browser.post(page, data={"method": "credit_card"})
    refused = browser.post(page, data={"move": "decline"})
    browser.post(page, data={"method": "gopay"})
    paid = browser.post(page, data={"move": "pay"})

    assert "The payment was declined" in refused.text
    assert "settlement" in paid.text


def test_after_the_end_a_new_page_for_the_same_order_can_be_paid(
    midtrans: MidtransSimulator, browser: httpx.Client, page: str
) -> None:
    midtrans.push("SIM-01", "choose", "bca_va")
    midtrans.push("SIM-01", "time-out")

    old = browser.post(page, data={"method": "gopay"})
    browser.post("/snap/v1/transactions", json=REQUEST)
    paid = midtrans.push("SIM-01", "pay", "gopay")

    assert "expire" in old.text
    assert paid["transaction_status"] == "settlement"


def test_a_buyer_may_leave_without_paying(browser: httpx.Client, page: str) -> None:
    offered = browser.get(page)

    assert 'href="https://shop.example/orders/abc?order_id=SIM-01"' in offered.text


def test_the_page_shows_what_the_merchant_wrote_and_runs_none_of_it(browser: httpx.Client) -> None:
    items = [{"name": "<script>alert(1)</script>", "price": 200_000, "quantity": 1}]
    created = browser.post("/snap/v1/transactions", json=REQUEST | {"item_details": items}).json()

    shown = browser.get(created["redirect_url"])

    assert "<script>" not in shown.text
    assert "&lt;script&gt;" in shown.text


def test_an_unknown_page_is_not_found(browser: httpx.Client) -> None:
    assert browser.get("/snap/v4/redirection/none").status_code == 404


def test_faults_are_set_seen_and_cleared_from_outside(browser: httpx.Client) -> None:
    answers = [{"kind": "slow", "seconds": 1, "times": 2}]

    was = browser.post("/_simulator/faults", json={"duplicates": 3, "answers": answers}).json()
    is_now = browser.delete("/_simulator/faults").json()

    assert was["duplicates"] == 3
    assert was["answers"][0]["seconds"] == 1
    assert is_now["duplicates"] == 0
    assert is_now["answers"] == []


@pytest.mark.parametrize(
    "switches",
    [
        {"unheard": 1},
        {"duplicates": "many"},
        {"duplicates": True},
        {"duplicates": -1},
        {"flipped": 1},
        {"errors_with_http_200": 1},
        {"answers": {}},
        {"answers": [{"kind": "shout"}]},
        {"answers": [{"volume": 11}]},
    ],
)
def test_an_unknown_fault_is_refused_and_sets_nothing(
    midtrans: MidtransSimulator, browser: httpx.Client, switches: dict[str, object]
) -> None:
    answer = browser.post("/_simulator/faults", json={"lost": 1} | switches)

    assert answer.status_code == 400
    assert midtrans.faults.lost == 0


@pytest.mark.usefixtures("page")
def test_the_overview_shows_every_payment_and_notification(
    midtrans: MidtransSimulator, browser: httpx.Client
) -> None:
    pushed = browser.post("/_simulator/orders/SIM-01/pay", json={"method": "gopay"})
    midtrans.notifications(at_least=2)

    transactions = browser.get("/_simulator/transactions").json()
    notifications = browser.get("/_simulator/notifications").json()
    overview = browser.get("/_simulator")

    assert pushed.json()["transaction_status"] == "settlement"
    assert [each["order_id"] for each in transactions] == ["SIM-01"]
    assert [each["answer"] for each in notifications] == [200, 200]
    assert "SIM-01" in overview.text


@pytest.mark.usefixtures("page")
def test_an_impossible_push_over_http_is_refused(browser: httpx.Client) -> None:
    assert browser.post("/_simulator/orders/SIM-01/pay").status_code == 409
    assert browser.post("/_simulator/orders/SIM-01/fly").status_code == 400


@pytest.mark.usefixtures("page")
def test_a_notification_can_be_sent_again_by_hand(
    midtrans: MidtransSimulator, merchant: MerchantWebhook
) -> None:
    midtrans.push("SIM-01", "choose", "bca_va")

    midtrans.push("SIM-01", "notify")

    midtrans.notifications(at_least=2)
    assert merchant.told[0] == merchant.told[1]


@pytest.mark.process
def test_it_runs_from_the_shell_until_a_signal() -> None:
    command = [sys.executable, "-m", "simulators.midtrans", "--port", "0"]

    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[2].rstrip(",")
        overview = httpx.get(f"{url}/_simulator")
        process.send_signal(signal.SIGTERM)
        stopped = process.wait(60)

    assert overview.status_code == 200
    assert stopped == 0
