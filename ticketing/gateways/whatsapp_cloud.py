"""Meta's Cloud API: templates, texts, and files that are uploaded once and used again."""

from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock

from ticketing.domain.errors import Misconfigured
from ticketing.domain.messages import (
    Accepted,
    ApprovedTemplate,
    Attachment,
    ChatMessage,
    Declined,
    Later,
    Outcome,
    Unsure,
)
from ticketing.gateways.whatsapp import refused_here
from ticketing.gateways.whatsapp_codes import MEDIA_TROUBLE, meaning_of
from ticketing.gateways.whatsapp_exchange import (
    READ_SECONDS,
    Answer,
    Connected,
    Json,
    client_for,
    exchange,
    first,
)

_MIB = 1024 * 1024
_MEDIA_LASTS = timedelta(days=29)  # a day less than Meta keeps it
_MEDIA_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class CloudAccount:
    """One business number at Meta. The token is a system user's."""

    phone_id: str
    token: str = field(repr=False)
    url: str = "https://graph.facebook.com"
    version: str = "v23.0"

    def __post_init__(self) -> None:
        """Refuse to be nobody."""
        if not (self.phone_id and self.token):
            raise Misconfigured("the Cloud API needs a phone number id and a token")


@dataclass(frozen=True, slots=True)
class UploadedMedia:
    """A file that Meta has, until then."""

    id: str
    until: datetime


def _now() -> datetime:
    return datetime.now(UTC)


class CloudWhatsApp(Connected):
    """A client of one number; close it, or use `with`. Threads may share it."""

    largest_attachment = 100 * _MIB

    def __init__(
        self,
        account: CloudAccount,
        *,
        media: MutableMapping[str, UploadedMedia] | None = None,
        read_seconds: float = READ_SECONDS,
        now: Callable[[], datetime] = _now,
    ) -> None:
        """`media` remembers uploads by their SHA-256; hand in one that outlives the process."""
        self._media: MutableMapping[str, UploadedMedia] = {} if media is None else media
        self._remembering = Lock()
        self._now = now
        headers = {"Authorization": f"Bearer {account.token}"}
        base = f"{account.url.rstrip('/')}/{account.version}/{account.phone_id}"
        super().__init__(client_for(base, headers, read_seconds))

    def send(self, to: str, message: ChatMessage, *, reference: str) -> Outcome:
        """As WhatsApp.send. A file Meta has forgotten before its time is uploaded once more."""
        refused = refused_here(to, message.attachment, self.largest_attachment)
        if refused:
            return refused
        attached = message.attachment
        if attached is None:
            return self._post(to, message, reference, "")
        known = self._known(attached)
        media = known or self._uploaded(attached)
        if not isinstance(media, str):
            return media
        outcome = self._post(to, message, reference, media)
        if not (known and isinstance(outcome, Declined) and outcome.code in MEDIA_TROUBLE):
            return outcome
        media = self._uploaded(attached)
        return self._post(to, message, reference, media) if isinstance(media, str) else media

    def upload(self, attachment: Attachment) -> str | Later | Declined:
        """The id of a file at Meta: uploaded now, or known from before."""
        return self._known(attachment) or self._uploaded(attachment)

    def _known(self, attachment: Attachment) -> str | None:
        known = self._media.get(attachment.sha256)
        return known.id if known and known.until > self._now() else None

    def _uploaded(self, attachment: Attachment) -> str | Later | Declined:
        request = self._client.build_request(
            "POST",
            "/media",
            data={"messaging_product": "whatsapp", "type": attachment.media_type},
            files={"file": (attachment.name, attachment.content, attachment.media_type)},
        )
        answer = exchange(self._client, "Meta", request)
        if isinstance(answer, Unsure):
            return Later(answer.reason)  # a file that was uploaded twice harms nobody
        if isinstance(answer, Later):
            return answer
        media_id = answer.said.get("id")
        if answer.is_good and isinstance(media_id, str) and media_id:
            self._remember(attachment, media_id)
            return media_id
        return _refusal(answer)

    def _remember(self, attachment: Attachment, media_id: str) -> None:
        with self._remembering:
            if len(self._media) >= _MEDIA_REMEMBERED:
                del self._media[next(iter(self._media))]
            self._media[attachment.sha256] = UploadedMedia(media_id, self._now() + _MEDIA_LASTS)

    def _post(self, to: str, message: ChatMessage, reference: str, media: str) -> Outcome:
        asked = _request(to, message, reference, media)
        request = self._client.build_request("POST", "/messages", json=asked)
        answer = exchange(self._client, "Meta", request)
        if not isinstance(answer, Answer):
            return answer
        if not answer.is_good:
            return _refusal(answer)
        message_id = first(answer.said.get("messages")).get("id")
        if isinstance(message_id, str) and message_id:
            return Accepted(message_id)
        return Unsure("Meta: accepted, and did not say under which id")


def _request(to: str, message: ChatMessage, reference: str, media: str) -> Json:
    attached = message.attachment
    document: Json = {"id": media, "filename": attached.name} if attached else {}
    asked: Json = {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": to.removeprefix("+"),
        "biz_opaque_callback_data": reference,
    }
    if message.template:
        return asked | {"type": "template", "template": _template(message.template, document)}
    if document:
        return asked | {"type": "document", "document": document | {"caption": message.text}}
    return asked | {"type": "text", "text": {"body": message.text, "preview_url": False}}


def _template(template: ApprovedTemplate, document: Json) -> Json:
    components: list[Json] = []
    if document:
        header = {"type": "document", "document": document}
        components.append({"type": "header", "parameters": [header]})
    if template.parameters:
        components.append({"type": "body", "parameters": [_text(p) for p in template.parameters]})
    if template.button:
        button: Json = {"type": "button", "sub_type": "url", "index": "0"}
        components.append(button | {"parameters": [_text(template.button)]})
    language = {"code": template.language}
    return {"name": template.name, "language": language, "components": components}


def _text(text: str) -> Json:
    return {"type": "text", "text": text}


def _refusal(answer: Answer) -> Later | Declined:
    error = answer.said.get("error")
    told: Json = error if isinstance(error, dict) else {}
    code = told.get("code")
    return meaning_of(
        code if isinstance(code, int) else answer.status,
        status=answer.status,
        transient=told.get("is_transient") is True,
        after=answer.retry_after,
    )
