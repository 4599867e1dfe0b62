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

from ticketing.notifications.delivery import DeliveryState, Report
from ticketing.notifications.messages.message import Declined
from ticketing.notifications.whatsapp.cloud import meaning_of
from ticketing.notifications.whatsapp.http import Json, first
from ticketing.notifications.whatsapp.waha import id_in
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
_NO_CODE = 131026  # undeliverable, when Meta does not say why
_NOT_TAKEN = Declined("WAHA: WhatsApp did not take the message", "ERROR")


@dataclass(frozen=True, slots=True)
class Inbound:
    """What somebody wrote to us; its sender may be answered freely for 24 hours from then on."""

    sender: str = field(repr=False)  # E.164
    text: str = field(repr=False)
    at: datetime


def is_metas(body: bytes, signature: str, app_secret: str) -> bool:
    """Whether Meta signed these bytes (`X-Hub-Signature-256`). False when there is no secret."""
    digest = hmac.new(app_secret.encode(), body, hashlib.sha256).hexdigest()
    return bool(app_secret) and hmac.compare_digest(signature.encode(), f"sha256={digest}".encode())


def is_wahas(body: bytes, signature: str, key: str) -> bool:
    """Whether our WAHA signed these bytes (`X-Webhook-Hmac`, SHA-512). False without a key."""
    digest = hmac.new(key.encode(), body, hashlib.sha512).hexdigest()
    return bool(key) and hmac.compare_digest(signature.encode(), digest.encode())


def challenge_answered(query: Mapping[str, str], verify_token: str) -> str | None:
    """What to answer Meta when it asks whether an address is ours; None: 403."""
    given = query.get("hub.verify_token", "")
    known = bool(verify_token) and hmac.compare_digest(given.encode(), verify_token.encode())
    return (
        query.get("hub.challenge", "") if known and query.get("hub.mode") == "subscribe" else None
    )


def read_meta(body: bytes) -> list[Report | Inbound]:
    """All that a notification tells, of one message or many; other events are left alone."""
    said = _object(body)
    told: list[Report | Inbound] = []
    for entry in _objects(said.get("entry")):
        for change in _objects(entry.get("changes")):
            value = change.get("value")
            if change.get("field") == "messages" and isinstance(value, dict):
                told += [_meta_report(each) for each in _objects(value.get("statuses"))
                         if each.get("status") in _META]  # fmt: skip
                told += [_inbound(each) for each in _objects(value.get("messages"))]
    return told


def read_waha(body: bytes) -> Report | None:
    """What WAHA tells of one message; None for anything else that happened in the session."""
    said = _object(body)
    payload = said.get("payload")
    if said.get("event") != "message.ack" or not isinstance(payload, dict):
        return None
    ack = payload.get("ack")
    state = _WAHA.get(ack) if isinstance(ack, int) else None
    if state is None or payload.get("fromMe") is not True:
        return None
    milliseconds = said.get("timestamp")
    at = _instant(milliseconds / 1000) if isinstance(milliseconds, int) else None
    failure = _NOT_TAKEN if state is DeliveryState.FAILED else None
    return Report(state, provider_id=id_in(payload), at=at, failure=failure)


def read_fonnte(body: bytes) -> Report | None:
    """What Fonnte tells of one message, by its id or by its state's id; None while it waits."""
    said = _object(body)
    word = str(said.get("state") or said.get("status") or "").lower()
    state = _FONNTE.get(word)
    named = str(said.get("id") or ""), str(said.get("stateid") or "")
    if state is None or not any(named):
        return None
    failed = state is DeliveryState.FAILED
    failure = Declined(f"Fonnte: the message is {word}", word) if failed else None
    return Report(state, provider_id=named[0], alias=named[1], failure=failure)


def _meta_report(status: Json) -> Report:
    state = _META[str(status["status"])]
    code = first(status.get("errors")).get("code")
    failure = meaning_of(code if isinstance(code, int) else _NO_CODE)
    return Report(
        state,
        provider_id=str(status.get("id", "")),
        reference=str(status.get("biz_opaque_callback_data", "")),
        recipient=f"+{status.get('recipient_id', '')}",
        at=_unix(status.get("timestamp")),
        failure=failure if state is DeliveryState.FAILED else None,
    )


def _inbound(message: Json) -> Inbound:
    text, button = message.get("text"), message.get("button")
    typed = text.get("body", "") if isinstance(text, dict) else ""
    pressed = button.get("text", "") if isinstance(button, dict) else ""
    sender, at = f"+{message.get('from', '')}", _unix(message.get("timestamp"))
    return Inbound(sender, str(typed or pressed), at)


def _object(body: bytes) -> Json:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UnreadableReport("the report is not JSON") from error
    if not isinstance(said, dict):
        raise UnreadableReport("the report is not a JSON object")
    return said


def _objects(value: object) -> Iterator[Json]:
    return (
        (each for each in value if isinstance(each, dict)) if isinstance(value, list) else iter(())
    )


def _unix(value: object) -> datetime:
    """Seconds in a string, as Meta writes them."""
    if not isinstance(value, str) or not value.isdecimal():
        raise UnreadableReport("the report has no time")
    return _instant(int(value))


def _instant(seconds: float) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError) as error:
        raise UnreadableReport("the report's time makes no sense") from error
