"""Tests of our Midtrans client against the simulator on a port, with every fault."""

import traceback
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Thread

import pytest

from simulators.http import HttpRequest, HttpResponse, HttpServer
from simulators.midtrans.faults import MidtransResponseFault
from simulators.midtrans.server import MidtransSimulator
from ticketing.orders.payment_attempt import AttemptState
from ticketing.platform.kernel.errors import GatewayRefused, GatewayUnavailable, Misconfigured
from ticketing.platform.kernel.money import Rupiah
from ticketing.selling.payments.midtrans.client import Midtrans, MidtransAccount
from ticketing.selling.payments.midtrans.snap_request import CheckoutRequest


class Vendor:
    """Server with one fixed answer to every request."""

    def __init__(self) -> None:
        self.answer = HttpResponse(200)
        self.url = ""

    def respond(self, _: HttpRequest) -> HttpResponse:
        return self.answer


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    anything = Vendor()
    with HttpServer("127.0.0.1", 0, anything.respond) as server:
        anything.url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield anything
        server.shutdown()
        thread.join()


def test_a_page_is_for_the_amount_the_items_add_up_to(
    midtrans: MidtransSimulator, client: Midtrans, checkout: CheckoutRequest
) -> None:
    page = client.create_checkout_session(checkout)

    (session,) = midtrans.bank.sessions()
    assert page.token == session.token
    assert page.url == f"{midtrans.url}/snap/v4/redirection/{page.token}"
    assert session.amount == 195_000
    assert session.finish_url == checkout.finish_url


def test_a_payment_expires_with_the_reservation_whenever_the_method_is_chosen(
    midtrans: MidtransSimulator, client: Midtrans, checkout: CheckoutRequest
) -> None:
    began = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=20)
    client.create_checkout_session(replace(checkout, starts_at=began))

    midtrans.push(checkout.order_id, "choose", "bca_va")

    attempt = client.status(checkout.order_id)
    assert attempt is not None
    assert attempt.expires_at == began + timedelta(minutes=30)


def test_only_the_methods_asked_for_are_offered(
    midtrans: MidtransSimulator, client: Midtrans, checkout: CheckoutRequest
) -> None:
    client.create_checkout_session(replace(checkout, methods=("gopay", "bca_va")))

    (session,) = midtrans.bank.sessions()
    assert {method.name for method in session.methods} == {"gopay", "bca_va"}


def test_a_name_longer_than_the_gateway_takes_is_cut(
    midtrans: MidtransSimulator, client: Midtrans, checkout: CheckoutRequest
) -> None:
    long_name = replace(checkout.items[0], name="Tiket " * 20)

    client.create_checkout_session(replace(checkout, items=(long_name,)))

    (session,) = midtrans.bank.sessions()
    assert session.amount == 190_000


def test_there_is_no_attempt_before_a_method_is_chosen(
    client: Midtrans, checkout: CheckoutRequest
) -> None:
    client.create_checkout_session(checkout)

    assert client.status(checkout.order_id) is None
    assert client.cancel(checkout.order_id) is None
    assert client.expire(checkout.order_id) is None


def test_a_settled_attempt_is_reported_as_settled(
    midtrans: MidtransSimulator, client: Midtrans, checkout: CheckoutRequest
) -> None:
    client.create_checkout_session(checkout)
    midtrans.push(checkout.order_id, "pay", "bca_va")

    attempt = client.status(checkout.order_id)

    assert attempt is not None
    assert attempt.state is AttemptState.SETTLED
    assert attempt.amount == checkout.amount


def test_an_older_page_ends_when_a_new_one_is_made(
    midtrans: MidtransSimulator, client: Midtrans, checkout: CheckoutRequest
) -> None:
    first = client.create_checkout_session(checkout)
    second = client.create_checkout_session(checkout)

    assert midtrans.bank.choose(first.token, "gopay") is None
    assert midtrans.bank.choose(second.token, "gopay") is not None


def test_no_page_is_created_for_a_payment_in_progress(
    midtrans: MidtransSimulator, client: Midtrans, checkout: CheckoutRequest
) -> None:
    client.create_checkout_session(checkout)
    midtrans.push(checkout.order_id, "choose", "bca_va")

    with pytest.raises(GatewayRefused, match="use another order ID") as refusal:
        client.create_checkout_session(checkout)

    assert refusal.value.details["status"] == 400


def test_a_closed_page_cannot_be_paid(
    midtrans: MidtransSimulator, client: Midtrans, checkout: CheckoutRequest
) -> None:
    page = client.create_checkout_session(checkout)

    client.expire_checkout_session(page.token)
    client.expire_checkout_session(page.token)

    assert midtrans.bank.choose(page.token, "gopay") is None


