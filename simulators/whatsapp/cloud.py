"""Meta's Cloud API: messages, media, templates and signed reports."""

import hashlib
import hmac
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from hmac import compare_digest

from simulators.http import HttpRequest, HttpResponse, Json
from simulators.whatsapp import graph
from simulators.whatsapp.graph import GraphRefusal
from simulators.whatsapp.inbound import InboundText
from simulators.whatsapp.media import MediaStore, StoredFile
from simulators.whatsapp.message import AttachedFile, DeliveryStep, Draft, SimulatedMessage
from simulators.whatsapp.templates import TemplateRegistry, parse_template
from simulators.whatsapp.webhooks import WebhookSender
from simulators.whatsapp.world import WhatsAppState

PHONE_ID, BUSINESS_ID, OWN_NUMBER = "106540352242922", "102290129340398", "6281100000000"
TOKEN, APP_SECRET = "EAASIMULATOR", "app-secret-simulator"
_LONGEST_TEXT, _LONGEST_CAPTION = 4096, 1024
_MAX_REFERENCE_LENGTH = 512
_NUMBER = re.compile(r"\+?[1-9][0-9]{6,14}")
_URL_LIFETIME_SECONDS = 300
# items in forms that no documentation names, which have been seen next to ordinary ones
_ODD_ITEMS: dict[str, list[object]] = {
    "statuses": ["", {"status": "read", "timestamp": 1769860000}, {"status": ["read"]}],
    "messages": [{"id": "wamid.ODD", "timestamp": None, "type": "unsupported"}],
}


