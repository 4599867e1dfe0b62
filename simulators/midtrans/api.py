"""The paths: Snap, the Core API, the page to pay on, and the simulator's own switches."""

import re
import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import asdict
from hmac import compare_digest
from threading import Event, Lock

from simulators.midtrans import pages
from simulators.midtrans.bank import Bank
from simulators.midtrans.faults import AnswerFault, Faults
from simulators.midtrans.http import NO_ANSWER, Answer, Request
from simulators.midtrans.notifier import Notifier
from simulators.midtrans.refusals import UNAUTHORIZED, CoreRefusal, Refusal, SnapRefusal
from simulators.midtrans.transaction import MERCHANT_MOVES, WORLD_MOVES

_MOST_ADDRESSES = 3
_LONGEST_KEY = 46
_KEY_LASTS_SECONDS = 300
_HTML_BODY = "<html><body><h1>Bad Gateway</h1></body></html>"
MOVES = ("choose", "notify", *WORLD_MOVES)
Handler = Callable[[Request, dict[str, str]], Answer]


class Api:
    """What each path does."""

    def __init__(
        self, server_key: str, *, bank: Bank, faults: Faults, notifier: Notifier, notify: str
    ) -> None:
        """`notify` is the merchant's address in the dashboard; empty tells nobody."""
        self._authorization = "Basic " + b64encode(f"{server_key}:".encode()).decode()
        self._bank = bank
        self._faults = faults
        self._notifier = notifier
        self._notify = notify
        self._known_keys = _IdempotencyKeys()
        self.closing = Event()
        self._routes: list[tuple[str, re.Pattern[str], Handler]] = [
            (method, re.compile(pattern), handler)
            for method, pattern, handler in (
                ("POST", r"/snap/v1/transactions", self._open_page),
                ("POST", r"/snap/v1/transactions/(?P<token>[^/]+)/cancel", self._cancel_page),
                ("GET", r"/v2/(?P<id>[^/]+)/status", self._status),
                ("POST", rf"/v2/(?P<id>[^/]+)/(?P<verb>{'|'.join(MERCHANT_MOVES)})", self._move),
                ("POST", r"/v2/(?P<id>[^/]+)/refund(/online/direct)?", self._refund),
                ("GET", pages.PATH + r"(?P<token>[^/]+)", self._page),
                ("POST", pages.PATH + r"(?P<token>[^/]+)", self._click),
                ("GET", r"/_simulator", self._overview),
                ("GET", r"/_simulator/transactions", self._transactions),
                ("GET", r"/_simulator/notifications", self._notifications),
                ("GET", r"/_simulator/faults", self._shown_faults),
                ("POST", r"/_simulator/faults", self._set_faults),
                ("DELETE", r"/_simulator/faults", self._clear_faults),
                ("POST", r"/_simulator/orders/(?P<id>[^/]+)/(?P<move>[a-z_-]+)", self._push),
            )
        ]

    def respond(self, request: Request) -> Answer:
        """The answer to a request, or to a vendor's call the fault that is set for it."""
        if not request.path.startswith(("/snap/v1/", "/v2/")):
            return self._routed(request)
        fault = self._faults.answer_for(request.path)
        if fault is None:
            return self._authorized(request)
        return self._faulty(request, fault)

    def _faulty(self, request: Request, fault: AnswerFault) -> Answer:
        if fault.kind == "hang-up":
            return NO_ANSWER
        if fault.kind == "html":
            return Answer.html(fault.status, _HTML_BODY)
        if fault.kind == "error":
            return self._refused(request, fault.status, "Sorry, we encountered internal errors.")
        if fault.kind == "slow":
            self.closing.wait(fault.seconds)
        answer = self._authorized(request)
        return NO_ANSWER if fault.kind == "act-then-hang-up" else answer

    def _authorized(self, request: Request) -> Answer:
        given = request.headers.get("authorization", "")
        if not compare_digest(given.encode(), self._authorization.encode()):
            return self._refused(request, 401, UNAUTHORIZED)
        key = request.headers.get("idempotency-key", "")
        if request.method == "POST" and request.path.startswith("/v2/") and key:
            return self._known_keys.once(key, lambda: self._routed(request))
        return self._routed(request)

    def _routed(self, request: Request) -> Answer:
        matches = [
            (method, handler, found.groupdict())
            for method, pattern, handler in self._routes
            if (found := pattern.fullmatch(request.path))
        ]
        for method, handler, names in matches:
            if method == request.method:
                return self._handled(handler, request, names)
        return self._refused(request, 405 if matches else 404, "The requested path is not found")

    def _handled(self, handler: Handler, request: Request, names: dict[str, str]) -> Answer:
        try:
            return handler(request, names)
        except Refusal as refusal:
            in_body_only = self._faults.errors_with_http_200 and isinstance(refusal, CoreRefusal)
            return Answer.json(200 if in_body_only else refusal.status, refusal.body)
        except (ValueError, TypeError) as error:
            if request.path.startswith("/_simulator"):
                return Answer.json(400, {"error": str(error)})
            code = 413 if request.path.startswith("/v2/") else 400
            return self._refused(request, code, "The request body is not a valid JSON object")

    def _refused(self, request: Request, status: int, message: str) -> Answer:
        form = CoreRefusal if request.path.startswith("/v2/") else SnapRefusal
        return Answer.json(status, form(status, message).body)

    def _open_page(self, request: Request, _: dict[str, str]) -> Answer:
        session = self._bank.open_page(request.json(), self._addresses(request))
        url = f"http://{request.headers['host']}{pages.PATH}{session.token}"
        return Answer.json(201, {"token": session.token, "redirect_url": url})

    def _addresses(self, request: Request) -> tuple[str, ...]:
        instead = request.headers.get("x-override-notification")
        also = request.headers.get("x-append-notification", "")
        texts = [instead] if instead else [self._notify, *also.split(",")]
        urls = (url.strip() for text in texts for url in text.split(","))
        return tuple(url for url in urls if url)[:_MOST_ADDRESSES]

    def _cancel_page(self, _: Request, names: dict[str, str]) -> Answer:
        at = self._bank.cancel_page(names["token"])
        return Answer.json(200, {"canceled_at": at.strftime("%Y-%m-%dT%H:%M:%SZ")})

    def _status(self, _: Request, names: dict[str, str]) -> Answer:
        return Answer.json(200, self._bank.status(names["id"]))

    def _move(self, request: Request, names: dict[str, str]) -> Answer:
        request.json()
        return Answer.json(200, self._bank.move(names["id"], names["verb"]))

    def _refund(self, request: Request, names: dict[str, str]) -> Answer:
        return Answer.json(200, self._bank.refund(names["id"], request.json()))

    def _page(self, _: Request, names: dict[str, str]) -> Answer:
        found = self._bank.page(names["token"])
        if found is None:
            return Answer.html(404, pages.unknown())
        session, begun = found
        is_open = self._bank.is_open(session)
        return Answer.html(200, pages.payment(session, begun, is_open=is_open))

    def _click(self, request: Request, names: dict[str, str]) -> Answer:
        found = self._bank.page(names["token"])
        clicked = request.form()
        if found is None:
            return Answer.html(404, pages.unknown())
        if clicked.get("method"):
            self._bank.choose(names["token"], clicked["method"])
        elif clicked.get("move") in WORLD_MOVES:
            self._bank.push(found[0].order_id, clicked["move"])
        return Answer.see(request.path)

    def _overview(self, _: Request, __: dict[str, str]) -> Answer:
        attempts = self._notifier.attempts()
        sessions, transactions = self._bank.sessions(), self._bank.transactions()
        return Answer.html(200, pages.overview(sessions, transactions, attempts, self._faults))

    def _transactions(self, _: Request, __: dict[str, str]) -> Answer:
        return Answer.json(200, self._bank.transactions())

    def _notifications(self, _: Request, __: dict[str, str]) -> Answer:
        attempts = [asdict(attempt) for attempt in self._notifier.attempts()]
        told = [attempt | {"at": attempt["at"].isoformat()} for attempt in attempts]
        return Answer.json(200, told)

    def _shown_faults(self, _: Request, __: dict[str, str]) -> Answer:
        return Answer.json(200, self._faults.shown())

    def _set_faults(self, request: Request, names: dict[str, str]) -> Answer:
        self._faults.set(**request.json())
        return self._shown_faults(request, names)

    def _clear_faults(self, request: Request, names: dict[str, str]) -> Answer:
        self._faults.clear()
        return self._shown_faults(request, names)

    def _push(self, request: Request, names: dict[str, str]) -> Answer:
        move, wanted = names["move"], request.json()
        if move not in MOVES:
            raise ValueError(f"no move {move!r}; there are {', '.join(MOVES)}")
        if self._bank.push(names["id"], move, str(wanted.get("method", ""))) is None:
            return Answer.json(409, {"error": f"{move} is not possible now"})
        return Answer.json(200, self._bank.status(names["id"]))


class _IdempotencyKeys:
    """Answers kept by key for five minutes, if they were good; whatever was asked."""

    def __init__(self) -> None:
        self._answers: dict[str, tuple[float, Answer | None]] = {}
        self._lock = Lock()

    def once(self, key: str, act: Callable[[], Answer]) -> Answer:
        if len(key) > _LONGEST_KEY:
            return act()
        with self._lock:
            at, answer = self._answers.get(key, (0.0, NO_ANSWER))
            if answer is None:
                return Answer.json(202, {"status_code": "202", "status_message": "In progress"})
            if answer is not NO_ANSWER and time.monotonic() - at < _KEY_LASTS_SECONDS:
                return answer
            self._answers[key] = (0.0, None)
        answer = NO_ANSWER
        try:
            answer = act()
        finally:
            good = answer if answer.status < 300 and answer.status else NO_ANSWER  # noqa: PLR2004
            with self._lock:
                self._answers[key] = (time.monotonic(), good)
        return answer
