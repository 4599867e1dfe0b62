"""Client of WAHA, a self-hosted gateway; it first checks whether the number is on WhatsApp.

Unofficial: numbers get banned for volume, so it is for small events and as a fallback.
"""

import json
from base64 import b64encode
from dataclasses import dataclass, field
from datetime import timedelta

from ticketing.notifications.messages.message import (
    Accepted,
    Acknowledgement,
    Attachment,
    ChatMessage,
    Deferred,
    FailureScope,
    PauseScope,
    Rejected,
    SendOutcome,
    Unconfirmed,
)
from ticketing.notifications.whatsapp.http import (
    READ_SECONDS,
    HttpReply,
    JsonObject,
    WhatsAppClient,
    defer_for_status,
    integer_of,
)
from ticketing.platform.kernel.errors import Misconfigured

_MIB = 1024 * 1024
_FATAL_STATUSES = {401, 403, 404}  # a wrong key or an unknown session
WORKING = "WORKING"
BROKEN_SESSIONS = {"STOPPED", "SCAN_QR_CODE", "FAILED"}  # staff have to act; STARTING passes
SERVER_ACK = 1
_OVERLIMIT_PAUSE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class WahaAccount:
    """A session of a self-hosted gateway."""

    url: str
    api_key: str = field(repr=False)
    session: str = "default"

    def __post_init__(self) -> None:
        """Raise Misconfigured if the URL or the API key is missing."""
        if not (self.url and self.api_key):
            raise Misconfigured("WAHA needs a URL and an API key")


class WahaClient(WhatsAppClient):
    """Client of one session of WAHA."""

    provider = "WAHA"
    max_attachment_bytes = 16 * _MIB

    def __init__(self, account: WahaAccount, *, read_seconds: float = READ_SECONDS) -> None:
        self._session = account.session
        super().__init__(account.url, {"X-Api-Key": account.api_key}, read_seconds)

    def send(self, to: str, message: ChatMessage, *, reference: str) -> SendOutcome:
        """Send a message. WAHA does not accept a reference; its reports have its id."""
        del reference
        refused = self._check_before_sending(to, message.attachment)
        chat = refused or self._find_chat_id(to.removeprefix("+"))
        if not isinstance(chat, str):
            return chat
        payload: JsonObject = {"session": self._session, "chatId": chat}
        if message.attachment:
            file = {"caption": message.text, "file": _file(message.attachment)}
            return self._post_message("/api/sendFile", payload | file)
        return self._post_message(
            "/api/sendText", payload | {"text": message.text, "linkPreview": False}
        )

    def read_acknowledgement(self, to: str, message_id: str) -> Acknowledgement:
        """Return whether WhatsApp has acknowledged a message, as far as the gateway knows."""
        chat = f"{to.removeprefix('+')}@c.us"
        path = f"/api/{self._session}/chats/{chat}/messages/true_{chat}_{message_id}"
        request = self._client.build_request("GET", path, params={"downloadMedia": "false"})
        answer = self._request_repeatable(request)
        if isinstance(answer, Deferred):
            return Acknowledgement.NOT_ANSWERED
        ack = integer_of(answer.body.get("ack"))
        is_known = answer.is_success and ack is not None and ack >= SERVER_ACK
        return Acknowledgement.ACKNOWLEDGED if is_known else Acknowledgement.PENDING

    def _find_chat_id(self, number: str) -> str | Deferred | Rejected:
        params = {"phone": number, "session": self._session}
        request = self._client.build_request("GET", "/api/contacts/check-exists", params=params)
        answer = self._request_repeatable(request)
        if isinstance(answer, Deferred):
            return answer
        if not answer.is_success:
            return _classify_error(answer)
        if answer.body.get("numberExists") is not True:
            return Rejected("WAHA: the number is not on WhatsApp", "number")
        return str(answer.body.get("chatId") or f"{number}@c.us")

    def _post_message(self, path: str, payload: JsonObject) -> SendOutcome:
        answer = self._request(self._client.build_request("POST", path, json=payload))
        if not isinstance(answer, HttpReply):
            return answer
        if answer.status == 500:  # noqa: PLR2004 - the engine failed, perhaps after sending
            return Unconfirmed("WAHA: an internal error while sending")
        if not answer.is_success:
            return _classify_error(answer)
        message_id = extract_message_id(answer.body)
        return Accepted(message_id) if message_id else Unconfirmed("WAHA: accepted without an id")


def extract_message_id(body: JsonObject) -> str:
    """Return a message's id; engines write it in different forms that share this part."""
    key = body.get("key")
    given = key.get("id") if isinstance(key, dict) else body.get("id")
    if isinstance(given, dict):
        given = given.get("_serialized") or given.get("id")
    if not isinstance(given, str):
        return ""
    # "true_CHAT_ID", followed by "_PARTICIPANT" in a group; engines also write ID alone
    parts = given.split("_")
    return parts[2] if parts[0] in {"true", "false"} and len(parts) > 2 else parts[-1]  # noqa: PLR2004 - the third part


def _file(attachment: Attachment) -> JsonObject:
    return {
        "mimetype": attachment.media_type,
        "filename": attachment.name,
        "data": b64encode(attachment.content).decode(),
    }


def _classify_error(answer: HttpReply) -> Deferred | Rejected:
    state = answer.body.get("status")
    code = str(answer.status)
    if answer.status in _FATAL_STATUSES:
        return Deferred(
            "WAHA: the key or the session is not known", code, pause_scope=PauseScope.CHANNEL
        )
    if isinstance(state, str) and state.isupper():
        stops = PauseScope.SENDER if state == "STARTING" else PauseScope.CHANNEL
        return Deferred(f"WAHA: the session is {state}", code, answer.retry_after, stops)
    if "overlimit" in json.dumps(answer.body):
        # WhatsApp's own limit of look-ups, which concerns the number that asks
        after = answer.retry_after or _OVERLIMIT_PAUSE
        return Deferred("WAHA: too many look-ups", "overlimit", after, PauseScope.SENDER)
    if answer.status == 429 or (answer.status >= 500 and answer.status != 501):  # noqa: PLR2004 - 501: not supported by this engine
        return defer_for_status("WAHA", answer.status, answer.retry_after)
    return Rejected("WAHA: the message was not accepted", code, FailureScope.MESSAGE)
