"""Client of Midtrans Snap and Core API: checkout sessions, status, cancellation, refunds.

Every call is safe to repeat, so failed calls are retried: sessions are identified by order id,
refunds by their key, and a cancellation has the same result when repeated.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import quote

from ticketing.orders.payment_attempt import (
    AttemptReference,
    AttemptState,
    PaymentStatus,
)
from ticketing.platform.kernel.errors import (
    GatewayRefused,
    GatewayUnavailable,
    Misconfigured,
)
from ticketing.platform.kernel.money import Rupiah
from ticketing.selling.payments.midtrans.call_count import GatewayCall
from ticketing.selling.payments.midtrans.http_client import (
    READ_SECONDS,
    MidtransHttp,
    sleep_with_jitter,
)
from ticketing.selling.payments.midtrans.notification import (
    Json,
    MidtransNotification,
)
from ticketing.selling.payments.midtrans.responses import (
    attempt_from_json,
    message_of,
    refund_state_from_json,
)
from ticketing.selling.payments.midtrans.snap_request import CheckoutRequest, to_snap_body

_NOT_FOUND, _DUPLICATE, _NOT_MODIFIABLE = 404, 406, 412
_UNREFUNDABLE = (_NOT_FOUND, _NOT_MODIFIABLE)  # a failed transaction beside the one that paid
_DENIED_BY_BANK = "202"
_NO_ORDER = "health-check"  # our attempts are named otherwise
_PING_SECONDS = 3


@dataclass(frozen=True, slots=True)
class MidtransAccount:
    """Keys and addresses of an account: sandbox, production, or a simulator."""

    server_key: str = field(repr=False)
    client_key: str  # for Snap's script in a browser; public
    snap_url: str
    api_url: str

    @classmethod
    def sandbox(cls, server_key: str, client_key: str = "") -> "MidtransAccount":
        """Return an account of Midtrans' test environment."""
        host = "sandbox.midtrans.com"
        return cls(server_key, client_key, f"https://app.{host}", f"https://api.{host}")

    @classmethod
    def production(cls, server_key: str, client_key: str = "") -> "MidtransAccount":
        """Return a production account; refuses a sandbox key (Midtrans answers it with 401)."""
        if server_key.startswith("SB-"):
            raise Misconfigured("the server key is a sandbox key; use the production server key")
        host = "midtrans.com"
        return cls(server_key, client_key, f"https://app.{host}", f"https://api.{host}")

    @classmethod
    def for_base_url(cls, url: str, server_key: str, client_key: str = "") -> "MidtransAccount":
        """Return an account with both APIs under one address: a simulator."""
        base = url.rstrip("/")
        return cls(server_key, client_key, base, base)

    @classmethod
    def simulator(cls, url: str) -> "MidtransAccount":
        """Return an account of the simulator; it moves no money, so its keys are not secret."""
        return cls.for_base_url(url, "SB-Mid-server-SIMULATOR", "SB-Mid-client-SIMULATOR")

    @property
    def script_url(self) -> str:
        """Return the address of Snap's script, which opens a session in the shop's own page."""
        return f"{self.snap_url}/snap/snap.js"

    def __post_init__(self) -> None:
        """Refuse an empty server key."""
        if not self.server_key:
            raise Misconfigured("the Midtrans server key is empty; copy it from the dashboard")


@dataclass(frozen=True, slots=True)
class CheckoutSession:
    """Token and address of the page on which the buyer pays."""

    token: str
    url: str


@dataclass(frozen=True, slots=True)
class RefundReceipt:
    """A refund accepted by the gateway, and the state of its attempt."""

    key: str
    amount: Rupiah
    state: AttemptState


