"""Midtrans Snap and Core API: payment pages, questions, cancellations, refunds.

Every call is safe to repeat, so every call is repeated when the world is not ready: a page by its
order id, a cancellation by what it leads to, a refund by its key.
"""

import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import quote

import httpx

from ticketing.orders.payment_attempt import AttemptState, PaymentStatus, state_from_midtrans
from ticketing.platform.kernel.errors import (
    GatewayRefused,
    GatewayUnavailable,
    Misconfigured,
    UnreadableNotification,
)
from ticketing.platform.kernel.money import Rupiah
from ticketing.platform.kernel.tls_trust import trusted
from ticketing.selling.payments.midtrans.notification import (
    Json,
    MidtransNotification,
    notification_from_json,
)
from ticketing.selling.payments.midtrans.snap_request import CheckoutRequest, to_snap_body

_TRIES = 3
_INITIAL_BACKOFF_SECONDS = 0.5
_MAX_BACKOFF_SECONDS = 10
_CONNECT_SECONDS = 5
_READ_SECONDS = 20
_LONGEST_MESSAGE = 300
_NOT_FOUND, _DUPLICATE, _EXPIRED, _NOT_MODIFIABLE = 404, 406, 407, 412
_DENIED_BY_BANK = "202"


@dataclass(frozen=True, slots=True)
class MidtransAccount:
    """Whose money it is, and where: the sandbox, production, or a simulator."""

    server_key: str = field(repr=False)
    client_key: str  # for Snap's script in a browser; no secret
    snap_url: str
    api_url: str

    @classmethod
    def sandbox(cls, server_key: str, client_key: str = "") -> "MidtransAccount":
        """Return an account of Midtrans' test system."""
        host = "sandbox.midtrans.com"
        return cls(server_key, client_key, f"https://app.{host}", f"https://api.{host}")

    @classmethod
    def production(cls, server_key: str, client_key: str = "") -> "MidtransAccount":
        """Real money; refuses a sandbox's key, which Midtrans would only answer with 401."""
        if server_key.startswith("SB-"):
            raise Misconfigured("the server key is a sandbox's; production has one of its own")
        host = "midtrans.com"
        return cls(server_key, client_key, f"https://app.{host}", f"https://api.{host}")

    @classmethod
    def for_base_url(cls, url: str, server_key: str, client_key: str = "") -> "MidtransAccount":
        """Both interfaces under one address: a simulator."""
        base = url.rstrip("/")
        return cls(server_key, client_key, base, base)

    @classmethod
    def simulator(cls, url: str) -> "MidtransAccount":
        """A simulator that takes no money, so its keys are no secret."""
        return cls.for_base_url(url, "SB-Mid-server-SIMULATOR", "SB-Mid-client-SIMULATOR")

    def __post_init__(self) -> None:
        """Refuse to be nobody."""
        if not self.server_key:
            raise Misconfigured("Midtrans needs a server key; it is in its dashboard")


@dataclass(frozen=True, slots=True)
class CheckoutSession:
    """Where the buyer pays."""

    token: str
    url: str


@dataclass(frozen=True, slots=True)
class RefundReceipt:
    """A refund that the gateway has taken on, and what the attempt became."""

    key: str
    amount: Rupiah
    state: AttemptState


