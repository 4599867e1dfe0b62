"""Control interface under `/_simulator`: an HTML page and JSON."""

import re
from dataclasses import asdict

from simulators.http import Handler, HttpRequest, HttpResponse, Route
from simulators.midtrans.bank import Bank
from simulators.midtrans.faults import MidtransFaults
from simulators.midtrans.notifier import Notifier
from simulators.midtrans.overview import PRESETS, render_overview
from simulators.midtrans.refusals import MidtransRefusal
from simulators.midtrans.transaction import MERCHANT_MOVES, WORLD_MOVES

_HOME = "/_simulator"
MOVES = ("choose", "notify", *WORLD_MOVES)


class MidtransConsole:
    """Handlers of the control interface."""

    def __init__(self, bank: Bank, faults: MidtransFaults, notifier: Notifier) -> None:
        """Register the routes."""
        self._bank = bank
        self._faults = faults
        self._notifier = notifier
        self.routes: list[Route] = [
            (method, re.compile(_HOME + pattern), _with_error_responses(handler))
            for method, pattern, handler in (
                ("GET", r"", self._overview),
                ("POST", r"/act", self._act),
                ("POST", r"/world", self._choose_world),
                ("POST", r"/switches", self._set_switches),
                ("GET", r"/transactions", self._transactions),
                ("GET", r"/notifications", self._notifications),
                ("GET", r"/faults", self._shown_faults),
                ("POST", r"/faults", self._set_faults),
                ("DELETE", r"/faults", self._clear_faults),
                ("POST", r"/orders/(?P<id>[^/]+)/(?P<move>[a-z_-]+)", self._push),
            )
        ]

    def _overview(self, _: HttpRequest, __: dict[str, str]) -> HttpResponse:
        attempts = self._notifier.attempts()
        sessions, payments = self._bank.sessions(), self._bank.payments()
        return HttpResponse.html(200, render_overview(sessions, payments, attempts, self._faults))

    def _act(self, request: HttpRequest, _: dict[str, str]) -> HttpResponse:
        """Apply a clicked action; no effect if the payment has changed since rendering."""
        form = request.form()
        order_id, move = form.get("order", ""), form.get("move", "")
        if move in MERCHANT_MOVES:
            self._bank.move(order_id, move)
        elif move in MOVES:
            self._bank.push(order_id, move)
        return HttpResponse.redirect(_HOME)

    def _choose_world(self, request: HttpRequest, _: dict[str, str]) -> HttpResponse:
        world = PRESETS[request.form().get("world", "quiet")]
        self._faults.clear()
        self._faults.set(**world)
        return HttpResponse.redirect(_HOME)

    def _set_switches(self, request: HttpRequest, _: dict[str, str]) -> HttpResponse:
        self._faults.set_from_form(request.form())
        return HttpResponse.redirect(_HOME)

    def _transactions(self, _: HttpRequest, __: dict[str, str]) -> HttpResponse:
        return HttpResponse.json(200, self._bank.transactions())

    def _notifications(self, _: HttpRequest, __: dict[str, str]) -> HttpResponse:
        attempts = [asdict(attempt) for attempt in self._notifier.attempts()]
        rows = [attempt | {"at": attempt["at"].isoformat()} for attempt in attempts]
        return HttpResponse.json(200, rows)

    def _shown_faults(self, _: HttpRequest, __: dict[str, str]) -> HttpResponse:
        return HttpResponse.json(200, self._faults.to_dict())

    def _set_faults(self, request: HttpRequest, names: dict[str, str]) -> HttpResponse:
        self._faults.set(**request.json())
        return self._shown_faults(request, names)

    def _clear_faults(self, request: HttpRequest, names: dict[str, str]) -> HttpResponse:
        self._faults.clear()
        return self._shown_faults(request, names)

    def _push(self, request: HttpRequest, names: dict[str, str]) -> HttpResponse:
        move, body = names["move"], request.json()
        if move not in MOVES:
            raise ValueError(f"unknown event {move!r}; use one of {', '.join(MOVES)}")
        if self._bank.push(names["id"], move, str(body.get("method", ""))) is None:
            return HttpResponse.json(409, {"error": f"{move} is not possible now"})
        return HttpResponse.json(200, self._bank.status(names["id"]))


def _with_error_responses(handler: Handler) -> Handler:
    """Wrap a handler so that errors become responses; an outdated page redirects."""

    def answer(request: HttpRequest, names: dict[str, str]) -> HttpResponse:
        try:
            return handler(request, names)
        except MidtransRefusal:
            return HttpResponse.redirect(_HOME)
        except (ValueError, TypeError, KeyError) as error:
            return HttpResponse.json(400, {"error": str(error)})

    return answer
