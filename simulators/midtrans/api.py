"""HTTP routes of Snap, the Core API and the payment page, with authentication."""

import re
from base64 import b64encode
from hmac import compare_digest
from itertools import count
from threading import Event

from simulators.http import CLOSE_CONNECTION, HttpRequest, HttpResponse, Route, match_route
from simulators.midtrans import pages, snap_script
from simulators.midtrans.bank import Bank
from simulators.midtrans.cards import OUTCOMES, token_for
from simulators.midtrans.charge import parse_charge
from simulators.midtrans.console import MidtransConsole
from simulators.midtrans.faults import MidtransFaults, MidtransResponseFault
from simulators.midtrans.idempotency import IdempotencyKeys
from simulators.midtrans.noise import Noise
from simulators.midtrans.refusals import UNAUTHORIZED, CoreRefusal, MidtransRefusal, SnapRefusal
from simulators.midtrans.transaction import MERCHANT_MOVES, WORLD_MOVES

_MAX_NOTIFY_URLS = 3
_MAX_BODY_BYTES = 16 * 1024
_HTML_BODY = "<html><body><h1>Bad Gateway</h1></body></html>"
_ACCEPTED_MEDIA_TYPES = {"application/json", "application/*", "*/*"}


class MidtransApi:
    """Request handlers by path."""

    def __init__(
        self,
        server_key: str,
        *,
        bank: Bank,
        faults: MidtransFaults,
        noise: Noise,
        console: MidtransConsole,
        notify: str,
    ) -> None:
        """Register the routes; `notify` is the merchant's notification URL, empty for none."""
        self._authorization = "Basic " + b64encode(f"{server_key}:".encode()).decode()
        self._bank = bank
        self._faults = faults
        self._noise = noise
        self._notify = notify
        self._known_keys = IdempotencyKeys()
        self.closing = Event()
        self._status_numbers = count(1)
        self._routes: list[Route] = [
            ("POST", re.compile(r"/snap/v1/transactions"), self._open_page),
            ("POST", re.compile(r"/snap/v1/transactions/(?P<token>[^/]+)/cancel"), self._cancel),
            ("POST", re.compile(r"/v2/charge"), self._charge),
            ("POST", re.compile(r"/v2/capture"), self._capture),
            ("GET", re.compile(r"/v2/token"), self._card_token),
            ("GET", re.compile(r"/v2/(?P<id>[^/]+)/status"), self._status),
            ("GET", re.compile(r"/v2/(?P<id>[^/]+)/status/b2b"), self._attempts),
            (
                "POST",
                re.compile(rf"/v2/(?P<id>[^/]+)/(?P<verb>{'|'.join(MERCHANT_MOVES)})"),
                self._move,
            ),
            ("POST", re.compile(r"/v2/(?P<id>[^/]+)/refund(/online/direct)?"), self._refund),
            ("GET", re.compile(snap_script.PAGE_PATH + r"(?P<token>[^/]+)"), self._page),
            ("POST", re.compile(snap_script.PAGE_PATH + r"(?P<token>[^/]+)"), self._click),
            ("GET", re.compile(re.escape(snap_script.PATH)), self._script),
            *console.routes,
        ]

    def respond(self, request: HttpRequest) -> HttpResponse:
        """Return the response, or the fault that is set for a vendor call."""
        if not request.path.startswith(("/snap/v1/", "/v2/")):
            return self._routed(request)
        fault = self._faults.take_response_fault(request.path) or self._noise.on_answer(
            f"{request.method} {request.path}", self._faults.noise
        )
        return self._faulty(request, fault) if fault else self._admitted(request)

    def _faulty(self, request: HttpRequest, fault: MidtransResponseFault) -> HttpResponse:
        if fault.kind == "hang-up":
            return CLOSE_CONNECTION
        if fault.kind == "html":
            return HttpResponse.html(fault.status, _HTML_BODY)
        if fault.kind == "error":
            refusal = _refusal_response(
                request, fault.status, "Sorry, we encountered internal errors."
            )
            if fault.retry_after:
                refusal.headers["Retry-After"] = str(fault.retry_after)
            return refusal
        if fault.kind == "slow":
            self.closing.wait(fault.seconds)
        answer = self._admitted(request)
        return CLOSE_CONNECTION if fault.kind == "act-then-hang-up" else answer

    def _admitted(self, request: HttpRequest) -> HttpResponse:
        if len(request.body) > _MAX_BODY_BYTES:
            return _refusal_response(
                request, 413, f"The request body is larger than {_MAX_BODY_BYTES} bytes"
            )
        if not _is_json_exchange(request):
            return _refusal_response(
                request, 403, "Accept and Content-Type must be application/json"
            )
        given = request.headers.get("authorization", "")
        if not compare_digest(given.encode(), self._authorization.encode()):
            return _refusal_response(request, 401, UNAUTHORIZED)
        key = request.headers.get("idempotency-key", "")
        if request.method == "POST" and request.path.startswith("/v2/") and key:
            return self._known_keys.once(key, lambda: self._routed(request))
        return self._routed(request)

    def _routed(self, request: HttpRequest) -> HttpResponse:
        try:
            found = match_route(self._routes, request)
            if isinstance(found, int):
                return _refusal_response(request, found, "The requested path is not found")
            handler, names = found
            return handler(request, names)
        except MidtransRefusal as refusal:
            in_body_only = self._faults.errors_with_http_200 and isinstance(refusal, CoreRefusal)
            return HttpResponse.json(200 if in_body_only else refusal.status, refusal.body)
        except (ValueError, TypeError):
            code = 413 if request.path.startswith("/v2/") else 400
            return _refusal_response(request, code, "The request body is not a valid JSON object")

    def _open_page(self, request: HttpRequest, _: dict[str, str]) -> HttpResponse:
        session = self._bank.open_page(request.json(), self._addresses(request))
        url = f"http://{request.headers['host']}{snap_script.PAGE_PATH}{session.token}"
        return HttpResponse.json(201, {"token": session.token, "redirect_url": url})

    def _addresses(self, request: HttpRequest) -> tuple[str, ...]:
        instead = request.headers.get("x-override-notification")
        also = request.headers.get("x-append-notification", "")
        texts = [instead] if instead else [self._notify, *also.split(",")]
        urls = (url.strip() for text in texts for url in text.split(","))
        return tuple(url for url in urls if url)[:_MAX_NOTIFY_URLS]

    def _cancel(self, _: HttpRequest, names: dict[str, str]) -> HttpResponse:
        at = self._bank.cancel_page(names["token"])
        return HttpResponse.json(200, {"canceled_at": at.strftime("%Y-%m-%dT%H:%M:%SZ")})

    def _charge(self, request: HttpRequest, _: dict[str, str]) -> HttpResponse:
        charge = parse_charge(request.json())
        return HttpResponse.json(200, self._bank.charge(charge, self._addresses(request)))

    def _capture(self, request: HttpRequest, _: dict[str, str]) -> HttpResponse:
        body = request.json()
        transaction_id = str(body.get("transaction_id", ""))
        return HttpResponse.json(200, self._bank.capture(transaction_id, body.get("gross_amount")))

    def _card_token(self, request: HttpRequest, _: dict[str, str]) -> HttpResponse:
        number = request.query.get("card_number", "").replace(" ", "")
        if number not in OUTCOMES:
            raise CoreRefusal(411, "Credit card is not one of the sandbox's")
        token = token_for(number, self._bank.number())
        body = {"status_code": "200", "status_message": "Credit card token is created."}
        return HttpResponse.json(200, body | {"token_id": token, "hash": token[:13]})

    def _status(self, _: HttpRequest, names: dict[str, str]) -> HttpResponse:
        self.closing.wait(self._status_delay())
        return HttpResponse.json(200, self._bank.status(names["id"]))

    def _status_delay(self) -> float:
        """Return the seconds that the next status answer takes."""
        faults, number = self._faults, next(self._status_numbers)
        hangs = faults.hanging_every and number % faults.hanging_every == 0
        return faults.hanging_seconds if hangs else faults.answer_seconds

    def _attempts(self, _: HttpRequest, names: dict[str, str]) -> HttpResponse:
        return HttpResponse.json(200, self._bank.attempts(names["id"]))

    def _move(self, request: HttpRequest, names: dict[str, str]) -> HttpResponse:
        request.json()
        return HttpResponse.json(200, self._bank.move(names["id"], names["verb"]))

    def _refund(self, request: HttpRequest, names: dict[str, str]) -> HttpResponse:
        return HttpResponse.json(200, self._bank.refund(names["id"], request.json()))

    def _page(self, _: HttpRequest, names: dict[str, str]) -> HttpResponse:
        found = self._bank.page(names["token"])
        if found is None:
            return HttpResponse.html(404, pages.render_unknown_page())
        session, begun = found
        is_open = self._bank.is_open(session)
        return HttpResponse.html(200, pages.render_payment_page(session, begun, is_open=is_open))

    def _script(self, _: HttpRequest, __: dict[str, str]) -> HttpResponse:
        media_type = {"Content-Type": "application/javascript"}
        return HttpResponse(200, snap_script.SCRIPT.encode(), media_type)

    def _click(self, request: HttpRequest, names: dict[str, str]) -> HttpResponse:
        found = self._bank.page(names["token"])
        clicked = request.form()
        if found is None:
            return HttpResponse.html(404, pages.render_unknown_page())
        if clicked.get("method"):
            self._bank.choose(names["token"], clicked["method"])
        elif clicked.get("move") in WORLD_MOVES:
            self._bank.push(found[0].order_id, clicked["move"])
        return HttpResponse.redirect(request.path)


def _is_json_exchange(request: HttpRequest) -> bool:
    """Return whether the client accepts JSON and sent JSON."""
    accepted = request.headers.get("accept", "*/*").split(",")
    reads = any(
        kind.partition(";")[0].strip().lower() in _ACCEPTED_MEDIA_TYPES for kind in accepted
    )
    sent = request.headers.get("content-type", "application/json")
    return reads and sent.partition(";")[0].strip().lower() == "application/json"


def _refusal_response(request: HttpRequest, status: int, message: str) -> HttpResponse:
    form = CoreRefusal if request.path.startswith("/v2/") else SnapRefusal
    return HttpResponse.json(status, form(status, message).body)
