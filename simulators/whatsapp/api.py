"""HTTP routes of the three gateways and of the control interface."""

import re
from collections.abc import Callable
from dataclasses import asdict
from threading import Event

from simulators.http import CLOSE_CONNECTION, HttpRequest, HttpResponse
from simulators.whatsapp import pages
from simulators.whatsapp.cloud import BUSINESS_ID, CloudApi
from simulators.whatsapp.faults import WhatsAppResponseFault
from simulators.whatsapp.fonnte import FonnteApi, FonnteRefusal
from simulators.whatsapp.graph import GraphRefusal
from simulators.whatsapp.inbound import InboundText
from simulators.whatsapp.waha import WahaApi, WahaRefusal
from simulators.whatsapp.webhooks import WebhookSender
from simulators.whatsapp.world import WhatsAppState

_HTML_BODY = "<html><body><h1>Bad Gateway</h1></body></html>"
_CHAT_MESSAGE = r"/api/(?P<session>[^/]+)/chats/[^/]+/messages/(?P<id>[^/]+)"
_V = r"/v\d+\.\d+"
Handler = Callable[[HttpRequest, dict[str, str]], HttpResponse]
AuthCheck = Callable[[HttpRequest], None]


class WhatsAppApi:
    """Request handlers by path."""

    def __init__(
        self,
        world: WhatsAppState,
        webhooks: WebhookSender,
        *,
        cloud: CloudApi,
        waha: WahaApi,
        fonnte: FonnteApi,
    ) -> None:
        self._world = world
        self._webhooks = webhooks
        self._waha, self._fonnte = waha, fonnte
        self._inbound_reporters = {
            "cloud": cloud.report_inbound,
            "waha": waha.report_inbound,
            "fonnte": fonnte.report_inbound,
        }
        self.closing = Event()
        self._routes: list[tuple[str, re.Pattern[str], AuthCheck | None, Handler]] = [
            (method, re.compile(pattern), check, handler)
            for method, pattern, check, handler in (
                ("POST", _V + r"/(?P<phone>\d+)/messages", cloud.check_key, cloud.send),
                ("POST", _V + r"/(?P<phone>\d+)/media", cloud.check_key, cloud.upload),
                ("POST", _V + rf"/{BUSINESS_ID}/message_templates", cloud.check_key, cloud.approve),
                ("POST", _V + r"/\d+/subscriptions", cloud.check_key, cloud.subscribe),
                ("GET", _V + r"/oauth/access_token", None, cloud.app_token),
                ("GET", _V + r"/(?P<id>\d+)", cloud.check_key, cloud.describe_media),
                ("DELETE", _V + r"/(?P<id>\d+)", cloud.check_key, cloud.delete_media),
                ("GET", r"/attachments/", cloud.check_key, cloud.download),
                ("POST", r"/api/send(?P<what>Text|File|Image)", waha.check_key, waha.send),
                ("GET", r"/api/contacts/check-exists", waha.check_key, waha.exists),
                ("GET", _CHAT_MESSAGE, waha.check_key, waha.describe_message),
                ("GET", r"/api/sessions/(?P<session>[^/]+)", waha.check_key, waha.describe_session),
                ("POST", r"/send", fonnte.check_key, fonnte.send),
                ("POST", r"/device", fonnte.check_key, fonnte.device),
                ("GET", r"/ping", None, _pong),
                ("GET", r"/_simulator", None, self._overview),
                ("GET", r"/_simulator/messages", None, self._messages),
                ("POST", r"/_simulator/inbound", None, self._inbound),
                ("POST", r"/_simulator/connection", None, self._connection),
                ("GET", r"/_simulator/faults", None, self._shown_faults),
                ("POST", r"/_simulator/faults", None, self._set_faults),
                ("DELETE", r"/_simulator/faults", None, self._clear_faults),
            )
        ]

    def respond(self, request: HttpRequest) -> HttpResponse:
        """Return the response, or the fault that is set for a gateway call."""
        if request.path.startswith("/_simulator"):
            return self._routed(request)
        fault = self._world.faults.take_response_fault(request.path)
        return self._faulty(request, fault) if fault else self._routed(request)

    def _faulty(self, request: HttpRequest, fault: WhatsAppResponseFault) -> HttpResponse:
        match fault.kind:
            case "hang-up":
                return CLOSE_CONNECTION
            case "html":
                return HttpResponse.html(fault.status, _HTML_BODY)
            case "error":
                return _fault_response(request, fault.status, fault.code)
            case "rate-limit":
                refused = _fault_response(request, 429, 130429)
                waits = {"Retry-After": str(fault.retry_after)}
                return HttpResponse(429, refused.body, refused.headers | waits)
            case "slow":
                self.closing.wait(fault.seconds)
                return self._routed(request)
        self._routed(request)
        if fault.kind == "act-then-stall":
            self.closing.wait(fault.seconds)
        return CLOSE_CONNECTION

    def _routed(self, request: HttpRequest) -> HttpResponse:
        for method, pattern, check, handler in self._routes:
            found = pattern.fullmatch(request.path)
            if found and method == request.method:
                return _handle(check, handler, request, found.groupdict())
        return _fault_response(request, 404, 100)

    def _overview(self, _: HttpRequest, __: dict[str, str]) -> HttpResponse:
        attempts, faults = self._webhooks.attempts(), self._world.faults
        return HttpResponse.html(
            200, pages.render_overview(self._world.messages(), attempts, faults)
        )

    def _messages(self, _: HttpRequest, __: dict[str, str]) -> HttpResponse:
        listed = [asdict(message) for message in self._world.messages()]
        return HttpResponse.json(200, [each | {"at": each["at"].isoformat()} for each in listed])

    def receive_text(self, gateway: str, wrote: InboundText) -> None:
        """Record a message of a person and report it by a gateway; KeyError for another name."""
        report = self._inbound_reporters[gateway]
        self._world.receive_inbound(wrote.sender)
        report(wrote)

    def _inbound(self, request: HttpRequest, _: dict[str, str]) -> HttpResponse:
        given = request.json()
        wrote = InboundText(
            str(given["from"]),
            str(given.get("text", "")),
            hidden=given.get("hidden") is True,
            named_elsewhere=given.get("named_elsewhere") is True,
            group=str(given.get("group", "")),
            answers=str(given.get("answers", "")),
        )
        self.receive_text(str(given.get("gateway", "cloud")), wrote)
        return HttpResponse.json(200, {})

    def _connection(self, request: HttpRequest, _: dict[str, str]) -> HttpResponse:
        """Set the state of WAHA's session or of Fonnte's device, which report it."""
        given = request.json()
        if "waha" in given:
            self._waha.change_session(str(given["waha"]))
        if "fonnte" in given:
            self._fonnte.change_connection(is_connected=given["fonnte"] is True)
        return HttpResponse.json(200, {})

    def _shown_faults(self, _: HttpRequest, __: dict[str, str]) -> HttpResponse:
        return HttpResponse.json(200, self._world.faults.to_dict())

    def _set_faults(self, request: HttpRequest, names: dict[str, str]) -> HttpResponse:
        self._world.faults.set(**request.json())
        return self._shown_faults(request, names)

    def _clear_faults(self, request: HttpRequest, names: dict[str, str]) -> HttpResponse:
        self._world.faults.clear()
        return self._shown_faults(request, names)


def _handle(
    check: AuthCheck | None, handler: Handler, request: HttpRequest, names: dict[str, str]
) -> HttpResponse:
    try:
        if check:
            check(request)
        return handler(request, names)
    except GraphRefusal as refusal:
        return refusal.to_response()
    except WahaRefusal as refusal:
        return HttpResponse.json(refusal.status, refusal.body)
    except FonnteRefusal as refusal:
        return HttpResponse.json(200, {"status": False, "reason": str(refusal)})
    except (ValueError, TypeError, KeyError) as error:
        if request.path.startswith("/_simulator"):
            return HttpResponse.json(400, {"error": str(error)})
        return _fault_response(request, 400, 100)


def _fault_response(request: HttpRequest, status: int, code: int) -> HttpResponse:
    """Return an error response in the format of the called gateway."""
    if request.path.startswith("/v"):
        return GraphRefusal(code, status=status).to_response()
    if request.path.startswith("/api/"):
        return HttpResponse.json(status, WahaRefusal(status, "Internal server error").body)
    return HttpResponse.json(status, {"status": False, "reason": "internal server error"})


def _pong(_: HttpRequest, __: dict[str, str]) -> HttpResponse:
    return HttpResponse.json(200, {"message": "pong"})
