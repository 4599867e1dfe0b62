"""Tests of third-party Midtrans libraries, changed only in the base URL, with the simulator."""

import json
import shutil
import subprocess
from pathlib import Path

import midtransclient
import pytest
from midtransclient.config import ApiConfig
from midtransclient.error_midtrans import MidtransAPIError

from simulators.midtrans.server import MidtransSimulator

NODE_FOLDER = Path(__file__).parent.parent / "midtrans-node"
REQUEST = {
    "transaction_details": {"order_id": "LIB-01", "gross_amount": 205_000},
    "item_details": [
        {"id": "DAY", "price": 100_000, "quantity": 2, "name": "Tiket Harian"},
        {"id": "FEE", "price": 5_000, "quantity": 1, "name": "Biaya layanan"},
    ],
    "customer_details": {"first_name": "Sari", "email": "sari@example.org"},
    "expiry": {"start_time": "2099-01-31 19:00:00 +0700", "unit": "minutes", "duration": 30},
}


@pytest.fixture
def pointed_at_us(
    midtrans: MidtransSimulator, monkeypatch: pytest.MonkeyPatch
) -> MidtransSimulator:
    monkeypatch.setattr(ApiConfig, "CORE_SANDBOX_BASE_URL", midtrans.url)
    monkeypatch.setattr(ApiConfig, "SNAP_SANDBOX_BASE_URL", f"{midtrans.url}/snap/v1")
    return midtrans


@pytest.fixture
def snap(pointed_at_us: MidtransSimulator) -> midtransclient.Snap:
    return midtransclient.Snap(server_key=pointed_at_us.server_key)


@pytest.fixture
def core(pointed_at_us: MidtransSimulator) -> midtransclient.CoreApi:
    return midtransclient.CoreApi(server_key=pointed_at_us.server_key)


def test_the_python_library_makes_a_page(
    midtrans: MidtransSimulator, snap: midtransclient.Snap
) -> None:
    answer = snap.create_transaction(REQUEST)

    assert answer["redirect_url"].startswith(f"{midtrans.url}/snap/")
    assert answer["redirect_url"].endswith(answer["token"])


def test_the_python_library_follows_a_payment_and_refunds_it(
    midtrans: MidtransSimulator, snap: midtransclient.Snap, core: midtransclient.CoreApi
) -> None:
    snap.create_transaction(REQUEST)
    midtrans.push("LIB-01", "pay", "gopay")

    before = core.transactions.status("LIB-01")
    part = core.transactions.refund("LIB-01", {"refund_key": "R1", "amount": 5_000})
    rest = core.transactions.refundDirect("LIB-01", {"refund_key": "R2"})

    assert (before["transaction_status"], before["gross_amount"]) == ("settlement", "205000.00")
    assert (part["transaction_status"], part["refund_amount"]) == ("partial_refund", "5000.00")
    assert (rest["transaction_status"], rest["refund_amount"]) == ("refund", "200000.00")


@pytest.mark.parametrize(("verb", "code"), [("cancel", "200"), ("expire", "407")])
def test_the_python_library_ends_a_payment(
    midtrans: MidtransSimulator,
    snap: midtransclient.Snap,
    core: midtransclient.CoreApi,
    verb: str,
    code: str,
) -> None:
    snap.create_transaction(REQUEST)
    midtrans.push("LIB-01", "choose", "bca_va")

    answer = getattr(core.transactions, verb)("LIB-01")

    assert (answer["transaction_status"], answer["status_code"]) == (verb, code)


@pytest.mark.parametrize(
    ("verb", "status", "code"), [("approve", "capture", "200"), ("deny", "deny", "200")]
)
def test_the_python_library_approves_or_denies_a_challenged_card(
    midtrans: MidtransSimulator,
    snap: midtransclient.Snap,
    core: midtransclient.CoreApi,
    verb: str,
    status: str,
    code: str,
) -> None:
    snap.create_transaction(REQUEST)
    challenged = midtrans.push("LIB-01", "challenge", "credit_card")

    answer = getattr(core.transactions, verb)("LIB-01")

    assert (challenged["transaction_status"], challenged["fraud_status"]) == (
        "capture",
        "challenge",
    )
    assert (answer["transaction_status"], answer["status_code"]) == (status, code)


