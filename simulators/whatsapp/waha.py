"""WAHA, a self-hosted gateway: texts and files through a phone's session, signed reports."""

import hashlib
import hmac
import re
from base64 import b64decode
from hmac import compare_digest

from simulators.http import HttpRequest, HttpResponse, Json
from simulators.whatsapp.inbound import InboundText
from simulators.whatsapp.media import file_metadata
from simulators.whatsapp.message import AttachedFile, DeliveryStep, Draft, SimulatedMessage
from simulators.whatsapp.webhooks import WebhookSender
from simulators.whatsapp.world import WhatsAppState

API_KEY, HMAC_KEY = "waha-simulator", "waha-hmac-simulator"
SESSION = "default"
_CHAT = re.compile(r"([1-9][0-9]{6,14})@c\.us")
_ACKS = {
    "sent": (1, "SERVER"),
    "delivered": (2, "DEVICE"),
    "read": (3, "READ"),
    "failed": (-1, "ERROR"),
}


class WahaRefusal(Exception):
    """Error response of WAHA."""

    def __init__(self, status: int, message: str, more: Json | None = None) -> None:
        """Store the HTTP status, the message and further body fields."""
        super().__init__(message)
        self.status = status
        self.body: Json = {"statusCode": status, "error": message} | (more or {})