class Midtrans:
    """A client of one account. Close it, or use `with`. Thread-safe."""

    def __init__(
        self,
        account: MidtransAccount,
        *,
        notify_url: str = "",
        read_seconds: float = READ_SECONDS,
        pause: Callable[[float], None] = sleep_with_jitter,
    ) -> None:
        """Create a client; `notify_url` overrides the notification address of the dashboard."""
        self._account = account
        self._http = MidtransHttp(
            account.server_key,
            headers={"X-Override-Notification": notify_url} if notify_url else {},
            read_seconds=read_seconds,
            pause=pause,
        )

    def __enter__(self) -> Self:
        """Return the client."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def create_checkout_session(self, checkout: CheckoutRequest) -> CheckoutSession:
        """Create a checkout session.

        Repeated before a payment method is chosen, it creates a new session and ends the old one.
        """
        answer = self._http.post(
            GatewayCall.CREATE,
            f"{self._account.snap_url}/snap/v1/transactions",
            to_snap_body(checkout),
        )
        token, url = answer.get("token"), answer.get("redirect_url")
        if not isinstance(token, str) or not isinstance(url, str):
            raise GatewayUnavailable("Midtrans answered without token and redirect_url")
        return CheckoutSession(token, url)

    def expire_checkout_session(self, token: str) -> None:
        """Close a session, so that an old tab cannot pay; refused once a method was chosen."""
        url = f"{self._account.snap_url}/snap/v1/transactions/{quote(token, safe='')}/cancel"
        try:
            self._http.post(GatewayCall.CANCEL, url, {})
        except GatewayRefused as refusal:
            if "already canceled" not in str(refusal):
                raise

    def ping(self) -> None:
        """Ask once about an order that does not exist, and wait no more than three seconds.

        Raises GatewayRefused with the status 404 if the gateway answers and accepts our key.
        """
        self._http.ask_once(self._path(_NO_ORDER, "status"), seconds=_PING_SECONDS)

    def status(
        self, order_id: str, transaction_ids: Collection[str] = ()
    ) -> MidtransNotification | None:
        """Return the state of an attempt, or None while no payment method was chosen.

        Asks by order id and, if that is unknown or failed, by the other transaction ids: some
        channels know only those. Of several transactions it returns the one that came furthest.
        """
        reference = AttemptReference(order_id, tuple(transaction_ids))
        found = self._find(reference, order_id)
        if found is not None and not found.state.has_failed:
            return found
        told = found.transaction_id if found else ""
        others = [self._find(reference, one) for one in reference.transaction_ids if one != told]
        return max(filter(None, [found, *others]), key=lambda one: one.state.rank, default=None)

    def _find(self, reference: AttemptReference, asked_id: str) -> MidtransNotification | None:
        try:
            answer = self._http.get_status(self._path(asked_id, "status"))
        except GatewayRefused as refusal:
            if refusal.details["status"] == _NOT_FOUND:
                return None
            raise
        return attempt_from_json(reference, answer)

    def get_payment_status(
        self, attempt_key: str, transaction_ids: Collection[str] = ()
    ) -> PaymentStatus | None:
        """Return the payment status for settlement, or None while no payment method was chosen."""
        attempt = self.status(attempt_key, transaction_ids)
        return attempt.payment_status if attempt else None

    def cancel(
        self, order_id: str, transaction_ids: Collection[str] = ()
    ) -> MidtransNotification | None:
        """Cancel an attempt; return its state afterwards, possibly paid. None as for `status`."""
        return self._end_attempt(AttemptReference(order_id, tuple(transaction_ids)), "cancel")

    def expire(
        self, order_id: str, transaction_ids: Collection[str] = ()
    ) -> MidtransNotification | None:
        """Expire an attempt; only a pending one can be expired."""
        return self._end_attempt(AttemptReference(order_id, tuple(transaction_ids)), "expire")

    def refund(
        self,
        order_id: str,
        *,
        key: str,
        amount: Rupiah,
        reason: str,
        transaction_ids: Collection[str] = (),
    ) -> RefundReceipt:
        """Refund an amount. The same key again returns the same refund and moves no money."""
        reference = AttemptReference(order_id, tuple(transaction_ids))
        body: Json = {"refund_key": key, "amount": amount.amount, "reason": reason}
        try:
            answer = self._post_by_known_id(reference, "refund", body, unsuited=_UNREFUNDABLE)
        except GatewayRefused as refusal:
            if refusal.details["status"] != _DUPLICATE:
                raise
            return self._find_refund(reference, key, amount, refusal)
        if answer.get("status_code") == _DENIED_BY_BANK:
            raise GatewayRefused(f"{order_id}: {message_of(answer)}", status=int(_DENIED_BY_BANK))
        return RefundReceipt(key, amount, refund_state_from_json(answer))

    def _find_refund(
        self, reference: AttemptReference, key: str, amount: Rupiah, refusal: GatewayRefused
    ) -> RefundReceipt:
        attempt = self.status(reference.key, reference.transaction_ids)
        for refund in attempt.refunds if attempt else ():
            if (refund.key, refund.amount) == (key, amount) and attempt:
                return RefundReceipt(key, amount, attempt.state)
        raise refusal

    def _post_by_known_id(
        self,
        reference: AttemptReference,
        verb: str,
        body: Json,
        *,
        unsuited: Collection[int] = (_NOT_FOUND,),
    ) -> Json:
        """Post under the first id that the gateway knows; raise its refusal if it knows none.

        An answer with an `unsuited` status leads to the next id.
        """
        kind = GatewayCall.REFUND if verb == "refund" else GatewayCall.CANCEL
        *ids, last = (reference.key, *reference.transaction_ids)
        for known in ids:
            try:
                return self._http.post(kind, self._path(known, verb), body)
            except GatewayRefused as refusal:
                if refusal.details["status"] not in unsuited:
                    raise
        return self._http.post(kind, self._path(last, verb), body)

    def _end_attempt(self, reference: AttemptReference, verb: str) -> MidtransNotification | None:
        try:
            return attempt_from_json(reference, self._post_by_known_id(reference, verb, {}))
        except GatewayRefused as refusal:
            if refusal.details["status"] == _NOT_FOUND:
                return None
            if refusal.details["status"] == _NOT_MODIFIABLE:
                return self.status(reference.key, reference.transaction_ids)
            raise

    def _path(self, order_id: str, verb: str) -> str:
        return f"{self._account.api_url}/v2/{quote(order_id, safe='')}/{verb}"
