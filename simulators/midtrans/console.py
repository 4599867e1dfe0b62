"""The simulator's own switches under `/_simulator`: for people a page, for programs JSON."""

import re
from dataclasses import asdict

from simulators.http import Answer, Handler, Request, Route
from simulators.midtrans.bank import Bank
from simulators.midtrans.faults import Faults
from simulators.midtrans.notifier import Notifier
from simulators.midtrans.overview import WORLDS, overview
from simulators.midtrans.refusals import Refusal
from simulators.midtrans.transaction import MERCHANT_MOVES, WORLD_MOVES

_HOME = "/_simulator"
MOVES = ("choose", "notify", *WORLD_MOVES)


class Console:
    """What whoever rehearses may see and do."""

    def __init__(self, bank: Bank, faults: Faults, notifier: Notifier) -> None:
        """For one simulator."""
        self._bank = bank
        self._faults = faults
        self._notifier = notifier
        self.routes: list[Route] = [
            (method, re.compile(_HOME + pattern), _checked(handler))
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

    def _overview(self, _: Request, __: dict[str, str]) -> Answer:
        attempts = self._notifier.attempts()
        sessions, payments = self._bank.sessions(), self._bank.payments()
        return Answer.html(200, overview(sessions, payments, attempts, self._faults))

    def _act(self, request: Request, _: dict[str, str]) -> Answer:
        """What a person clicked; nothing, when the payment has moved on since the page was made."""
        asked = request.form()
        order_id, move = asked.get("order", ""), asked.get("move", "")
        if move in MERCHANT_MOVES:
            self._bank.move(order_id, move)
        elif move in MOVES:
            self._bank.push(order_id, move)
        return Answer.see(_HOME)

    def _choose_world(self, request: Request, _: dict[str, str]) -> Answer:
        world = WORLDS[request.form().get("world", "quiet")]
        self._faults.clear()
        self._faults.set(**world)
        return Answer.see(_HOME)

    def _set_switches(self, request: Request, _: dict[str, str]) -> Answer:
        self._faults.read(request.form())
        return Answer.see(_HOME)

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


def _checked(handler: Handler) -> Handler:
    """The handler, whose complaints are answers; a page that has grown old does no harm."""

    def answer(request: Request, names: dict[str, str]) -> Answer:
        try:
            return handler(request, names)
        except Refusal:
            return Answer.see(_HOME)
        except (ValueError, TypeError, KeyError) as error:
            return Answer.json(400, {"error": str(error)})

    return answer