def test_a_page_on_which_payment_began_is_not_closed(
    midtrans: MidtransSimulator, client: Midtrans, checkout: CheckoutRequest
) -> None:
    page = client.create_checkout_session(checkout)
    midtrans.push(checkout.order_id, "choose", "bca_va")

    with pytest.raises(GatewayRefused, match="on progress"):
        client.expire_checkout_session(page.token)


@pytest.mark.parametrize("verb", ["cancel", "expire"])
def test_an_attempt_ended_twice_is_ended_once(
    midtrans: MidtransSimulator, client: Midtrans, checkout: CheckoutRequest, verb: str
) -> None:
    client.create_checkout_session(checkout)
    midtrans.push(checkout.order_id, "choose", "bca_va")

    first = getattr(client, verb)(checkout.order_id)
    second = getattr(client, verb)(checkout.order_id)

    assert first.state.value == verb
    assert second == first


@pytest.mark.parametrize("verb", ["cancel", "expire"])
def test_cancelling_an_attempt_paid_meanwhile_reports_it_as_paid(
    midtrans: MidtransSimulator, client: Midtrans, checkout: CheckoutRequest, verb: str
) -> None:
    client.create_checkout_session(checkout)
    midtrans.push(checkout.order_id, "pay", "gopay")

    attempt = getattr(client, verb)(checkout.order_id)

    assert attempt.state is AttemptState.SETTLED


@pytest.mark.parametrize("in_body_only", [False, True])
def test_an_error_in_the_body_only_is_detected(
    midtrans: MidtransSimulator, client: Midtrans, checkout: CheckoutRequest, in_body_only: bool
) -> None:
    midtrans.faults.set(errors_with_http_200=in_body_only)

    assert client.status(checkout.order_id) is None


def test_a_payment_is_refunded_partially_and_then_in_full(
    midtrans: MidtransSimulator, client: Midtrans, checkout: CheckoutRequest
) -> None:
    client.create_checkout_session(checkout)
    midtrans.push(checkout.order_id, "pay", "other_qris")

    part = client.refund(checkout.order_id, key="R1", amount=Rupiah(95_000), reason="one less")
    rest = client.refund(checkout.order_id, key="R2", amount=Rupiah(100_000), reason="rain")

    attempt = client.status(checkout.order_id)
    assert attempt is not None
    assert (part.state, rest.state) == (AttemptState.PARTLY_REFUNDED, AttemptState.REFUNDED)
    assert attempt.refunded == Rupiah(195_000)


def test_the_same_refund_key_twice_is_executed_once(
    midtrans: MidtransSimulator, client: Midtrans, checkout: CheckoutRequest
) -> None:
    client.create_checkout_session(checkout)
    midtrans.push(checkout.order_id, "pay", "gopay")

    first = client.refund(checkout.order_id, key="R1", amount=Rupiah(95_000), reason="")
    second = client.refund(checkout.order_id, key="R1", amount=Rupiah(95_000), reason="")

    attempt = client.status(checkout.order_id)
    assert attempt is not None
    assert second == first
    assert attempt.refunded == Rupiah(95_000)


def test_a_refund_key_is_not_used_for_another_amount(
    midtrans: MidtransSimulator, client: Midtrans, checkout: CheckoutRequest
) -> None:
    client.create_checkout_session(checkout)
    midtrans.push(checkout.order_id, "pay", "gopay")
    client.refund(checkout.order_id, key="R1", amount=Rupiah(1_000), reason="")

    with pytest.raises(GatewayRefused, match="Duplicate refund"):
        client.refund(checkout.order_id, key="R1", amount=Rupiah(2_000), reason="")


@pytest.mark.parametrize(
    ("method", "amount", "status"),
    [
        ("bca_va", 195_000, 412),
        ("indomaret", 195_000, 412),
        ("shopeepay", 1_000, 414),
        ("gopay", 195_001, 414),
    ],
)
def test_a_refund_that_the_channel_does_not_support_is_refused(
    midtrans: MidtransSimulator,
    client: Midtrans,
    checkout: CheckoutRequest,
    method: str,
    amount: int,
    status: int,
) -> None:
    client.create_checkout_session(checkout)
    midtrans.push(checkout.order_id, "pay", method)

    with pytest.raises(GatewayRefused) as refusal:
        client.refund(checkout.order_id, key="R1", amount=Rupiah(amount), reason="")

    assert refusal.value.details["status"] == status


def test_a_refund_denied_by_the_bank_can_be_retried_with_its_key(
    midtrans: MidtransSimulator, client: Midtrans, checkout: CheckoutRequest
) -> None:
    client.create_checkout_session(checkout)
    midtrans.push(checkout.order_id, "pay", "gopay")
    midtrans.faults.set(refunds_denied=1)

    with pytest.raises(GatewayRefused, match="denied by the bank"):
        client.refund(checkout.order_id, key="R1", amount=Rupiah(1_000), reason="")

    receipt = client.refund(checkout.order_id, key="R1", amount=Rupiah(1_000), reason="")
    assert receipt.state is AttemptState.PARTLY_REFUNDED


