"""Tests of the simulator's control page and of random faults."""

from collections.abc import Callable

import httpx
import pytest

from simulators.midtrans.faults import MidtransFaults
from simulators.midtrans.merchant import MerchantWebhook
from simulators.midtrans.noise import NOTIFICATION_FAULTS, Noise
from simulators.midtrans.overview import PRESETS
from simulators.midtrans.server import MidtransSimulator

REQUEST = {"transaction_details": {"order_id": "REH-01", "gross_amount": 200_000}}
CALL = "GET /v2/REH-01/status"


@pytest.fixture
def midtrans_with_pending_payment(
    midtrans: MidtransSimulator, browser: httpx.Client
) -> MidtransSimulator:
    """Return the simulator with the payment REH-01, pending by bank transfer."""
    browser.post("/snap/v1/transactions", json=REQUEST)
    midtrans.push("REH-01", "choose", "bca_va")
    return midtrans


@pytest.fixture
def click_button(browser: httpx.Client) -> Callable[[str], str]:
    """Return a function that clicks a button of REH-01 and returns the page."""

    def click(move: str) -> str:
        return browser.post("/_simulator/act", data={"order": "REH-01", "move": move}).text

    return click


def test_an_unused_page_is_listed_as_a_link(browser: httpx.Client) -> None:
    created = browser.post("/snap/v1/transactions", json=REQUEST).json()

    shown = browser.get("/_simulator").text

    assert f'href="/snap/v4/redirection/{created["token"]}"' in shown
    assert "SIMULATION" in shown


@pytest.mark.parametrize(
    ("moves", "offered", "not_offered"),
    [
        ([], ["pay", "decline", "time-out", "notify"], ["challenge", "settle", "reverse"]),
        (["pay"], ["reverse", "chargeback", "notify"], ["pay", "approve"]),
        (["time-out"], ["settle", "notify"], ["pay", "reverse"]),
    ],
)
@pytest.mark.usefixtures("midtrans_with_pending_payment")
def test_only_possible_transitions_are_offered(
    click_button: Callable[[str], str],
    browser: httpx.Client,
    moves: list[str],
    offered: list[str],
    not_offered: list[str],
) -> None:
    for move in moves:
        click_button(move)

    shown = browser.get("/_simulator").text

    assert all(f'value="{move}"' in shown for move in offered)
    assert not any(f'value="{move}"' in shown for move in not_offered)


def test_a_click_changes_the_payment_and_notifies_the_shop(
    midtrans_with_pending_payment: MidtransSimulator,
    click_button: Callable[[str], str],
    merchant: MerchantWebhook,
) -> None:
    shown = click_button("pay")

    midtrans_with_pending_payment.notifications(at_least=2)
    assert 'title="settlement"' in shown
    assert merchant.told[-1]["transaction_status"] == "settlement"


def test_a_suspected_card_can_be_approved_as_in_the_dashboard(
    midtrans: MidtransSimulator, browser: httpx.Client, click_button: Callable[[str], str]
) -> None:
    browser.post("/snap/v1/transactions", json=REQUEST)
    midtrans.push("REH-01", "challenge", "credit_card")

    shown = click_button("approve")

    assert 'title="capture"' in shown


@pytest.mark.parametrize("move", ["pay", "approve", "fly"])
def test_a_button_on_an_outdated_page_changes_nothing(
    midtrans_with_pending_payment: MidtransSimulator, click_button: Callable[[str], str], move: str
) -> None:
    midtrans_with_pending_payment.push("REH-01", "pay")

    shown = click_button(move)

    assert 'title="settlement"' in shown


def test_a_notification_the_shop_did_not_accept_is_marked(
    midtrans: MidtransSimulator, browser: httpx.Client, merchant: MerchantWebhook
) -> None:
    merchant.answers = [302]
    browser.post("/snap/v1/transactions", json=REQUEST)
    midtrans.push("REH-01", "choose", "bca_va")
    midtrans.notifications(at_least=1)

    assert "last one not accepted" in browser.get("/_simulator").text


