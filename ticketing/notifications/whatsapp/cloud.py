"""Client of Meta's Cloud API: templates, texts, cached uploads, and its error codes.

Source: WhatsApp Business Platform, "Error codes". Meta asks clients to decide by the code alone:
throttling comes under HTTP 400 as well as 429, and titles change. The codes come in the response
or in a later status webhook.
"""

from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from threading import Lock

from ticketing.notifications.messages.message import (
    Accepted,
    ApprovedTemplate,
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
    first_object,
    integer_of,
)
from ticketing.platform.kernel.errors import Misconfigured

_AUTHENTICATION = {0, 3, 10, 190, 2500, *range(200, 300)}
_ACCOUNT = {33, 368, 131005, 131031, 131037, 131042, 131045, 131064, 134011}
# registering the number again is up to staff; the codes come with messages until then
_REGISTRATION = {133000, 133005, 133006, 133008, 133009, 133010, 133015, 133016}
# the next recipient of the same template would fail as well
_TEMPLATE = {132001, 132015, 132016}
TEMPLATE_ERROR_CODES = {str(code) for code in _TEMPLATE}
_WHOLE_CHANNEL = _AUTHENTICATION | _ACCOUNT | _REGISTRATION | _TEMPLATE
_UNKNOWN_OBJECT = (100, 33)  # code and subcode: the number's id is wrong, or not the token's
_THROTTLING_CODES = {4, 80007, 130429, 131048, 131057}
_TRANSIENT = {1, 2, 131000, 131016, 131049, 131056, 133004}
_RETRY_DELAY_BY_CODE = {131048: timedelta(hours=6), 131049: timedelta(hours=24)}
_RECIPIENT = {130472, 130497, 131021, 131026, 131030, 131047, 131062, 137000}
_OPTED_OUT = 131050
# an unknown media id is reported as the general "invalid parameter"
MEDIA_ERROR_CODES = {"100", "100/33", "131052", "131053"}
_ERROR_DESCRIPTIONS = {
    0: "the token is not valid",
    33: "the number was deleted",
    190: "the token has expired or is not valid",
    368: "the account is blocked for policy violations",
    2500: "the address is not one of Meta's; check WHATSAPP_URL",
    130429: "too many messages per second",
    131005: "the token has no right to send messages",
    131021: "the recipient is the sender",
    131026: "not on WhatsApp, or cannot be reached there",
    131030: "not among the test numbers",
    131031: "the account is locked",
    131037: "the number's display name is not approved",
    131042: "the account's payment method has a problem",
    131047: "more than 24 hours since the recipient wrote; only a template is delivered",
    131048: "the number is restricted for spam",
    131049: "not delivered because of the recipient's message limit",
    131050: "the recipient has opted out",
    131053: "the file was not accepted",
    131056: "too many messages to this recipient",
    132000: "the number of template parameters is wrong",
    132001: "the template does not exist in this language",
    132012: "a parameter has the wrong format for the template",
    132015: "the template is paused for its quality",
    132016: "the template is disabled for its quality",
    133006: "the number has to be verified again",
    133010: "the number is not registered",
}


def classify_error_code(
    code: int,
    *,
    subcode: int | None = None,
    status: int = 400,
    transient: bool = False,
    retry_after: timedelta | None = None,
) -> Deferred | Rejected:
    """Return the outcome of a code; of an unknown one by the HTTP status and Meta's own hint."""
    if (code, subcode) == _UNKNOWN_OBJECT:
        reason = "Meta: WHATSAPP_PHONE_ID is not a number of this token (100/33)"
        return Deferred(reason, "100/33", retry_after, PauseScope.CHANNEL)
    reason = f"Meta: {_ERROR_DESCRIPTIONS.get(code, 'refused')} ({code})"
    if code in _RECIPIENT:
        return Rejected(reason, str(code), FailureScope.RECIPIENT)
    if code == _OPTED_OUT:
        return Rejected(reason, str(code), FailureScope.OPTED_OUT)
    stops = _pause_scope(code, status, transient=transient)
    if stops is None:
        return Rejected(reason, str(code), FailureScope.MESSAGE)
    return Deferred(reason, str(code), retry_after or _RETRY_DELAY_BY_CODE.get(code), stops)


def _pause_scope(code: int, status: int, *, transient: bool) -> PauseScope | None:
    """Return the scope of the pause; None if waiting does not help."""
    if code in _WHOLE_CHANNEL or status in {401, 403, 404}:
        return PauseScope.CHANNEL
    if code in _THROTTLING_CODES or status == 429:  # noqa: PLR2004 - HTTP's number
        return PauseScope.SENDER
    passes = code in _TRANSIENT or transient or status >= 500  # noqa: PLR2004 - HTTP's range
    return PauseScope.MESSAGE if passes else None


_MIB = 1024 * 1024
_MEDIA_LASTS = timedelta(days=29)  # one day less than Meta keeps it
_MAX_CACHED_MEDIA = 10_000


@dataclass(frozen=True, slots=True)
class CloudAccount:
    """A business number at Meta. The token is that of a system user."""

    phone_id: str
    token: str = field(repr=False)
    url: str = "https://graph.facebook.com"
    version: str = "v23.0"

    def __post_init__(self) -> None:
        """Raise Misconfigured if the phone number id or the token is missing."""
        if not (self.phone_id and self.token):
            raise Misconfigured("the Cloud API needs a phone number id and a token")


@dataclass(frozen=True, slots=True)
class UploadedMedia:
    """An uploaded file and the time until which Meta keeps it."""

    id: str
    expires_at: datetime


