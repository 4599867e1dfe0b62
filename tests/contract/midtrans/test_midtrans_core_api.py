"""Tests of the simulated Core API: charges, cards, settlement after a day, refused requests."""

from collections.abc import Iterator

import httpx
import pytest

from simulators.midtrans.cards import OUTCOMES
from simulators.midtrans.merchant import MerchantWebhook
from simulators.midtrans.server import MidtransSimulator

ORDER = {"transaction_details": {"order_id": "CORE-01", "gross_amount": 50_000}}
QRIS = ORDER | {"payment_type": "qris"}
A_DAY_IN_MILLISECONDS = 86_400_000


@pytest.fixture
def fast_forward(merchant: MerchantWebhook) -> Iterator[MidtransSimulator]:
    """Start a Midtrans simulator on which a day takes a moment."""
    with MidtransSimulator(merchant.url, speed=A_DAY_IN_MILLISECONDS) as simulator:
        yield simulator


@pytest.fixture
def reserved(browser: httpx.Client) -> str:
    """Return the id of a card payment with 50,000 authorised and not captured."""
    token = browser.get("/v2/token", params={"card_number": "4811111111111114"}).json()["token_id"]
    card = {"payment_type": "credit_card", "credit_card": {"token_id": token, "type": "authorize"}}
    return str(browser.post("/v2/charge", json=ORDER | card).json()["transaction_id"])


@pytest.mark.parametrize(
    ("charge", "payment_type"),
    [
        ({"payment_type": "bank_transfer", "bank_transfer": {"bank": "permata"}}, "bank_transfer"),
        ({"payment_type": "echannel", "echannel": {}}, "echannel"),
        ({"payment_type": "cstore", "cstore": {"store": "alfamart"}}, "cstore"),
        ({"payment_type": "gopay"}, "gopay"),
        ({"payment_type": "qris"}, "qris"),
    ],
)
def test_a_charge_waits_for_its_buyer(
    midtrans: MidtransSimulator, browser: httpx.Client, charge: dict[str, object], payment_type: str
) -> None:
    charged = browser.post("/v2/charge", json=ORDER | charge).json()

    paid = midtrans.push("CORE-01", "pay")
    assert (charged["status_code"], charged["transaction_status"]) == ("201", "pending")
    assert charged["payment_type"] == payment_type
    assert paid["transaction_status"] == "settlement"


@pytest.mark.parametrize(
    ("charge", "problem"),
    [
        ({"payment_type": "cash"}, "payment_type is not supported"),
        ({"payment_type": "bank_transfer", "bank_transfer": {"bank": "x"}}, "payment_type"),
        ({"payment_type": "credit_card"}, "token_id is invalid"),
        ({"payment_type": "qris", "transaction_details": {}}, "transaction_details is required"),
    ],
)
def test_an_invalid_charge_is_refused_with_the_reason(
    browser: httpx.Client, charge: dict[str, object], problem: str
) -> None:
    answer = browser.post("/v2/charge", json=ORDER | charge)

    assert answer.status_code == 400
    assert answer.json()["status_code"] == "400"
    assert problem in answer.json()["validation_messages"][0]


def test_an_order_is_charged_once(midtrans: MidtransSimulator, browser: httpx.Client) -> None:
    browser.post("/v2/charge", json=QRIS)

    again = browser.post("/v2/charge", json=QRIS)
    midtrans.push("CORE-01", "time-out")
    after_the_end = browser.post("/v2/charge", json=QRIS)

    assert again.json()["status_code"] == "406"
    assert after_the_end.json()["status_code"] == "201"


@pytest.mark.parametrize(
    ("number", "status", "fraud", "code"),
    [
        ("4811 1111 1111 1114", "capture", "accept", "200"),
        ("4911 1111 1111 1113", "deny", "deny", "202"),
        ("4511 1111 1111 1117", "capture", "challenge", "201"),
        ("4611 1111 1111 1116", "deny", "deny", "202"),
    ],
)
def test_a_card_number_decides_the_banks_response(
    browser: httpx.Client, number: str, status: str, fraud: str, code: str
) -> None:
    token = browser.get("/v2/token", params={"card_number": number}).json()["token_id"]
    card = {"payment_type": "credit_card", "credit_card": {"token_id": token}}

    said = browser.post("/v2/charge", json=ORDER | card).json()

    assert (said["transaction_status"], said["fraud_status"]) == (status, fraud)
    assert said["status_code"] == code


