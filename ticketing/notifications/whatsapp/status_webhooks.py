"""Verification and parsing of WhatsApp webhooks: delivery reports and inbound messages.

The caller verifies the signature over the received bytes: `is_signed_by_meta`, `is_signed_by_waha`.
Fonnte signs nothing, so its webhook address has to be secret.
"""

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ticketing.notifications.delivery import DeliveryReceipt, DeliveryState
from ticketing.notifications.messages.message import Rejected
from ticketing.notifications.whatsapp.cloud import classify_error_code
from ticketing.notifications.whatsapp.http import JsonObject, first_object
from ticketing.notifications.whatsapp.waha import extract_message_id
from ticketing.platform.kernel.errors import UnreadableReport

_META = {
    "sent": DeliveryState.SENT,
    "delivered": DeliveryState.DELIVERED,
    "read": DeliveryState.READ,
    "played": DeliveryState.READ,
    "failed": DeliveryState.FAILED,
}
_WAHA = {
    -1: DeliveryState.FAILED,
    1: DeliveryState.SENT,
    2: DeliveryState.DELIVERED,
    3: DeliveryState.READ,
    4: DeliveryState.READ,
}
_FONNTE = {
    "sent": DeliveryState.SENT,
    "delivered": DeliveryState.DELIVERED,
    "read": DeliveryState.READ,
    "invalid": DeliveryState.FAILED,
    "expired": DeliveryState.FAILED,
}
_DEFAULT_ERROR_CODE = 131026  # undeliverable; for failures without a code
_WAHA_REJECTION = Rejected("WAHA: WhatsApp did not accept the message", "ERROR")


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """A message from a person, who can be answered without a template for 24 hours."""

    sender: str = field(repr=False)  # E.164
    text: str = field(repr=False)
    at: datetime


def is_signed_by_meta(body: bytes, signature: str, app_secret: str) -> bool:
    """Return whether Meta signed these bytes (`X-Hub-Signature-256`); False without a secret."""
    digest = hmac.new(app_secret.encode(), body, hashlib.sha256).hexdigest()
    return bool(app_secret) and hmac.compare_digest(signature.encode(), f"sha256={digest}".encode())


def is_signed_by_waha(body: bytes, signature: str, key: str) -> bool:
    """Return whether WAHA signed these bytes (`X-Webhook-Hmac`, SHA-512); False without a key."""
    digest = hmac.new(key.encode(), body, hashlib.sha512).hexdigest()
    return bool(key) and hmac.compare_digest(signature.encode(), digest.encode())


def answer_challenge(query: Mapping[str, str], verify_token: str) -> str | None:
    """Return the answer to Meta's verification request; None means 403."""
    given = query.get("hub.verify_token", "")
    known = bool(verify_token) and hmac.compare_digest(given.encode(), verify_token.encode())
    return (
        query.get("hub.challenge", "") if known and query.get("hub.mode") == "subscribe" else None
    )


def parse_meta_webhook(body: bytes) -> list[DeliveryReceipt | InboundMessage]:
    """Return all reports and messages of a notification; other events are ignored."""
    body_json = _parse_json_object(body)
    items: list[DeliveryReceipt | InboundMessage] = []
    for entry in _json_objects(body_json.get("entry")):
        for change in _json_objects(entry.get("changes")):
            value = change.get("value")
            if change.get("field") == "messages" and isinstance(value, dict):
                items += [_meta_receipt(each) for each in _json_objects(value.get("statuses"))
                         if each.get("status") in _META]  # fmt: skip
                items += [
                    _meta_inbound_message(each) for each in _json_objects(value.get("messages"))
                ]
    return items


def parse_waha_webhook(body: bytes) -> DeliveryReceipt | None:
    """Return WAHA's report about one message; None for any other event."""
    report = _parse_json_object(body)
    payload = report.get("payload")
    if report.get("event") != "message.ack" or not isinstance(payload, dict):
        return None
    ack = payload.get("ack")
    state = _WAHA.get(ack) if isinstance(ack, int) else None
    if state is None or payload.get("fromMe") is not True:
        return None
    milliseconds = report.get("timestamp")
    at = _utc_from_timestamp(milliseconds / 1000) if isinstance(milliseconds, int) else None
    failure = _WAHA_REJECTION if state is DeliveryState.FAILED else None
    return DeliveryReceipt(state, provider_id=extract_message_id(payload), at=at, failure=failure)


def parse_fonnte_webhook(body: bytes) -> DeliveryReceipt | None:
    """Return Fonnte's report, by id or state id; None while the message waits."""
    report = _parse_json_object(body)
    status = str(report.get("state") or report.get("status") or "").lower()
    state = _FONNTE.get(status)
    ids = str(report.get("id") or ""), str(report.get("stateid") or "")
    if state is None or not any(ids):
        return None
    failed = state is DeliveryState.FAILED
    failure = Rejected(f"Fonnte: the message is {status}", status) if failed else None
    return DeliveryReceipt(state, provider_id=ids[0], alias=ids[1], failure=failure)


def _meta_receipt(status: JsonObject) -> DeliveryReceipt:
    state = _META[str(status["status"])]
    code = first_object(status.get("errors")).get("code")
    failure = classify_error_code(code if isinstance(code, int) else _DEFAULT_ERROR_CODE)
    return DeliveryReceipt(
        state,
        provider_id=str(status.get("id", "")),
        reference=str(status.get("biz_opaque_callback_data", "")),
        recipient=f"+{status.get('recipient_id', '')}",
        at=_parse_unix_time(status.get("timestamp")),
        failure=failure if state is DeliveryState.FAILED else None,
    )


def _meta_inbound_message(message: JsonObject) -> InboundMessage:
    text, button = message.get("text"), message.get("button")
    typed = text.get("body", "") if isinstance(text, dict) else ""
    pressed = button.get("text", "") if isinstance(button, dict) else ""
    sender, at = f"+{message.get('from', '')}", _parse_unix_time(message.get("timestamp"))
    return InboundMessage(sender, str(typed or pressed), at)


def _parse_json_object(body: bytes) -> JsonObject:
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UnreadableReport("the report is not JSON") from error
    if not isinstance(parsed, dict):
        raise UnreadableReport("the report is not a JSON object")
    return parsed


def _json_objects(value: object) -> Iterator[JsonObject]:
    return (
        (each for each in value if isinstance(each, dict)) if isinstance(value, list) else iter(())
    )


def _parse_unix_time(value: object) -> datetime:
    """Parse seconds in a string, Meta's format."""
    if not isinstance(value, str) or not value.isdecimal():
        raise UnreadableReport("the report has no timestamp")
    return _utc_from_timestamp(int(value))


def _utc_from_timestamp(seconds: float) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError) as error:
        raise UnreadableReport("the report's timestamp is out of range") from error
