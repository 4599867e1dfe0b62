"""Routes of the billing API, with paging, ETags, limits, credentials and counters."""

import json
import time
from base64 import b64encode
from collections import Counter
from email.utils import formatdate
from math import ceil

from simulators.billing.faults import FAULTS, Answer, choose_fault
from simulators.billing.limits import LIMITERS, Limiter, LimiterKind
from simulators.billing.school import School
from simulators.http import HttpRequest, Json

_MAX_PAGE = 200
USER, PASSWORD, TOKEN = "school", "billing-simulator", "billing-simulator-token"


class BillingApi:
    """The state of the API. All calls come from one event loop."""

    def __init__(self, school: School, seed: int, authentication: str) -> None:
        self.school, self.seed, self.authentication = school, seed, authentication
        self.faults: dict[str, float] = {}
        self.latency_seconds = 0.0
        self.max_page = _MAX_PAGE
        self.page_faults: list[str] = []  # for the next pages of the list
        self.token = TOKEN
        self.tokens_given = 0
        self.limiter: Limiter | None = None
        self._times: list[float] = []
        self._students: Counter[str] = Counter()
        self._statuses: Counter[int] = Counter()

    def set_limit(self, kind: LimiterKind, per_second: float) -> None:
        """Limit requests from now on; 0 for no limit."""
        self.limiter = LIMITERS[kind](per_second) if per_second else None

    def respond(self, request: HttpRequest) -> Answer:
        """Return the response; calls under `/_` neither count nor fail."""
        if request.path.startswith("/_"):
            return self._control(request)
        self._times.append(time.time())
        answer = self._limited(request)
        self._statuses[answer.status] += 1
        return answer

    def seen(self, after: float = 0) -> Json:
        """Return the counters; requests after a moment, in seconds since 1970."""
        seconds = Counter(int(at) for at in self._times)
        return {
            "total": len(self._times),
            "after": sum(at > after for at in self._times),
            "per_second": {str(at): count for at, count in sorted(seconds.items())},
            "most_per_second": max(seconds.values(), default=0),
            "students": len(self._students),
            "most_per_student": max(self._students.values(), default=0),
            "per_student": dict(self._students.most_common(100)),
            "statuses": {str(status): count for status, count in self._statuses.items()},
            "tokens": self.tokens_given,
        }

    def _limited(self, request: HttpRequest) -> Answer:  # noqa: PLR0911 - one line a path
        if request.path == "/oauth/token":
            return self._give_token(request)
        wait = self.limiter.wait(time.monotonic()) if self.limiter else 0
        if wait:
            return Answer(429, b"", {"Retry-After": str(ceil(wait))})
        if not self._is_authorised(request):
            return Answer.json(401, {"status": False, "message": "unauthorized"})
        if request.path == "/students":
            return self._students_page(request)
        if request.path == "/time":
            return Answer.json(200, {"time": time.strftime("%Y-%m-%d %H:%M:%S")})
        if request.path.startswith("/payments/"):
            return self._payments(request)
        return Answer.json(404, {"status": False, "message": "not found"})

    def _payments(self, request: HttpRequest) -> Answer:
        _, _, idperson, *rest = request.path.split("/")
        self._students[idperson] += 1
        fault = choose_fault(self.faults, self.seed, idperson, self._students[idperson])
        student = self.school.students.get(idperson)
        if student is None:
            return Answer.json(404, {"status": False, "message": "Siswa tidak ditemukan"})
        if rest == ["summary"]:
            total = sum(bill.billed for bill in student.bills)
            return Answer.json(200, {"status": True, "data": {"total_billed": total}})
        etag = f'"{idperson}-{student.version}"'
        if request.headers.get("if-none-match") == etag and fault is None:
            return Answer(304, b"", {"ETag": etag})
        answer = Answer.json(200, student.record())
        answer.headers |= {"ETag": etag, "Date": formatdate(usegmt=True)}
        return FAULTS[fault](answer) if fault else answer

    def _students_page(self, request: HttpRequest) -> Answer:
        if self.page_faults:
            return FAULTS[self.page_faults.pop(0)](Answer.json(200, {"status": True, "data": []}))
        query = request.query
        size = min(int(query.get("per_page", _MAX_PAGE)), self.max_page)
        everyone = list(self.school.students.values())
        start = (int(query.get("page", 1)) - 1) * size
        if "cursor" in query:
            start = sum(one.idperson <= query["cursor"] for one in everyone)
        chosen = everyone[start : start + size]
        has_more = start + size < len(everyone)
        meta: Json = {"per_page": size, "total": len(everyone)}
        meta["next"] = chosen[-1].idperson if chosen and has_more else None
        answer = Answer.json(
            200, {"status": True, "data": [one.listed() for one in chosen], "meta": meta}
        )
        if has_more and chosen:
            answer.headers["Link"] = f'</students?cursor={chosen[-1].idperson}>; rel="next"'
        return answer

    def _is_authorised(self, request: HttpRequest) -> bool:
        given = request.headers.get("authorization", "")
        return {
            "none": True,
            "bearer": given == f"Bearer {self.token}",
            "client_credentials": given == f"Bearer {self.token}" and bool(self.tokens_given),
            "header": request.headers.get("x-api-key") == self.token,
            "query": request.query.get("key") == self.token,
            "basic": given == _basic(),
        }[self.authentication]

    def _give_token(self, request: HttpRequest) -> Answer:
        if request.headers.get("authorization") != _basic():
            return Answer.json(401, {"error": "invalid_client"})
        self.tokens_given += 1
        self.token = f"{TOKEN}-{self.tokens_given}"
        return Answer.json(200, {"access_token": self.token, "expires_in": 300})

    def _control(self, request: HttpRequest) -> Answer:  # noqa: PLR0911 - one line a path
        try:
            if request.path == "/_seen":
                return Answer.json(200, self.seen(float(request.query.get("after", 0))))
            body = json.loads(request.body or b"{}")
            if request.path == "/_pay":
                paid = self.school.pay(
                    str(body["idperson"]), str(body["kind"]), int(body["amount"]), str(body["day"])
                )
                return Answer.json(200 if paid else 404, paid.record() if paid else {})
            if request.path == "/_faults":
                unknown = body.keys() - FAULTS.keys()
                if unknown:
                    return Answer.json(422, {"unknown": sorted(unknown), "known": sorted(FAULTS)})
                self.faults = {name: float(rate) for name, rate in body.items()}
                return Answer.json(200, self.faults)
            if request.path == "/_limit":
                self.set_limit(body.get("kind", "bucket"), float(body["per_second"]))
                return Answer.json(200, body)
        except (KeyError, TypeError, ValueError) as error:
            return Answer.json(422, {"error": repr(error)})
        return Answer.json(404, {})


def _basic() -> str:
    return "Basic " + b64encode(f"{USER}:{PASSWORD}".encode()).decode()
