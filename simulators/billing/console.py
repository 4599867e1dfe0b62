"""Routes under `/_` for tests and people: counters, switches, payments. They do not count."""

import re
from typing import TYPE_CHECKING

from simulators.billing.answer import Answer
from simulators.billing.api import BillingApi
from simulators.billing.faults import FAULT_NAMES
from simulators.billing.limits import make_limiter
from simulators.billing.switches import LIST_FAULTS
from simulators.http import HttpRequest, Json

if TYPE_CHECKING:
    from collections.abc import Callable

_STUDENT = re.compile(r"/_simulator/students/(?P<idperson>[^/]+)/(?P<verb>[a-z]+)")


class BillingConsole:
    """Requests that look at the simulator or change it."""

    def __init__(self, api: BillingApi) -> None:
        """Register the routes."""
        self._api, self._school = api, api.school
        self._routes: dict[tuple[str, str], Callable[[HttpRequest], object]] = {
            ("GET", "/_seen"): self._seen,
            ("DELETE", "/_seen"): self._reset,
            ("GET", "/_simulator"): self._overview,
            ("POST", "/_simulator/switches"): self._switch,
            ("POST", "/_simulator/students"): lambda _: self._school.join().listed(),
            ("POST", "/_simulator/purge"): self._purge,
        }

    def respond(self, request: HttpRequest) -> Answer:
        """Return the result; 404 for an unknown route or student, 422 for bad fields."""
        try:
            result = self._result(request)
        except KeyError as error:
            return Answer.refusal(422, f"the field {error} is missing")
        except LookupError as error:
            return Answer.refusal(404, str(error))
        except (TypeError, ValueError) as error:
            return Answer.refusal(422, str(error))
        return Answer.json(200, result)

    def _result(self, request: HttpRequest) -> object:
        found = _STUDENT.fullmatch(request.path)
        if found and request.method == "POST":
            return self._change(found["idperson"], found["verb"], request.json())
        if handler := self._routes.get((request.method, request.path)):
            return handler(request)
        known = [f"{method} {path}" for method, path in self._routes]
        known.append("POST /_simulator/students/ID/pay|reverse|bill|leave|remove")
        raise LookupError(f"no such route; use one of {', '.join(known)}")

    def _seen(self, request: HttpRequest) -> Json:
        seen = self._api.seen(float(request.query.get("after") or 0))
        if idperson := request.query.get("student"):
            seen["student"] = self._api.counters.attempts(idperson)
        return seen

    def _reset(self, _: HttpRequest) -> Json:
        self._api.counters.reset()
        return self._api.seen()

    def _overview(self, _: HttpRequest) -> Json:
        return {
            "students": len(self._school.students),
            "authentication": self._api.credentials.way,
            "switches": self._api.to_dict(),
            "faults": [*FAULT_NAMES, *LIST_FAULTS],
            "seen": self._api.seen(),
        }

    def _switch(self, request: HttpRequest) -> Json:
        given = request.json()
        rate, kind = given.get("rate", self._api.rate), given.get("limiter", self._api.limiter)
        if isinstance(rate, (int, float)) and isinstance(kind, str):
            make_limiter(kind, rate)  # refuse what could not be used later
        self._api.set(**given)
        return self._api.to_dict()

    def _purge(self, _: HttpRequest) -> Json:
        self._school.changes.purge()
        return {"version": self._school.changes.version}

    def _change(self, idperson: str, verb: str, given: Json) -> Json:
        """Apply a change to a student and return the record."""
        if verb in {"leave", "remove"}:
            self._school.leave(idperson, is_removed=verb == "remove")
            return {"status": True}
        where = {name: str(given[name]) for name in ("period", "unit") if name in given}
        if verb == "pay":
            day = str(given.get("day") or self._school.clock().date().isoformat())
            amount = _rupiah(given)
            return self._school.pay(idperson, str(given["kind"]), amount, day, **where).record()
        if verb == "reverse":
            return self._school.reverse(idperson, str(given["kind"]), **where).record()
        if verb == "bill":
            return self._school.bill(idperson, str(given["kind"]), _rupiah(given), **where).record()
        raise LookupError(f"unknown change {verb!r}; use pay, reverse, bill, leave or remove")


def _rupiah(given: Json) -> int:
    amount = given["amount"]
    if isinstance(amount, bool) or not isinstance(amount, int):
        raise ValueError(f"amount: {amount!r} is not a whole number of rupiah")  # noqa: TRY004
    return amount