@pytest.mark.parametrize("preset", [name for name in PRESETS if name != "quiet"])
def test_a_preset_of_faults_is_set_and_cleared_with_one_click(
    midtrans: MidtransSimulator, browser: httpx.Client, preset: str
) -> None:
    calm = midtrans.faults.to_dict()

    browser.post("/_simulator/world", data={"world": preset})
    troubled = midtrans.faults.to_dict()
    browser.post("/_simulator/world", data={"world": "quiet"})

    assert troubled != calm
    assert midtrans.faults.to_dict() == calm


def test_switches_are_set_one_by_one(midtrans: MidtransSimulator, browser: httpx.Client) -> None:
    ticked = {"duplicates": "2", "delay_seconds": "0.5", "never_expires": ["off", "on"]}

    shown = browser.post("/_simulator/switches", data=ticked).text

    assert midtrans.faults.duplicates == 2
    assert midtrans.faults.delay_seconds == 0.5
    assert midtrans.faults.never_expires is True
    assert "duplicates 2" in shown


@pytest.mark.parametrize(
    "typed", [{"duplicates": "many"}, {"noise": "2"}, {"lost": "-1"}, {"answers": "none"}]
)
def test_an_invalid_value_of_a_switch_is_refused(
    midtrans: MidtransSimulator, browser: httpx.Client, typed: dict[str, str]
) -> None:
    answer = browser.post("/_simulator/switches", data=typed)

    assert answer.status_code == 400
    assert midtrans.faults.to_dict() == MidtransFaults().to_dict()


def test_a_payment_can_settle_after_its_expiry(
    midtrans: MidtransSimulator, browser: httpx.Client
) -> None:
    midtrans.faults.set(never_expires=True)
    expiry = {"start_time": "2026-01-31 19:00:00 +0700", "unit": "minute", "duration": 1}
    page_expiry = {"unit": "minute", "duration": 5}
    request = REQUEST | {"expiry": expiry, "page_expiry": page_expiry}
    browser.post("/snap/v1/transactions", json=request)

    midtrans.push("REH-01", "choose", "bca_va")
    midtrans.notifications(at_least=1)

    assert midtrans.bank.status("REH-01")["transaction_status"] == "pending"


def test_the_same_seed_gives_the_same_tokens(merchant: MerchantWebhook) -> None:
    tokens = []
    for _ in range(2):
        with MidtransSimulator(merchant.url, seed=7) as midtrans:
            tokens.append(midtrans.bank.open_page(REQUEST, ()).token)

    assert tokens[0] == tokens[1]


def test_the_same_seed_gives_the_same_random_faults() -> None:
    first, second, other = (
        [noise.on_notification("REH-01 pending", 0.5) for _ in range(50)]
        for noise in (Noise(7), Noise(7), Noise(8))
    )

    assert first == second
    assert first != other


def test_random_faults_are_of_every_kind_at_the_configured_rate() -> None:
    noise = Noise(7)

    kinds = [noise.on_notification("REH-01 pending", 0.25)[0] for _ in range(400)]
    answers = [noise.on_answer(CALL, 0.25) for _ in range(400)]

    assert set(kinds) == {"", *NOTIFICATION_FAULTS}
    assert 60 < sum(kind != "" for kind in kinds) < 140
    assert 60 < sum(answer is not None for answer in answers) < 140
    assert {answer.kind for answer in answers if answer} == {
        "error",
        "html",
        "hang-up",
        "act-then-hang-up",
        "slow",
    }


def test_random_faults_apply_to_every_notification_address(merchant: MerchantWebhook) -> None:
    with MidtransSimulator(merchant.url, seed=7) as midtrans:
        midtrans.bank.choose(midtrans.bank.open_page(REQUEST, (merchant.url,)).token, "gopay")
        midtrans.faults.set(noise=1)

        for _ in range(40):
            midtrans.push("REH-01", "notify")
        midtrans.notifications(at_least=30)

    genuine = [told for told in merchant.told if told["signature_key"] != "0" * 128]
    assert 0 < len(genuine) < len(merchant.told)
