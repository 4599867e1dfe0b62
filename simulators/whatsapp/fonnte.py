"""Fonnte, an Indonesian gateway: form requests, HTTP 200 for errors, unsigned reports."""

import re
from hmac import compare_digest

from simulators.http import HttpRequest, HttpResponse
from simulators.whatsapp.inbound import InboundText
from simulators.whatsapp.media import file_metadata, parse_multipart
from simulators.whatsapp.message import AttachedFile, DeliveryStep, Draft, SimulatedMessage
from simulators.whatsapp.webhooks import WebhookSender
from simulators.whatsapp.world import WhatsAppState

FONNTE_TOKEN = "fonnte-simulator"  # noqa: S105 - public test token
DEVICE = "6281100000000"
_MAX_FILE_BYTES = 4 * 1000 * 1000
_MAX_MESSAGE_LENGTH = 60_000
_NUMBER = re.compile(r"\+?[0-9]{7,15}")


class FonnteRefusal(Exception):
    """Error response; only the body marks it as an error."""


class FonnteApi:
    """Fonnte API for one device with one number."""

    def __init__(
        self, world: WhatsAppState, webhooks: WebhookSender, *, token: str, webhook: str
    ) -> None:
        """Configure the API; `webhook` receives delivery reports, empty for none."""
        self._world = world
        self._webhooks = webhooks
        self._token = token
        self.webhook = webhook
        self.is_connected = True

    def change_connection(self, *, is_connected: bool) -> None:
        """Connect or disconnect the device and report it."""
        self.is_connected = is_connected
        state = "connect" if is_connected else "disconnect"
        at = int(self._world.clock().timestamp())
        body = {"device": DEVICE, "status": state, "timestamp": at}
        self._webhooks.send_report(
            self.webhook, body, lambda _: {}, what=f"fonnte device {state}", lane=DEVICE
        )

    def check_key(self, request: HttpRequest) -> None:
        """Raise FonnteRefusal unless the request carries the token."""
        given = request.headers.get("authorization", "")
        if not compare_digest(given.encode(), self._token.encode()):
            raise FonnteRefusal("token invalid")

    def send(self, request: HttpRequest, _: dict[str, str]) -> HttpResponse:
        """Accept a message."""
        draft = _draft(request)
        if self._world.faults.banned or not self.is_connected:
            raise FonnteRefusal("request invalid on disconnected device")
        if self._world.faults.quota_used_up:
            raise FonnteRefusal("insufficient quota")
        if reason := self._world.faults.fonnte_reason:
            raise FonnteRefusal(reason)
        if self._world.rejection_code(draft):
            raise FonnteRefusal("target invalid")
        message = self._world.accept(draft, _message_id)
        self._world.start_delivery(message, self)
        body = {
            "detail": "success! message in queue",
            "id": [message.id],
            "process": "pending",
            "requestid": 2_937_000 + message.number,
            "status": True,
            "target": [draft.to],
        }
        return HttpResponse.json(200, body)

    def device(self, _: HttpRequest, __: dict[str, str]) -> HttpResponse:
        """Return the state of the device."""
        connected = self.is_connected and not self._world.faults.banned
        left = 0 if self._world.faults.quota_used_up else 10_000
        state = "connect" if connected else "disconnect"
        return HttpResponse.json(200, {"device": DEVICE, "device_status": state, "quota": left})

    def report(self, message: SimulatedMessage, step: DeliveryStep) -> None:
        """Report a delivery state: first by message id, later by state id."""
        body = {"device": DEVICE, "stateid": message.key}
        if step in {"sent", "failed"}:
            body |= {"id": message.id, "status": "invalid" if step == "failed" else "sent"}
        else:
            body["state"] = step
        what = f"fonnte {message.draft.to} {step}"
        self._webhooks.send_report(self.webhook, body, lambda _: {}, what=what, lane=message.key)

    def report_inbound(self, wrote: InboundText) -> None:
        """Report a message to the device; in a group the sender is the group."""
        person = wrote.chat if wrote.hidden else wrote.sender
        body = {
            "device": DEVICE,
            "sender": f"{wrote.group}@g.us" if wrote.group else person,
            "member": person if wrote.group else "",
            "message": wrote.text,
            "name": "Somebody",
            "timestamp": int(self._world.clock().timestamp()),
            "inboxid": len(self._webhooks.attempts()) + 1,
        }
        what = f"fonnte {wrote.sender} wrote"
        self._webhooks.send_report(self.webhook, body, lambda _: {}, what=what, lane=wrote.sender)


def _message_id(message: SimulatedMessage) -> str:
    return str(80_367_000 + message.number)


def _draft(request: HttpRequest) -> Draft:
    fields, file = _fields(request)
    target = fields.get("target", "")
    text = fields.get("message", "")
    if not _NUMBER.fullmatch(target):
        raise FonnteRefusal("target invalid")
    if not (text or file) or len(text) > _MAX_MESSAGE_LENGTH:
        raise FonnteRefusal("input invalid")
    number = _international(target.lstrip("+"), fields.get("countryCode", "62"))
    return Draft("fonnte", number, "document" if file else "text", text, file=file)


def _international(number: str, country: str) -> str:
    return country + number[1:] if number.startswith("0") and country != "0" else number


def _fields(request: HttpRequest) -> tuple[dict[str, str], AttachedFile | None]:
    if not request.headers.get("content-type", "").startswith("multipart/"):
        return request.form(), None
    parts = parse_multipart(request)
    file = parts.pop("file", None)
    fields = {name: content.decode("utf-8", "replace") for name, (_, _, content) in parts.items()}
    if file is None:
        return fields, None
    name, media_type, content = file
    if len(content) > _MAX_FILE_BYTES:
        raise FonnteRefusal("file size must under 4MB")
    return fields, file_metadata(fields.get("filename") or name, media_type, content)
