"""Client of Fonnte, an Indonesian gateway; HTTP status is always 200, the body has the result."""

from dataclasses import dataclass, field

from ticketing.notifications.messages.message import (
    Accepted,
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
    WhatsAppClient,
    defer_for_status,
)
from ticketing.platform.kernel.errors import Misconfigured

# what Fonnte's reasons contain; the first that fits decides
_DEVICE_REASONS = {
    "token": "the token is not valid",
    "disconnect": "the device is disconnected",
    "quota": "the quota is used up",
    "expired": "the package has expired",
    "unknown user": "the account is not known",
    "unknown device": "the device is not known",
    "banned": "the number is banned",
}


@dataclass(frozen=True, slots=True)
class FonnteAccount:
    """One device at Fonnte."""

    token: str = field(repr=False)
    url: str = "https://api.fonnte.com"

    def __post_init__(self) -> None:
        """Raise Misconfigured if the token is missing."""
        if not self.token:
            raise Misconfigured("Fonnte needs the device's token")


class FonnteClient(WhatsAppClient):
    """Client of one device at Fonnte."""

    provider = "Fonnte"
    max_attachment_bytes = 4_000_000

    def __init__(self, account: FonnteAccount, *, read_seconds: float = READ_SECONDS) -> None:
        super().__init__(account.url, {"Authorization": account.token}, read_seconds)

    def send(self, to: str, message: ChatMessage, *, reference: str) -> SendOutcome:
        """Send a message. Fonnte does not accept a reference; its reports have its id."""
        del reference
        attached = message.attachment
        refused = self._check_before_sending(to, attached)
        if refused:
            return refused
        form = {
            "target": to.removeprefix("+"),
            "message": message.text,
            "countryCode": "0",  # the number includes its own
            "preview": "false",
        }
        files = None
        if attached:
            form["filename"] = attached.name
            files = {"file": (attached.name, attached.content, attached.media_type)}
        request = self._client.build_request("POST", "/send", data=form, files=files)
        answer = self._request(request)
        return _classify_reply(answer) if isinstance(answer, HttpReply) else answer


def _classify_reply(answer: HttpReply) -> SendOutcome:
    body = {name.lower(): value for name, value in answer.body.items()}  # "Status" also occurs
    if body.get("status") is True:
        ids = body.get("id")
        message_id = ids[0] if isinstance(ids, list) and ids else ids
        return (
            Accepted(str(message_id))
            if message_id
            else Unconfirmed("Fonnte: accepted without an id")
        )
    if answer.status == 429 or answer.status >= 500:  # noqa: PLR2004 - HTTP's numbers
        return defer_for_status("Fonnte", answer.status, answer.retry_after)
    return _classify_reason(str(body.get("reason", "no reason given")).lower())


def _classify_reason(reason: str) -> Deferred | Rejected:
    """Classify by keywords, as Fonnte has no codes. Its text may quote the number: omitted."""
    for keyword, description in _DEVICE_REASONS.items():
        if keyword in reason:
            return Deferred(f"Fonnte: {description}", keyword, pause_scope=PauseScope.CHANNEL)
    if "target" in reason:
        return Rejected("Fonnte: the number is not valid", "target")
    return Rejected("Fonnte: the message was not accepted", "input", FailureScope.MESSAGE)