def _sleep_with_jitter(seconds: float) -> None:
    """Wait, not all at the same moment."""
    time.sleep(seconds * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, not a secret


class Midtrans:
    """A client of one account; close it, or use `with`. Threads may share it."""

    def __init__(
        self,
        account: MidtransAccount,
        *,
        notify_url: str = "",
        read_seconds: float = _READ_SECONDS,
        pause: Callable[[float], None] = _sleep_with_jitter,
    ) -> None:
        """`notify_url` replaces the dashboard's address for the pages made here."""
        self._account = account
        self._override = {"X-Override-Notification": notify_url} if notify_url else {}
        self._pause = pause
        self._client = httpx.Client(
            auth=(account.server_key, ""),
            headers={"Accept": "application/json", "User-Agent": "ticketing"},
            timeout=httpx.Timeout(read_seconds, connect=_CONNECT_SECONDS),
            verify=trusted(),
        )

    def __enter__(self) -> Self:
        """Nothing to open."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def create_checkout_session(self, checkout: CheckoutRequest) -> CheckoutSession:
        """A payment page. Again before a method is chosen makes a new one and ends the older."""
        said = self._request_with_retry(
            "POST", f"{self._account.snap_url}/snap/v1/transactions", to_snap_body(checkout)
        )
        token, url = said.get("token"), said.get("redirect_url")
        if not isinstance(token, str) or not isinstance(url, str):
            raise GatewayUnavailable("Midtrans answered without a payment page")
        return CheckoutSession(token, url)

    def expire_checkout_session(self, token: str) -> None:
        """End a page, so that an old tab cannot pay; refused once a method was chosen on it."""
        url = f"{self._account.snap_url}/snap/v1/transactions/{quote(token, safe='')}/cancel"
        try:
            self._request_with_retry("POST", url, {})
        except GatewayRefused as refusal:
            if "already canceled" not in str(refusal):
                raise

    def status(self, order_id: str) -> MidtransNotification | None:
        """The attempt as it stands; None while no method was chosen."""
        try:
            return _attempt_from_json(
                order_id, self._request_with_retry("GET", self._path(order_id, "status"))
            )
        except GatewayRefused as refusal:
            if refusal.details["status"] == _NOT_FOUND:
                return None
            raise

    def get_payment_status(self, attempt_key: str) -> PaymentStatus | None:
        """What settling has to know of an attempt; None while no method was chosen."""
        attempt = self.status(attempt_key)
        return attempt.payment_status if attempt else None

    def cancel(self, order_id: str) -> MidtransNotification | None:
        """End an attempt. It as it stands afterwards, which may be paid; None as for `status`."""
        return self._end_attempt(order_id, "cancel")

    def expire(self, order_id: str) -> MidtransNotification | None:
        """The same, as if its time were up; only a pending one can."""
        return self._end_attempt(order_id, "expire")

    def refund(self, order_id: str, *, key: str, amount: Rupiah, reason: str) -> RefundReceipt:
        """Send money back. The same key again answers for the same refund and moves nothing."""
        asked = {"refund_key": key, "amount": amount.amount, "reason": reason}
        try:
            said = self._request_with_retry("POST", self._path(order_id, "refund"), asked)
        except GatewayRefused as refusal:
            if refusal.details["status"] != _DUPLICATE:
                raise
            return self._find_refund(order_id, key, amount, refusal)
        if said.get("status_code") == _DENIED_BY_BANK:
            raise GatewayRefused(f"{order_id}: {_message(said)}", status=int(_DENIED_BY_BANK))
        return RefundReceipt(key, amount, _state_from_json(said))

    def _find_refund(
        self, order_id: str, key: str, amount: Rupiah, refusal: GatewayRefused
    ) -> RefundReceipt:
        attempt = self.status(order_id)
        for refund in attempt.refunds if attempt else ():
            if (refund.key, refund.amount) == (key, amount) and attempt:
                return RefundReceipt(key, amount, attempt.state)
        raise refusal

    def _end_attempt(self, order_id: str, verb: str) -> MidtransNotification | None:
        try:
            return _attempt_from_json(
                order_id, self._request_with_retry("POST", self._path(order_id, verb), {})
            )
        except GatewayRefused as refusal:
            if refusal.details["status"] == _NOT_FOUND:
                return None
            if refusal.details["status"] == _NOT_MODIFIABLE:
                return self.status(order_id)
            raise

    def _path(self, order_id: str, verb: str) -> str:
        return f"{self._account.api_url}/v2/{quote(order_id, safe='')}/{verb}"

    def _request_with_retry(self, method: str, url: str, asked: Json | None = None) -> Json:
        for tried in range(1, _TRIES):
            try:
                return self._request(method, url, asked)
            except GatewayUnavailable as unavailable:
                told = unavailable.details.get("retry_after_seconds")
                wait = told if isinstance(told, int) else _INITIAL_BACKOFF_SECONDS * 2**tried
                if wait > _MAX_BACKOFF_SECONDS:
                    raise
                self._pause(wait)
        return self._request(method, url, asked)

    def _request(self, method: str, url: str, asked: Json | None) -> Json:
        try:
            response = self._client.request(method, url, json=asked, headers=self._override)
        except httpx.RequestError as error:
            raise GatewayUnavailable(f"Midtrans: no answer ({type(error).__name__})") from error
        return _read_response(response)


def _attempt_from_json(requested_id: str, body: Json) -> MidtransNotification:
    """An attempt in an answer, which has to be about the one we asked for."""
    try:
        attempt = notification_from_json(body)
    except UnreadableNotification as error:
        raise GatewayUnavailable(f"Midtrans: {error}") from error
    if requested_id not in {attempt.order_id, attempt.transaction_id}:
        raise GatewayUnavailable(
            f"Midtrans: asked about {requested_id}, told about {attempt.order_id}"
        )
    return attempt


def _state_from_json(body: Json) -> AttemptState:
    try:
        return state_from_midtrans(str(body.get("transaction_status")), "")
    except ValueError as error:
        raise GatewayUnavailable("Midtrans: an answer without a state") from error


def _read_response(response: httpx.Response) -> Json:
    """The body if it is a good one; some failures say so only in the body, under HTTP 200."""
    try:
        said = json.loads(response.content)
    except (ValueError, RecursionError) as error:
        raise _unavailable(response, "an answer that is not JSON") from error
    if not isinstance(said, dict):
        raise _unavailable(response, "an answer that is not a JSON object")
    in_body = str(said.get("status_code", ""))
    status = int(in_body) if in_body.isdecimal() else response.status_code
    if status == httpx.codes.TOO_MANY_REQUESTS or httpx.codes.is_server_error(status):
        raise _unavailable(response, _message(said))
    # in a body 408 is a wrong type of data; from a server before Midtrans it is a time-out
    if response.status_code == httpx.codes.REQUEST_TIMEOUT and not in_body:
        raise _unavailable(response, "time-out")
    if status != _EXPIRED and not httpx.codes.is_success(status):
        raise GatewayRefused(f"Midtrans: {_message(said)}", status=status)
    return said


def _unavailable(response: httpx.Response, what: str) -> GatewayUnavailable:
    after = response.headers.get("Retry-After", "")
    told = {"retry_after_seconds": int(after)} if after.isdecimal() else {}
    return GatewayUnavailable(f"Midtrans: {what}", status=response.status_code, **told)


def _message(said: Json) -> str:
    several = said.get("error_messages") or said.get("validation_messages")
    told = several if isinstance(several, list) else [said.get("status_message", "no reason given")]
    return "; ".join(str(each) for each in told)[:_LONGEST_MESSAGE]