def test_the_python_library_requests_the_status_after_a_notification(
    midtrans: MidtransSimulator, snap: midtransclient.Snap, core: midtransclient.CoreApi
) -> None:
    snap.create_transaction(REQUEST)
    midtrans.push("LIB-01", "pay", "bca_va")
    _, settled = midtrans.notifications(at_least=2)

    answer = core.transactions.notification(settled.body)

    assert answer["order_id"] == "LIB-01"
    assert answer["transaction_status"] == "settlement"


def test_the_python_library_charges_without_a_page(
    midtrans: MidtransSimulator, core: midtransclient.CoreApi
) -> None:
    order = {"order_id": "LIB-01", "gross_amount": 205_000}
    bank = {"payment_type": "bank_transfer", "bank_transfer": {"bank": "bca"}}

    charged = core.charge({"transaction_details": order} | bank)
    midtrans.push("LIB-01", "pay")
    attempts = core.transactions.statusb2b("LIB-01")

    assert (charged["transaction_status"], charged["status_code"]) == ("pending", "201")
    assert charged["va_numbers"][0]["bank"] == "bca"
    assert [one["transaction_status"] for one in attempts["transactions"]] == ["settlement"]


def test_the_python_library_reserves_a_card_and_takes_the_money_later(
    core: midtransclient.CoreApi,
) -> None:
    card = core.card_token({"card_number": "4811 1111 1111 1114", "client_key": "any"})
    order = {"order_id": "LIB-01", "gross_amount": 205_000}
    paid_by = {"token_id": card["token_id"], "type": "authorize"}

    reserved = core.charge(
        {"payment_type": "credit_card", "transaction_details": order, "credit_card": paid_by}
    )
    taken = core.capture({"transaction_id": reserved["transaction_id"], "gross_amount": 205_000})

    assert reserved["transaction_status"] == "authorize"
    assert (taken["transaction_status"], taken["status_code"]) == ("capture", "200")


@pytest.mark.parametrize("in_body_only", [False, True])
def test_the_python_library_raises_what_the_core_api_refuses(
    midtrans: MidtransSimulator, core: midtransclient.CoreApi, in_body_only: bool
) -> None:
    midtrans.faults.set(errors_with_http_200=in_body_only)

    with pytest.raises(MidtransAPIError) as refusal:
        core.transactions.status("LIB-99")

    assert refusal.value.http_status_code == (200 if in_body_only else 404)
    assert refusal.value.api_response_dict["status_code"] == "404"


def test_the_python_library_raises_what_snap_refuses(snap: midtransclient.Snap) -> None:
    wrong_sum = REQUEST | {"transaction_details": {"order_id": "LIB-01", "gross_amount": 1}}

    with pytest.raises(MidtransAPIError) as refusal:
        snap.create_transaction(wrong_sum)

    assert refusal.value.http_status_code == 400
    assert refusal.value.api_response_dict == {
        "error_messages": [
            "transaction_details.gross_amount is not equal to the sum of item_details"
        ]
    }


def test_the_python_library_with_a_wrong_key_is_refused(
    pointed_at_us: MidtransSimulator,
) -> None:
    stranger = midtransclient.Snap(server_key=f"{pointed_at_us.server_key}X")

    with pytest.raises(MidtransAPIError) as refusal:
        stranger.create_transaction(REQUEST)

    assert refusal.value.http_status_code == 401


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
@pytest.mark.skipif(
    not (NODE_FOLDER / "node_modules").exists(),
    reason="run `npm install` in tests/contract/midtrans-node first",
)
@pytest.mark.process
def test_the_node_library_makes_every_call(midtrans: MidtransSimulator) -> None:
    given = json.dumps({"url": midtrans.url, "serverKey": midtrans.server_key, "request": REQUEST})

    ran = subprocess.run(
        ["node", "all_calls.js", given],
        cwd=NODE_FOLDER,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert ran.stderr == ""
    assert json.loads(ran.stdout) == {
        "created": True,
        "settled": ["settlement", "205000.00"],
        "refunded": ["partial_refund", "5000.00"],
        "canceled": ["cancel", "200"],
        "expired": ["expire", "407"],
        "charged": ["pending", "201"],
        "captured": ["capture", "200"],
        "attempts": ["pending"],
        "unknown": 404,
        "wrongKey": 401,
    }