class CloudApi:
    """Cloud API for one business number."""

    def __init__(
        self,
        world: WhatsAppState,
        webhooks: WebhookSender,
        *,
        token: str,
        app_secret: str,
        webhook: str,
    ) -> None:
        """Configure the API; `webhook` receives delivery reports, empty for none."""
        self._world = world
        self._webhooks = webhooks
        self._token = token
        self._app_secret = app_secret.encode()
        self.webhook = webhook
        self.media = MediaStore(world.clock)
        self.templates = TemplateRegistry()

    def check_key(self, request: HttpRequest) -> None:
        """Raise GraphRefusal unless the request carries the token."""
        given = request.headers.get("authorization", "")
        if not compare_digest(given.encode(), f"Bearer {self._token}".encode()):
            raise GraphRefusal(190, "The access token could not be decrypted")

    def send(self, request: HttpRequest, names: dict[str, str]) -> HttpResponse:
        """Accept a message."""
        _check_phone_id(names)
        body = request.json()
        draft = self._draft(body)
        if self._world.faults.banned:
            raise GraphRefusal(131031, "Business account has been locked")
        if code := self._world.rejection_code(draft):
            raise GraphRefusal(code, f"refused: {draft.to}")
        message = self._world.accept(draft, _message_id)
        self._world.start_delivery(message, self)
        contact = {"input": str(body["to"]), "wa_id": draft.to}
        taken = {"id": message.id}
        if draft.kind == "template":
            taken["message_status"] = "accepted"
        body = {"messaging_product": "whatsapp", "contacts": [contact], "messages": [taken]}
        return HttpResponse.json(200, body)

    def upload(self, request: HttpRequest, names: dict[str, str]) -> HttpResponse:
        """Store an uploaded file."""
        _check_phone_id(names)
        return HttpResponse.json(200, {"id": self.media.upload(request).id})

    def describe_media(self, request: HttpRequest, names: dict[str, str]) -> HttpResponse:
        """Return a file's metadata with a download URL that is valid for five minutes."""
        stored = self.media.find(names["id"])
        ends = int(self._world.clock().timestamp()) + _URL_LIFETIME_SECONDS
        url = f"http://{request.headers['host']}/attachments/?mid={stored.id}&ext={ends}"
        return HttpResponse.json(
            200,
            {
                "url": url,
                "mime_type": stored.file.media_type,
                "sha256": stored.file.sha256,
                "file_size": stored.file.size,
                "id": stored.id,
                "messaging_product": "whatsapp",
            },
        )

    def download(self, request: HttpRequest, _: dict[str, str]) -> HttpResponse:
        """Return a file's content."""
        stored = self.media.find(request.query.get("mid", ""))
        if int(request.query.get("ext", "0")) <= self._world.clock().timestamp():
            return HttpResponse.html(404, "URL expired")
        return HttpResponse(200, stored.content, {"Content-Type": stored.file.media_type})

    def delete_media(self, _: HttpRequest, names: dict[str, str]) -> HttpResponse:
        """Delete a file."""
        self.media.delete(names["id"])
        return HttpResponse.json(200, {"success": True})

    def approve(self, request: HttpRequest, _: dict[str, str]) -> HttpResponse:
        """Create and approve a template."""
        body = request.json()
        approved = self.templates.approve(body)
        number = int.from_bytes(hashlib.sha256(approved.name.encode()).digest()[:6], "big")
        created = {"id": str(number), "status": "APPROVED", "category": body.get("category")}
        return HttpResponse.json(200, created)

    def subscribe(self, request: HttpRequest, _: dict[str, str]) -> HttpResponse:
        """Subscribe a webhook after it answered the challenge."""
        body = request.query | {name: str(value) for name, value in request.json().items()}
        url = body.get("callback_url") or body.get("override_callback_uri", "")
        if not self._webhooks.verify_endpoint(url, body.get("verify_token", "")):
            raise GraphRefusal(2200, "Callback verification failed")
        self.webhook = url
        return HttpResponse.json(200, {"success": True})

    def app_token(self, _: HttpRequest, __: dict[str, str]) -> HttpResponse:
        """Return an app access token."""
        return HttpResponse.json(200, {"access_token": self._token, "token_type": "bearer"})

    def report(self, message: SimulatedMessage, step: DeliveryStep) -> None:
        """Report a delivery state."""
        status: Json = {
            "id": message.id,
            "status": step,
            "timestamp": str(int(self._world.clock().timestamp())),
            "recipient_id": message.draft.to,
        }
        if message.draft.reference:
            status["biz_opaque_callback_data"] = message.draft.reference
        if step == "failed" and message.code is not None:
            status["errors"] = [_error(message.code)]
        else:
            pricing = {"billable": True, "pricing_model": "PMP", "category": "utility"}
            status["pricing"] = pricing | {"type": "regular"}
        contact: Json = {"wa_id": message.draft.to, "profile": {"name": "Somebody"}}
        content: dict[str, list[Json]] = {"statuses": [status], "contacts": [contact]}
        self._send_report(content, f"{message.draft.to} {step}", message.key)

    def report_inbound(self, wrote: InboundText) -> None:
        """Report a message that a person sent to the business.

        A hidden sender has a business-scoped id instead of a number.
        """
        number = len(self._webhooks.attempts()) + 1
        message: Json = {
            "id": f"wamid.IN{number:08}",
            "timestamp": str(int(self._world.clock().timestamp())),
            "type": "text",
            "text": {"body": wrote.text},
        }
        contact: Json = {"profile": {"name": "Somebody"}}
        if wrote.hidden:
            scoped = f"ID.{wrote.hidden_id}"
            message |= {"from_user_id": scoped}
            contact |= {"user_id": scoped}
        else:
            message |= {"from": wrote.sender}
            contact |= {"wa_id": wrote.sender}
        if wrote.answers:
            message["context"] = {"from": OWN_NUMBER, "id": wrote.answers}
        content = {"messages": [message], "contacts": [contact]}
        self._send_report(content, f"{wrote.sender} wrote", wrote.sender)

    def report_preference(self, sender: str, value: str) -> None:
        """Report that a person switched marketing messages off ("stop") or on ("resume")."""
        preference = {
            "wa_id": sender,
            "detail": f"User requested to {value} marketing messages",
            "category": "marketing_messages",
            "value": value,
            "timestamp": int(self._world.clock().timestamp()),
        }
        self._send_report(
            {"user_preferences": [preference]}, f"{sender} {value}", sender, "user_preferences"
        )

    def report_account_error(self, code: int) -> None:
        """Report an error of the account, outside of any message."""
        self._send_report({"errors": [_error(code)]}, f"error {code}", "account")

    def _send_report(
        self, content: Mapping[str, Sequence[object]], what: str, lane: str, about: str = "messages"
    ) -> None:
        metadata = {"display_phone_number": OWN_NUMBER, "phone_number_id": PHONE_ID}
        odd = _ODD_ITEMS if self._world.faults.take("odd_items") else {}
        lists = {name: [*odd.get(name, []), *content.get(name, [])] for name in {**odd, **content}}
        value: Json = {"messaging_product": "whatsapp", "metadata": metadata, **lists}
        change = {"field": about, "value": value}
        entry = {"id": BUSINESS_ID, "changes": [change]}
        body = {"object": "whatsapp_business_account", "entry": [entry]}
        self._webhooks.send_report(
            self.webhook, body, self._signed, what=f"cloud {what}", lane=lane
        )

    def _signed(self, wire: bytes) -> dict[str, str]:
        digest = hmac.new(self._app_secret, wire, hashlib.sha256).hexdigest()
        return {"X-Hub-Signature-256": f"sha256={digest}"}

    def _draft(self, body: Json) -> Draft:
        if body.get("messaging_product") != "whatsapp":
            raise GraphRefusal(100, "The parameter messaging_product is required.")
        to, kind = str(body.get("to", "")), str(body.get("type", "text"))
        given = body.get(kind)
        if not _NUMBER.fullmatch(to):
            raise GraphRefusal(131009, "to: not a phone number")
        if to.lstrip("+") == OWN_NUMBER:
            raise GraphRefusal(131021, "The recipient is the sender")
        if kind not in {"text", "document", "image", "template"}:
            raise GraphRefusal(131051, f"type: {kind}")
        if not isinstance(given, dict):
            raise GraphRefusal(131008, f"{kind}: required")
        text, template, parameters, file = self._content(kind, given)
        reference = str(body.get("biz_opaque_callback_data", ""))
        if len(reference) > _MAX_REFERENCE_LENGTH:
            raise GraphRefusal(131009, "biz_opaque_callback_data: too long")
        number = to.lstrip("+")
        return Draft("cloud", number, kind, text, template, parameters, file, reference)

    def _content(
        self, kind: str, given: Json
    ) -> tuple[str, str, tuple[str, ...], AttachedFile | None]:
        if kind == "text":
            return _text(given.get("body"), _LONGEST_TEXT), "", (), None
        if kind in {"document", "image"}:
            caption = str(given.get("caption", ""))
            return _text(caption, _LONGEST_CAPTION, least=0), "", (), self._file(given)
        use = parse_template(given)
        attached = use.header.get(use.header_kind)
        file = self._file(attached) if isinstance(attached, dict) else None
        return self.templates.render(use), f"{use.name}/{use.language}", use.parameters, file

    def _file(self, given: Json) -> AttachedFile:
        name = str(given.get("filename", ""))
        if link := given.get("link"):
            return AttachedFile(name or str(link), "", 0, "")
        if not given.get("id"):
            raise GraphRefusal(131008, "media: an id or a link is required")
        stored: StoredFile = self.media.find(str(given["id"]))
        kept = stored.file
        return AttachedFile(name or kept.name, kept.media_type, kept.size, kept.sha256)


def _check_phone_id(names: dict[str, str]) -> None:
    if names["phone"] != PHONE_ID:
        raise GraphRefusal(100, f"Object with ID '{names['phone']}' does not exist", subcode=33)


def _message_id(message: SimulatedMessage) -> str:
    return "wamid." + b64encode(f"{message.draft.to} {message.key}".encode()).decode()


def _error(code: int) -> Json:
    message = graph.error_message(code)
    details = {"details": f"{message} (simulated)"}
    return {"code": code, "title": message, "message": message, "error_data": details}


def _text(value: object, longest: int, least: int = 1) -> str:
    if not isinstance(value, str) or not least <= len(value) <= longest:
        raise GraphRefusal(131009, f"a text of {least} to {longest} characters is required")
    return value