def test_an_unknown_card_gets_no_token(browser: httpx.Client) -> None:
    answer = browser.get("/v2/token", params={"card_number": "4000000000000002"})

    assert answer.json()["status_code"] == "411"
    assert len(OUTCOMES) == 4


def test_an_authorised_amount_is_captured_once_and_not_exceeded(
    browser: httpx.Client, reserved: str
) -> None:
    too_much = browser.post(
        "/v2/capture", json={"transaction_id": reserved, "gross_amount": 50_001}
    )
    taken = browser.post("/v2/capture", json={"transaction_id": reserved, "gross_amount": 45_000})
    again = browser.post("/v2/capture", json={"transaction_id": reserved, "gross_amount": 45_000})

    assert [each.json()["status_code"] for each in (too_much, taken, again)] == [
        "400",
        "200",
        "412",
    ]
    assert taken.json()["gross_amount"] == "45000.00"


@pytest.mark.parametrize(
    ("move", "end"), [("pay", ("settlement", "accept")), ("challenge", ("cancel", "accept"))]
)
def test_a_day_settles_a_card_or_ends_its_review(
    fast_forward: MidtransSimulator, move: str, end: tuple[str, str]
) -> None:
    auth = (fast_forward.server_key, "")
    httpx.post(f"{fast_forward.url}/snap/v1/transactions", json=ORDER, auth=auth)

    fast_forward.push("CORE-01", move, "credit_card")
    fast_forward.notifications(at_least=3)

    said = fast_forward.bank.status("CORE-01")
    assert (said["transaction_status"], said["fraud_status"]) == end


def test_a_captured_card_stays_captured_until_then(
    midtrans: MidtransSimulator, browser: httpx.Client
) -> None:
    browser.post("/snap/v1/transactions", json=ORDER)

    midtrans.push("CORE-01", "pay", "credit_card")
    refused = browser.post("/v2/CORE-01/refund", json={"refund_key": "R1"})

    assert midtrans.bank.status("CORE-01")["transaction_status"] == "capture"
    assert refused.json()["status_code"] == "412"


def test_every_attempt_of_an_order_is_listed(
    midtrans: MidtransSimulator, browser: httpx.Client
) -> None:
    browser.post("/v2/charge", json=QRIS)
    midtrans.push("CORE-01", "decline")
    browser.post("/v2/charge", json=QRIS)

    listed = browser.get("/v2/CORE-01/status/b2b").json()["transactions"]
    unknown = browser.get("/v2/CORE-99/status/b2b")

    assert [each["transaction_status"] for each in listed] == ["deny", "pending"]
    assert unknown.status_code == 404


@pytest.mark.parametrize("path", ["/v2/charge", "/snap/v1/transactions"])
@pytest.mark.parametrize(
    "headers",
    [{"Accept": "text/html"}, {"Accept": "application/json", "Content-Type": "text/plain"}],
)
def test_only_json_is_spoken(browser: httpx.Client, path: str, headers: dict[str, str]) -> None:
    answer = browser.post(path, content=b"{}", headers=headers)

    assert answer.status_code == 403
    assert "application/json" in answer.text


@pytest.mark.parametrize("accept", ["*/*", "text/html, application/json;q=0.9", "application/*"])
def test_every_accept_header_that_allows_json_is_served(browser: httpx.Client, accept: str) -> None:
    answer = browser.post("/v2/charge", json=QRIS, headers={"Accept": accept})

    assert answer.status_code == 200


@pytest.mark.parametrize("path", ["/v2/charge", "/snap/v1/transactions"])
def test_a_body_of_more_than_16_kilobytes_is_not_read(browser: httpx.Client, path: str) -> None:
    fits = browser.post(path, json=QRIS | {"metadata": {"pad": "x" * 16_000}})
    too_large = browser.post(path, json=QRIS | {"metadata": {"pad": "x" * 16_400}})

    assert fits.is_success
    assert too_large.status_code == 413


def test_a_method_without_fraud_detection_has_no_fraud_status(
    midtrans: MidtransSimulator, browser: httpx.Client
) -> None:
    browser.post("/snap/v1/transactions", json=ORDER)

    said = midtrans.push("CORE-01", "pay", "indomaret")

    assert "fraud_status" not in said