class CloudClient(WhatsAppClient):
    """Client of the Cloud API."""

    provider = "Meta"
    max_attachment_bytes = 100 * _MIB

    def __init__(
        self,
        account: CloudAccount,
        *,
        media: MutableMapping[str, UploadedMedia] | None = None,
        read_seconds: float = READ_SECONDS,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`media` caches uploads by their SHA-256; pass one that outlives the process."""
        self._media: MutableMapping[str, UploadedMedia] = {} if media is None else media
        self._remembering = Lock()
        self._now = now
        headers = {"Authorization": f"Bearer {account.token}"}
        base = f"{account.url.rstrip('/')}/{account.version}/{account.phone_id}"
        super().__init__(base, headers, read_seconds)

    def send(self, to: str, message: ChatMessage, *, reference: str) -> SendOutcome:
        """Send a message. A file that Meta deleted early is uploaded once more."""
        refused = self._check_before_sending(to, message.attachment)
        if refused:
            return refused
        attached = message.attachment
        if attached is None:
            return self._post_message(to, message, reference, "")
        known = self._find_cached_media_id(attached)
        media = known or self._upload_media(attached)
        if not isinstance(media, str):
            return media
        outcome = self._post_message(to, message, reference, media)
        is_media_error = (
            isinstance(outcome, (Deferred, Rejected)) and outcome.code in MEDIA_ERROR_CODES
        )
        if not (known and is_media_error):
            return outcome
        media = self._upload_media(attached)
        return (
            self._post_message(to, message, reference, media) if isinstance(media, str) else media
        )

    def upload(self, attachment: Attachment) -> str | Deferred | Rejected:
        """Return the id of a file at Meta, from the cache or uploaded now."""
        return self._find_cached_media_id(attachment) or self._upload_media(attachment)

    def _find_cached_media_id(self, attachment: Attachment) -> str | None:
        known = self._media.get(attachment.sha256)
        return known.id if known and known.expires_at > self._now() else None

    def _upload_media(self, attachment: Attachment) -> str | Deferred | Rejected:
        request = self._client.build_request(
            "POST",
            "/media",
            data={"messaging_product": "whatsapp", "type": attachment.media_type},
            files={"file": (attachment.name, attachment.content, attachment.media_type)},
        )
        answer = self._request_repeatable(request)
        if isinstance(answer, Deferred):
            return answer
        media_id = answer.body.get("id")
        if answer.is_success and isinstance(media_id, str) and media_id:
            self._cache_media(attachment, media_id)
            return media_id
        return _classify_error(answer)

    def _cache_media(self, attachment: Attachment, media_id: str) -> None:
        with self._remembering:
            if len(self._media) >= _MAX_CACHED_MEDIA:
                del self._media[next(iter(self._media))]
            self._media[attachment.sha256] = UploadedMedia(media_id, self._now() + _MEDIA_LASTS)

    def _post_message(
        self, to: str, message: ChatMessage, reference: str, media: str
    ) -> SendOutcome:
        payload = _message_payload(to, message, reference, media)
        answer = self._request(self._client.build_request("POST", "/messages", json=payload))
        if not isinstance(answer, HttpReply):
            return answer
        used = message.template
        template = f"{used.name}/{used.language}" if used else ""
        if not answer.is_success:
            return _name_template(_classify_error(answer), template)
        message_id = first_object(answer.body.get("messages")).get("id")
        if isinstance(message_id, str) and message_id:
            return Accepted(message_id, template)
        return Unconfirmed("Meta: accepted without an id")


def _name_template(outcome: Deferred | Rejected, template: str) -> Deferred | Rejected:
    """Return the outcome, with the template if Meta refuses just that one."""
    if isinstance(outcome, Rejected) or outcome.code not in TEMPLATE_ERROR_CODES:
        return outcome
    return replace(outcome, reason=f"{outcome.reason}: {template}", template=template)


def _message_payload(to: str, message: ChatMessage, reference: str, media: str) -> JsonObject:
    attached = message.attachment
    document: JsonObject = {"id": media, "filename": attached.name} if attached else {}
    payload: JsonObject = {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": to.removeprefix("+"),
        "biz_opaque_callback_data": reference,
    }
    if message.template:
        return payload | {
            "type": "template",
            "template": _template_payload(message.template, document),
        }
    if document:
        return payload | {"type": "document", "document": document | {"caption": message.text}}
    return payload | {"type": "text", "text": {"body": message.text, "preview_url": False}}


def _template_payload(template: ApprovedTemplate, document: JsonObject) -> JsonObject:
    components: list[JsonObject] = []
    if document:
        header = {"type": "document", "document": document}
        components.append({"type": "header", "parameters": [header]})
    if template.parameters:
        components.append(
            {"type": "body", "parameters": [_text_parameter(p) for p in template.parameters]}
        )
    if template.button_url_suffix:
        button: JsonObject = {"type": "button", "sub_type": "url", "index": "0"}
        components.append(button | {"parameters": [_text_parameter(template.button_url_suffix)]})
    language = {"code": template.language}
    return {"name": template.name, "language": language, "components": components}


def _text_parameter(text: str) -> JsonObject:
    return {"type": "text", "text": text}


def _classify_error(answer: HttpReply) -> Deferred | Rejected:
    error = answer.body.get("error")
    details: JsonObject = error if isinstance(error, dict) else {}
    code = integer_of(details.get("code"))
    return classify_error_code(
        answer.status if code is None else code,
        subcode=integer_of(details.get("error_subcode")),
        status=answer.status,
        transient=details.get("is_transient") is True,
        retry_after=answer.retry_after,
    )
