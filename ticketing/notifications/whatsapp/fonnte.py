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
    WhatsAppHttpClient,
    build_http_client,
    check_before_sending,
    send_request,
)
from ticketing.platform.kernel.errors import Misconfigured

_FATAL_REASONS = ("token", "disconnect", "quota", "expired")


@dataclass(frozen=True, slots=True)
class FonnteAccount:
    """One device at Fonnte."""

    token: str = field(repr=False)
    url: str = "https://api.fonnte.com"

    def __post_init__(self) -> None:
        """Raise Misconfigured if the token is missing."""
        if not self.token:
            raise Misconfigured("Fonnte needs the device's token")


class FonnteClient(WhatsAppHttpClient):
    """Client of one device. Use `with`, or close it. Threads may share it."""

    max_attachment_bytes = 4_000_000

    def __init__(self, account: FonnteAccount, *, read_seconds: float = READ_SECONDS) -> None:
        super().__init__(
            build_http_client(account.url, {"Authorization": account.token}, read_seconds)
        )

    def send(self, to: str, message: ChatMessage, *, reference: str) -> SendOutcome:
        """See WhatsAppClient.send. Fonnte does not accept a reference; its reports have its id."""
        del reference
        attached = message.attachment
        refused = check_before_sending(to, attached, self.max_attachment_bytes)
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
        answer = send_request(self._client, "Fonnte", request)
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
    code = str(answer.status)
    if answer.status == 429:  # noqa: PLR2004 - HTTP's number
        return Deferred("Fonnte: too many requests", code, answer.retry_after, PauseScope.SENDER)
    if answer.status >= 500:  # noqa: PLR2004 - HTTP's range
        return Deferred("Fonnte: unavailable", code, answer.retry_after)
    return _classify_reason(str(body.get("reason", "no reason given")).lower())


def _classify_reason(reason: str) -> Deferred | Rejected:
    """Classify by keywords, as Fonnte has no codes. Its text may quote the number: omitted."""
    for keyword in _FATAL_REASONS:
        if keyword in reason:
            return Deferred(
                f"Fonnte: the device cannot send ({keyword})",
                keyword,
                pause_scope=PauseScope.CHANNEL,
            )
    if "target" in reason:
        return Rejected("Fonnte: the number is not valid", "target")
    return Rejected("Fonnte: the message was not accepted", "input", FailureScope.MESSAGE)