def test_a_refund_whose_response_was_lost_is_executed_once(
    midtrans: MidtransSimulator, client: Midtrans, checkout: CheckoutRequest
) -> None:
    client.create_checkout_session(checkout)
    midtrans.push(checkout.order_id, "pay", "gopay")
    midtrans.faults.set(answers=[MidtransResponseFault("act-then-hang-up")])

    receipt = client.refund(checkout.order_id, key="R1", amount=Rupiah(95_000), reason="")

    attempt = client.status(checkout.order_id)
    assert attempt is not None
    assert receipt.amount == Rupiah(95_000)
    assert [refund.amount for refund in attempt.refunds] == [Rupiah(95_000)]


@pytest.mark.parametrize("verb", ["cancel", "expire"])
def test_a_cancellation_whose_response_was_lost_is_still_known(
    midtrans: MidtransSimulator, client: Midtrans, checkout: CheckoutRequest, verb: str
) -> None:
    client.create_checkout_session(checkout)
    midtrans.push(checkout.order_id, "choose", "bca_va")
    midtrans.faults.set(answers=[MidtransResponseFault("act-then-hang-up")])

    attempt = getattr(client, verb)(checkout.order_id)

    assert attempt.state.value == verb


@pytest.mark.parametrize(
    "fault",
    [
        MidtransResponseFault("error", status=500),
        MidtransResponseFault("error", status=503),
        MidtransResponseFault("error", status=429),
        MidtransResponseFault("html", status=502),
        MidtransResponseFault("html", status=200),
        MidtransResponseFault("html", status=403),
        MidtransResponseFault("hang-up"),
        MidtransResponseFault("act-then-hang-up"),
    ],
    ids=lambda fault: f"{fault.kind} {fault.status}",
)
def test_a_temporary_failure_is_retried(
    midtrans: MidtransSimulator,
    client: Midtrans,
    checkout: CheckoutRequest,
    retry_delays: list[float],
    fault: MidtransResponseFault,
) -> None:
    midtrans.faults.set(answers=[replace(fault, times=2)])

    page = client.create_checkout_session(checkout)

    assert midtrans.bank.page(page.token) is not None
    assert retry_delays == [1, 2]


@pytest.mark.parametrize("kind", ["error", "html", "hang-up"])
def test_a_lasting_failure_is_unavailable(
    midtrans: MidtransSimulator, client: Midtrans, checkout: CheckoutRequest, kind: str
) -> None:
    midtrans.faults.set(answers=[{"kind": kind, "times": 3}])

    with pytest.raises(GatewayUnavailable):
        client.status(checkout.order_id)


def test_a_slow_answer_is_unavailable(
    midtrans: MidtransSimulator, checkout: CheckoutRequest
) -> None:
    midtrans.faults.set(answers=[MidtransResponseFault("slow", times=3, seconds=5)])
    account = MidtransAccount.for_base_url(midtrans.url, midtrans.server_key)

    with (
        Midtrans(account, read_seconds=0.1, pause=lambda _: None) as hasty,
        pytest.raises(GatewayUnavailable, match="ReadTimeout"),
    ):
        hasty.status(checkout.order_id)


def test_a_refused_request_is_not_retried(
    midtrans: MidtransSimulator,
    client: Midtrans,
    checkout: CheckoutRequest,
    retry_delays: list[float],
) -> None:
    midtrans.faults.set(answers=[MidtransResponseFault("error", status=400)])

    with pytest.raises(GatewayRefused):
        client.status(checkout.order_id)

    assert retry_delays == []


def test_an_unreachable_gateway_is_unavailable(checkout: CheckoutRequest) -> None:
    with (
        Midtrans(
            MidtransAccount.for_base_url("http://127.0.0.1:9", "key"), pause=lambda _: None
        ) as alone,
        pytest.raises(GatewayUnavailable),
    ):
        alone.create_checkout_session(checkout)


def test_a_wrong_key_is_refused_and_not_shown_in_the_error(
    midtrans: MidtransSimulator, checkout: CheckoutRequest
) -> None:
    key = "SB-Mid-server-SOMEBODY-ELSES"

    with (
        Midtrans(MidtransAccount.for_base_url(midtrans.url, key)) as stranger,
        pytest.raises(GatewayRefused, match="Access denied") as refusal,
    ):
        stranger.create_checkout_session(checkout)

    assert refusal.value.details["status"] == 401
    assert key not in "".join(traceback.format_exception(refusal.value))
    assert key not in repr(MidtransAccount.for_base_url(midtrans.url, key))


