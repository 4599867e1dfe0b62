"""Verification and parsing of WhatsApp webhooks: delivery reports and inbound messages.

The caller verifies the signature over the received bytes: `is_signed_by_meta`, `is_signed_by_waha`.
Fonnte signs nothing, so its webhook address has to be secret.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from itertools import chain

from ticketing.notifications.channels.refusals import ChannelStatus
from ticketing.notifications.delivery import DeliveryReceipt, DeliveryState
from ticketing.notifications.messages.message import Deferred, PauseScope, Rejected
from ticketing.notifications.whatsapp.cloud import classify_error_code
from ticketing.notifications.whatsapp.http import JsonObject, first_object, integer_of
from ticketing.notifications.whatsapp.inbound_messages import (
    read_fonnte_message,
    read_meta_message,
    read_meta_preference,
    read_waha_message,
)
from ticketing.notifications.whatsapp.waha import BROKEN_SESSIONS, WORKING, extract_message_id
from ticketing.notifications.whatsapp.webhook_items import (
    WebhookItems,
    instant_of,
    object_of,
    parse_json_object,
    read_list,
    text_of,
)
from ticketing.platform.kernel.errors import UnreadableReport

_META = {
    "sent": DeliveryState.SENT,
    "delivered": DeliveryState.DELIVERED,
    "read": DeliveryState.READ,
    "played": DeliveryState.READ,
    "failed": DeliveryState.FAILED,
}
_WAHA: dict[int | None, DeliveryState] = {
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


def parse_meta_webhook(body: bytes) -> WebhookItems:
    """Return all items of a notification; other events are ignored.

    Raise UnreadableReport if the body is not a JSON object. What is odd inside is an
    UnreadableItem, next to the readable ones.
    """
    return list(read_list(parse_json_object(body), "entry", "", _read_entry))


def _read_entry(entry: JsonObject, place: str) -> WebhookItems:
    return list(read_list(entry, "changes", f"{place}, ", _read_change))


def _read_change(change: JsonObject, place: str) -> WebhookItems:
    about = text_of(change, "field")
    if about not in {"messages", "user_preferences"}:
        return []
    value = change.get("value")
    if not isinstance(value, dict):
        raise UnreadableReport("value: not an object")
    lists = (
        read_list(value, "statuses", f"{place}, ", lambda each, _: _meta_receipt(each)),
        read_list(value, "messages", f"{place}, ", lambda each, _: [read_meta_message(each)]),
        read_list(value, "errors", f"{place}, ", lambda each, _: _meta_account_error(each)),
        read_list(
            value, "user_preferences", f"{place}, ", lambda each, _: [*read_meta_preference(each)]
        ),
    )
    return list(chain.from_iterable(lists))


def _meta_account_error(error: JsonObject) -> WebhookItems:
    """Return the refusal that an error outside of any message means; nothing for other codes."""
    code = integer_of(error.get("code"))
    outcome = None if code is None else classify_error_code(code)
    if isinstance(outcome, Deferred) and outcome.pause_scope is PauseScope.CHANNEL:
        return [ChannelStatus(is_working=False, reason=outcome.reason)]
    return []


def parse_waha_webhook(body: bytes) -> WebhookItems:
    """Return WAHA's report about a message of ours or its session, or a message to us."""
    report = parse_json_object(body)
    event, payload = text_of(report, "event"), object_of(report, "payload")
    if event in {"message", "message.any"}:
        message = read_waha_message(payload)
        return [] if message is None else [message]
    if event == "session.status":
        return _waha_status(payload, _waha_time(report))
    return _waha_receipt(payload, _waha_time(report)) if event == "message.ack" else []


def _waha_time(report: JsonObject) -> datetime | None:
    milliseconds = integer_of(report.get("timestamp"))
    return None if milliseconds is None else instant_of(milliseconds / 1000)


def _waha_status(payload: JsonObject, at: datetime | None) -> WebhookItems:
    state = text_of(payload, "status")
    if state not in {WORKING, *BROKEN_SESSIONS}:
        return []
    return [ChannelStatus(state == WORKING, f"WAHA: the session is {state}", at)]


def _waha_receipt(payload: JsonObject, at: datetime | None) -> WebhookItems:
    state = _WAHA.get(integer_of(payload.get("ack")))
    if state is None or payload.get("fromMe") is not True:
        return []
    message_id = extract_message_id(payload)
    if not message_id:
        raise UnreadableReport("payload.id: no message")
    failure = _WAHA_REJECTION if state is DeliveryState.FAILED else None
    return [DeliveryReceipt(state, provider_id=message_id, at=at, failure=failure)]


def parse_fonnte_webhook(body: bytes) -> WebhookItems:
    """Return Fonnte's report, by id or state id, or about its device, or a message to us.

    A report that the message waits is nothing.
    """
    report = parse_json_object(body)
    if report.get("sender"):
        return [read_fonnte_message(report)]
    status = str(report.get("state") or report.get("status") or "").lower()
    state = _FONNTE.get(status)
    ids = str(report.get("id") or ""), str(report.get("stateid") or "")
    if status in {"connect", "disconnect"} and not any(ids):
        is_working, at = status == "connect", instant_of(report.get("timestamp"))
        return [ChannelStatus(is_working, "Fonnte: the device is disconnected", at)]
    if state is None or not any(ids):
        return []
    failed = state is DeliveryState.FAILED
    failure = Rejected(f"Fonnte: the message is {status}", status) if failed else None
    return [DeliveryReceipt(state, provider_id=ids[0], alias=ids[1], failure=failure)]


def _meta_receipt(status: JsonObject) -> WebhookItems:
    name = status.get("status")
    if not isinstance(name, str):
        raise UnreadableReport("status: not a text")
    ids = text_of(status, "id"), text_of(status, "biz_opaque_callback_data")
    if name not in _META:
        return []
    if not any(ids):
        raise UnreadableReport("id: no message")
    state, failure = _META[name], None
    if state is DeliveryState.FAILED:
        code = integer_of(first_object(status.get("errors")).get("code"))
        failure = classify_error_code(_DEFAULT_ERROR_CODE if code is None else code)
    recipient = text_of(status, "recipient_id")
    return [
        DeliveryReceipt(
            state,
            provider_id=ids[0],
            reference=ids[1],
            recipient=f"+{recipient}" if recipient.isdecimal() else recipient,
            at=instant_of(status.get("timestamp")),
            failure=failure,
        )
    ]
