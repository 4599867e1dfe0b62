"""WAHA, a gateway one runs oneself. A number that nobody has is asked for first.

Unofficial: numbers get banned for volume, so it is for small events and as a second way.
"""

from base64 import b64encode
from dataclasses import dataclass, field

from ticketing.notifications.messages.message import (
    Accepted,
    Attachment,
    Cause,
    ChatMessage,
    Declined,
    Later,
    Outcome,
    Stops,
    Unsure,
)
from ticketing.notifications.whatsapp.http import (
    READ_SECONDS,
    Answer,
    Connected,
    Json,
    client_for,
    exchange,
    refused_here,
)
from ticketing.platform.kernel.errors import Misconfigured

_MIB = 1024 * 1024
_NEEDS_A_PERSON = {401, 403, 404}  # a wrong key, or a session that nobody has made


@dataclass(frozen=True, slots=True)
class WahaAccount:
    """A session of one's own gateway."""

    url: str
    api_key: str = field(repr=False)
    session: str = "default"

    def __post_init__(self) -> None:
        """Refuse to be nobody."""
        if not (self.url and self.api_key):
            raise Misconfigured("WAHA needs its address and its API key")


class WahaWhatsApp(Connected):
    """A client of one session; close it, or use `with`. Threads may share it."""

    largest_attachment = 16 * _MIB

    def __init__(self, account: WahaAccount, *, read_seconds: float = READ_SECONDS) -> None:
        """Connect when the first message goes."""
        self._session = account.session
        super().__init__(client_for(account.url, {"X-Api-Key": account.api_key}, read_seconds))

    def send(self, to: str, message: ChatMessage, *, reference: str) -> Outcome:
        """As WhatsApp.send; WAHA has no place for a reference, its reports name the id alone."""
        del reference
        refused = refused_here(to, message.attachment, self.largest_attachment)
        chat = refused or self._chat(to.removeprefix("+"))
        if not isinstance(chat, str):
            return chat
        asked: Json = {"session": self._session, "chatId": chat}
        if message.attachment:
            file = {"caption": message.text, "file": _file(message.attachment)}
            return self._post("/api/sendFile", asked | file)
        return self._post("/api/sendText", asked | {"text": message.text, "linkPreview": False})

    def _chat(self, number: str) -> str | Later | Declined:
        params = {"phone": number, "session": self._session}
        request = self._client.build_request("GET", "/api/contacts/check-exists", params=params)
        answer = exchange(self._client, "WAHA", request)
        if isinstance(answer, Unsure):
            return Later(answer.reason)  # only a question was lost
        if isinstance(answer, Later):
            return answer
        if not answer.is_good:
            return _refusal(answer)
        if answer.said.get("numberExists") is not True:
            return Declined("WAHA: the number is not on WhatsApp", "number")
        return str(answer.said.get("chatId") or f"{number}@c.us")

    def _post(self, path: str, asked: Json) -> Outcome:
        request = self._client.build_request("POST", path, json=asked)
        answer = exchange(self._client, "WAHA", request)
        if not isinstance(answer, Answer):
            return answer
        if answer.status == 500:  # noqa: PLR2004 - the engine threw, perhaps after it had sent
            return Unsure("WAHA: an internal error while sending")
        if not answer.is_good:
            return _refusal(answer)
        message_id = id_in(answer.said)
        return Accepted(message_id) if message_id else Unsure("WAHA: accepted without an id")


def id_in(said: Json) -> str:
    """A message's id, in whichever form an engine writes it: the part that all have in common."""
    key = said.get("key")
    given = key.get("id") if isinstance(key, dict) else said.get("id")
    if isinstance(given, dict):
        given = given.get("_serialized") or given.get("id")
    return given.rpartition("_")[2] if isinstance(given, str) else ""


def _file(attachment: Attachment) -> Json:
    return {
        "mimetype": attachment.media_type,
        "filename": attachment.name,
        "data": b64encode(attachment.content).decode(),
    }


def _refusal(answer: Answer) -> Later | Declined:
    state = answer.said.get("status")
    code = str(answer.status)
    if answer.status in _NEEDS_A_PERSON:
        return Later("WAHA: the key or the session is not known", code, stops=Stops.CHANNEL)
    if isinstance(state, str) and state.isupper():
        stops = Stops.SENDER if state == "STARTING" else Stops.CHANNEL
        return Later(f"WAHA: the session is {state}", code, answer.retry_after, stops)
    if answer.status == 429:  # noqa: PLR2004 - HTTP's number
        return Later("WAHA: too many requests", code, answer.retry_after, Stops.SENDER)
    if answer.status >= 500 and answer.status != 501:  # noqa: PLR2004 - 501: this engine cannot
        return Later("WAHA: unavailable", code, answer.retry_after)
    return Declined("WAHA: the message was not accepted", code, Cause.MESSAGE)