def test_an_order_id_cannot_lead_to_another_path(client: Midtrans) -> None:
    assert client.status("../../snap/v1/transactions#") is None


def test_an_attempt_is_found_by_the_gateways_own_number(
    midtrans: MidtransSimulator, client: Midtrans, checkout: CheckoutRequest
) -> None:
    client.create_checkout_session(checkout)
    said = midtrans.push(checkout.order_id, "pay", "gopay")

    attempt = client.status(str(said["transaction_id"]))

    assert attempt is not None
    assert attempt.order_id == checkout.order_id


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"null",
        b"[" * 100_000,
        b'{"status_code": "200", "transaction_status": "settlement"}',
        b"""{"order_id": "ANOTHER-01", "transaction_id": "x", "transaction_status": "settlement",
        "status_code": "200", "gross_amount": "1.00", "transaction_time": "2026-01-31 19:05:10"}""",
    ],
)
def test_an_invalid_response_is_unavailable(vendor: Vendor, body: bytes) -> None:
    vendor.answer = HttpResponse(200, body)

    with (
        Midtrans(MidtransAccount.for_base_url(vendor.url, "key"), pause=lambda _: None) as ours,
        pytest.raises(GatewayUnavailable),
    ):
        ours.status("K7QF2M9XW4TA-01")


@pytest.mark.parametrize(
    ("retry_after", "expected_delays"), [("7", [7, 7]), ("3600", []), ("soon", [1, 2])]
)
def test_a_retry_after_header_of_the_gateway_is_respected(
    vendor: Vendor, retry_delays: list[float], retry_after: str, expected_delays: list[float]
) -> None:
    vendor.answer = HttpResponse(429, b"{}", {"Retry-After": retry_after})

    with (
        Midtrans(
            MidtransAccount.for_base_url(vendor.url, "key"), pause=retry_delays.append
        ) as ours,
        pytest.raises(GatewayUnavailable),
    ):
        ours.status("K7QF2M9XW4TA-01")

    assert retry_delays == expected_delays


@pytest.mark.parametrize(
    ("body", "error"),
    [(b"{}", GatewayUnavailable), (b'{"status_code": "408"}', GatewayRefused)],
)
def test_408_is_a_time_out_unless_the_body_says_wrong_type(
    vendor: Vendor, body: bytes, error: type[Exception]
) -> None:
    vendor.answer = HttpResponse(408, body)

    with (
        Midtrans(MidtransAccount.for_base_url(vendor.url, "key"), pause=lambda _: None) as ours,
        pytest.raises(error),
    ):
        ours.status("K7QF2M9XW4TA-01")


def test_a_page_without_an_address_is_no_page(vendor: Vendor, checkout: CheckoutRequest) -> None:
    vendor.answer = HttpResponse.json(201, {"token": "t"})

    with (
        Midtrans(MidtransAccount.for_base_url(vendor.url, "key")) as ours,
        pytest.raises(GatewayUnavailable, match="without token and redirect_url"),
    ):
        ours.create_checkout_session(checkout)


def test_a_fee_put_on_the_buyer_does_not_change_the_orders_amount(
    midtrans: MidtransSimulator, client: Midtrans, checkout: CheckoutRequest
) -> None:
    client.create_checkout_session(checkout)
    midtrans.faults.set(customer_fee=4_000)
    midtrans.push(checkout.order_id, "pay", "gopay")

    attempt = client.status(checkout.order_id)

    assert attempt is not None
    assert attempt.amount == checkout.amount
    assert attempt.gross_amount == "199000.00"


def test_production_refuses_a_sandboxs_key() -> None:
    with pytest.raises(Misconfigured):
        MidtransAccount.production("SB-Mid-server-x")


def test_an_account_needs_a_key() -> None:
    with pytest.raises(Misconfigured):
        MidtransAccount.sandbox("")


def test_sandbox_and_production_are_different_hosts() -> None:
    sandbox, production = (
        MidtransAccount.sandbox("SB-Mid-server-x"),
        MidtransAccount.production("Mid-server-x"),
    )

    assert sandbox.snap_url == "https://app.sandbox.midtrans.com"
    assert sandbox.api_url == "https://api.sandbox.midtrans.com"
    assert production.snap_url == "https://app.midtrans.com"
    assert production.api_url == "https://api.midtrans.com"


def test_a_checkout_page_can_name_its_notification_address(
    midtrans: MidtransSimulator, checkout: CheckoutRequest
) -> None:
    account = MidtransAccount.for_base_url(midtrans.url, midtrans.server_key)

    with Midtrans(account, notify_url="http://127.0.0.1:9/ours") as ours:
        ours.create_checkout_session(checkout)

    (session,) = midtrans.bank.sessions()
    assert session.notify == ("http://127.0.0.1:9/ours",)
