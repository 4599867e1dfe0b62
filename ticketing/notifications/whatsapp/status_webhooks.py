"""What WhatsApp's vendors tell afterwards, pushed to us: reports, and what people write back.

Whoever calls has checked the signature over the bytes as they came: `is_metas`, `is_wahas`. Fonnte
signs nothing, so its address has to be a secret.
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
_DEFAULT_ERROR_CODE = 131026  # undeliverable, when Meta does not say why
_WAHA_REJECTION = Rejected("WAHA: WhatsApp did not take the message", "ERROR")


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """What somebody wrote to us; its sender may be answered freely for 24 hours from then on."""

    sender: str = field(repr=False)  # E.164
    text: str = field(repr=False)
    at: datetime


def is_signed_by_meta(body: bytes, signature: str, app_secret: str) -> bool:
    """Whether Meta signed these bytes (`X-Hub-Signature-256`). False when there is no secret."""
    digest = hmac.new(app_secret.encode(), body, hashlib.sha256).hexdigest()
    return bool(app_secret) and hmac.compare_digest(signature.encode(), f"sha256={digest}".encode())


def is_signed_by_waha(body: bytes, signature: str, key: str) -> bool:
    """Whether our WAHA signed these bytes (`X-Webhook-Hmac`, SHA-512). False without a key."""
    digest = hmac.new(key.encode(), body, hashlib.sha512).hexdigest()
    return bool(key) and hmac.compare_digest(signature.encode(), digest.encode())


def answer_challenge(query: Mapping[str, str], verify_token: str) -> str | None:
    """What to answer Meta when it asks whether an address is ours; None: 403."""
    given = query.get("hub.verify_token", "")
    known = bool(verify_token) and hmac.compare_digest(given.encode(), verify_token.encode())
    return (
        query.get("hub.challenge", "") if known and query.get("hub.mode") == "subscribe" else None
    )


def parse_meta_webhook(body: bytes) -> list[DeliveryReceipt | InboundMessage]:
    """All that a notification tells, of one message or many; other events are left alone."""
    said = _parse_json_object(body)
    told: list[DeliveryReceipt | InboundMessage] = []
    for entry in _json_objects(said.get("entry")):
        for change in _json_objects(entry.get("changes")):
            value = change.get("value")
            if change.get("field") == "messages" and isinstance(value, dict):
                told += [_meta_receipt(each) for each in _json_objects(value.get("statuses"))
                         if each.get("status") in _META]  # fmt: skip
                told += [
                    _meta_inbound_message(each) for each in _json_objects(value.get("messages"))
                ]
    return told


def parse_waha_webhook(body: bytes) -> DeliveryReceipt | None:
    """What WAHA tells of one message; None for anything else that happened in the session."""
    said = _parse_json_object(body)
    payload = said.get("payload")
    if said.get("event") != "message.ack" or not isinstance(payload, dict):
        return None
    ack = payload.get("ack")
    state = _WAHA.get(ack) if isinstance(ack, int) else None
    if state is None or payload.get("fromMe") is not True:
        return None
    milliseconds = said.get("timestamp")
    at = _utc_from_timestamp(milliseconds / 1000) if isinstance(milliseconds, int) else None
    failure = _WAHA_REJECTION if state is DeliveryState.FAILED else None
    return DeliveryReceipt(state, provider_id=extract_message_id(payload), at=at, failure=failure)


def parse_fonnte_webhook(body: bytes) -> DeliveryReceipt | None:
    """What Fonnte tells of one message, by its id or by its state's id; None while it waits."""
    said = _parse_json_object(body)
    word = str(said.get("state") or said.get("status") or "").lower()
    state = _FONNTE.get(word)
    named = str(said.get("id") or ""), str(said.get("stateid") or "")
    if state is None or not any(named):
        return None
    failed = state is DeliveryState.FAILED
    failure = Rejected(f"Fonnte: the message is {word}", word) if failed else None
    return DeliveryReceipt(state, provider_id=named[0], alias=named[1], failure=failure)


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
        said = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UnreadableReport("the report is not JSON") from error
    if not isinstance(said, dict):
        raise UnreadableReport("the report is not a JSON object")
    return said


def _json_objects(value: object) -> Iterator[JsonObject]:
    return (
        (each for each in value if isinstance(each, dict)) if isinstance(value, list) else iter(())
    )


def _parse_unix_time(value: object) -> datetime:
    """Seconds in a string, as Meta writes them."""
    if not isinstance(value, str) or not value.isdecimal():
        raise UnreadableReport("the report has no time")
    return _utc_from_timestamp(int(value))


def _utc_from_timestamp(seconds: float) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError) as error:
        raise UnreadableReport("the report's time makes no sense") from error