class WahaApi:
    """WAHA API for one session with one number."""

    def __init__(
        self,
        world: WhatsAppState,
        webhooks: WebhookSender,
        *,
        api_key: str,
        hmac_key: str,
        webhook: str,
    ) -> None:
        """Configure the API; `webhook` receives delivery reports, empty for none."""
        self._world = world
        self._webhooks = webhooks
        self._api_key = api_key
        self._hmac_key = hmac_key.encode()
        self.webhook = webhook
        self.engine = "WEBJS"  # or NOWEB, which names messages in another form
        self.session = "WORKING"  # or STOPPED, STARTING, SCAN_QR_CODE, FAILED

    @property
    def state(self) -> str:
        """Return the session state; a banned number has to log in again."""
        return "FAILED" if self._world.faults.banned else self.session

    def change_session(self, state: str) -> None:
        """Set the session's state and report it."""
        self.session = state
        self._post_event("session.status", {"name": SESSION, "status": state}, f"session {state}")

    def check_key(self, request: HttpRequest) -> None:
        """Raise WahaRefusal unless the request carries the API key."""
        if not compare_digest(
            request.headers.get("x-api-key", "").encode(), self._api_key.encode()
        ):
            raise WahaRefusal(401, "Unauthorized")

    def send(self, request: HttpRequest, names: dict[str, str]) -> HttpResponse:
        """Accept a text or a file."""
        body = request.json()
        self._check_session(str(body.get("session", SESSION)))
        chat = _CHAT.fullmatch(str(body.get("chatId", "")))
        if chat is None:
            raise WahaRefusal(422, "chatId: expected a number followed by @c.us")
        draft = _draft(chat[1], names["what"], body)
        if code := self._world.rejection_code(draft):
            raise WahaRefusal(500, "Internal server error", {"exception": f"code {code}"})
        message = self._world.accept(draft, _message_id)
        if not self._world.faults.take("unacknowledged"):
            self._world.start_delivery(message, self)
        return HttpResponse.json(201, self._message_name(message))

    def send_at_last(self, message: SimulatedMessage) -> None:
        """Send a message that was only accepted, as after a session came back."""
        self._world.start_delivery(message, self)

    def describe_message(self, _: HttpRequest, names: dict[str, str]) -> HttpResponse:
        """Return a message with its acknowledgement."""
        self._check_session(names["session"])
        found = [each for each in self._world.messages() if each.id == names["id"]]
        if not found:
            raise WahaRefusal(404, "Message not found")
        ack, name = _ACKS.get(found[0].step, (0, "PENDING"))
        return HttpResponse.json(200, {"id": found[0].id, "ack": ack, "ackName": name})

    def exists(self, request: HttpRequest, _: dict[str, str]) -> HttpResponse:
        """Return whether a number has WhatsApp."""
        self._check_session(request.query.get("session", SESSION))
        if self._world.faults.overlimit:
            exception = {"exception": {"message": "rate-overlimit", "name": "Error"}}
            raise WahaRefusal(500, "Internal Server Error", {**exception})
        number = request.query.get("phone", "")
        if not self._world.has_whatsapp(number):
            return HttpResponse.json(200, {"numberExists": False})
        return HttpResponse.json(200, {"numberExists": True, "chatId": f"{number}@c.us"})

    def describe_session(self, _: HttpRequest, names: dict[str, str]) -> HttpResponse:
        """Return the state of a session."""
        if names["session"] != SESSION:
            raise WahaRefusal(404, "Session not found")
        return HttpResponse.json(
            200, {"name": SESSION, "status": self.state, "engine": self.engine}
        )

    def report(self, message: SimulatedMessage, step: DeliveryStep) -> None:
        """Report a delivery state."""
        ack, name = _ACKS[step]
        payload = {"id": message.id, "from": f"{message.draft.to}@c.us", "fromMe": True}
        body = {
            "id": f"evt_{message.key}{ack}",
            "timestamp": int(self._world.clock().timestamp() * 1000),
            "event": "message.ack",
            "session": SESSION,
            "payload": payload | {"participant": None, "ack": ack, "ackName": name},
            "engine": self.engine,
        }
        what = f"waha {message.draft.to} {step}"
        self._webhooks.send_report(self.webhook, body, self._signed, what=what, lane=message.key)

    def report_inbound(self, wrote: InboundText) -> None:
        """Report a message to the session; in a group the chat is the group's."""
        number = len(self._webhooks.attempts()) + 1
        chat = f"{wrote.group}@g.us" if wrote.group else wrote.chat
        payload: Json = {
            "id": f"false_{chat}_IN{number:08}",
            "timestamp": int(self._world.clock().timestamp()),
            "from": chat,
            "fromMe": False,
            "participant": wrote.chat if wrote.group else None,
            "body": wrote.text,
            "_data": {"key": {"remoteJid": chat}},
        }
        if wrote.named_elsewhere:
            alternative = f"{wrote.sender}@s.whatsapp.net"
            payload["_data"] = {"key": {"remoteJid": chat, "remoteJidAlt": alternative}}
        if wrote.answers:
            payload["replyTo"] = {"id": wrote.answers, "body": "..."}
        self._post_event("message", payload, f"{wrote.sender} wrote", lane=wrote.sender)

    def _post_event(self, event: str, payload: Json, what: str, lane: str = SESSION) -> None:
        at = self._world.clock()
        body = {
            "id": f"evt_{len(self._webhooks.attempts()):08}",
            "timestamp": int(at.timestamp() * 1000),
            "event": event,
            "session": SESSION,
            "payload": payload,
            "engine": self.engine,
        }
        self._webhooks.send_report(self.webhook, body, self._signed, what=f"waha {what}", lane=lane)

    def _check_session(self, name: str) -> None:
        if name != SESSION:
            raise WahaRefusal(404, "Session not found")
        if self.state != "WORKING":
            message = "Session status is not as expected. Try again later or restart the session"
            more: Json = {"session": name, "status": self.state, "expected": ["WORKING"]}
            raise WahaRefusal(422, message, more)

    def _signed(self, wire: bytes) -> dict[str, str]:
        digest = hmac.new(self._hmac_key, wire, hashlib.sha512).hexdigest()
        return {"X-Webhook-Hmac": digest, "X-Webhook-Hmac-Algorithm": "sha512"}

    def _message_name(self, message: SimulatedMessage) -> Json:
        chat = f"{message.draft.to}@c.us"
        if self.engine == "NOWEB":
            key = {"remoteJid": chat, "fromMe": True, "id": message.key}
            return {"key": key, "message": {}, "status": "PENDING"}
        return {"id": {"fromMe": True, "remote": chat, "_serialized": message.id}, "ack": 0}


def _message_id(message: SimulatedMessage) -> str:
    return f"true_{message.draft.to}@c.us_{message.key}"


def _draft(to: str, what: str, body: Json) -> Draft:
    if what == "Text":
        text = body.get("text")
        if not isinstance(text, str) or not text:
            raise WahaRefusal(422, "text: required")
        return Draft("waha", to, "text", text)
    file = body.get("file")
    if not isinstance(file, dict):
        raise WahaRefusal(422, "file: required")
    caption = str(body.get("caption") or "")
    return Draft("waha", to, "document", caption, file=_file(file))


def _file(given: Json) -> AttachedFile:
    name, media_type = str(given.get("filename", "")), str(given.get("mimetype", ""))
    if given.get("url"):
        return AttachedFile(name, media_type, 0, "")
    try:
        content = b64decode(str(given["data"]), validate=True)
    except (KeyError, ValueError) as error:
        raise WahaRefusal(422, "file: expected a url or base64 data") from error
    return file_metadata(name, media_type, content)
