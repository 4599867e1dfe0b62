"""Responses of Midtrans' APIs: their errors, and the attempt that an answer describes.

The body counts: some errors arrive under HTTP 200, some answers under the id of a transaction.
"""

import json
from dataclasses import replace

import httpx

from ticketing.orders.payment_attempt import (
    AttemptReference,
    AttemptState,
    state_from_midtrans,
)
from ticketing.platform.kernel.errors import (
    GatewayRefused,
    GatewayUnavailable,
    UnreadableNotification,
)
from ticketing.selling.payments.midtrans.notification import (
    Json,
    MidtransNotification,
    notification_from_json,
)

_LONGEST_MESSAGE = 300
_EXPIRED = 407


def attempt_from_json(requested: AttemptReference, body: Json) -> MidtransNotification:
    """Parse the attempt in an answer, under our key; it has to be the requested one."""
    try:
        attempt = notification_from_json(body)
    except UnreadableNotification as error:
        raise GatewayUnavailable(f"Midtrans: {error}") from error
    if not requested.is_described_by(
        order_id=attempt.order_id,
        transaction_id=attempt.transaction_id,
        echoed_key=attempt.echoed_key,
    ):
        raise GatewayUnavailable(
            f"Midtrans: the answer about {requested.key} describes {attempt.order_id}"
        )
    is_named_by_transaction = attempt.order_id == attempt.transaction_id
    return replace(attempt, order_id=requested.key) if is_named_by_transaction else attempt


def refund_state_from_json(body: Json) -> AttemptState:
    """Return the state of the attempt in the answer to a refund."""
    try:
        return state_from_midtrans(str(body.get("transaction_status")), "")
    except ValueError as error:
        raise GatewayUnavailable("Midtrans: an answer without a state") from error


def read_response(response: httpx.Response, content: bytes) -> Json:
    """Return the body of a successful answer; some errors are only in the body, under HTTP 200."""
    try:
        body = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise _unavailable(response, "an answer that is not JSON") from error
    if not isinstance(body, dict):
        raise _unavailable(response, "an answer that is not a JSON object")
    body_status = str(body.get("status_code", ""))
    status = int(body_status) if body_status.isdecimal() else response.status_code
    if status == httpx.codes.TOO_MANY_REQUESTS or httpx.codes.is_server_error(status):
        raise _unavailable(response, message_of(body))
    # 408 in the body means a wrong data type; as HTTP status of a proxy it means a time-out
    if response.status_code == httpx.codes.REQUEST_TIMEOUT and not body_status:
        raise _unavailable(response, "time-out")
    if status != _EXPIRED and not httpx.codes.is_success(status):
        raise GatewayRefused(f"Midtrans: {message_of(body)}", status=status)
    return body


def _unavailable(response: httpx.Response, what: str) -> GatewayUnavailable:
    after = response.headers.get("Retry-After", "")
    details = {"retry_after_seconds": int(after)} if after.isdecimal() else {}
    return GatewayUnavailable(f"Midtrans: {what}", status=response.status_code, **details)


def message_of(body: Json) -> str:
    """Return the gateway's explanation in an answer, cut to a line of a log."""
    errors = body.get("error_messages") or body.get("validation_messages")
    messages = (
        errors if isinstance(errors, list) else [body.get("status_message", "no reason given")]
    )
    return "; ".join(str(each) for each in messages)[:_LONGEST_MESSAGE]
