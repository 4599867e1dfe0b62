"""Routes of the billing API: credentials, limits and faults come before every response."""

import json
import time
from datetime import timedelta
from itertools import islice
from zlib import crc32

from simulators.billing.answer import JSON_TYPE, Answer
from simulators.billing.counters import Counters
from simulators.billing.credentials import PASSWORD, TOKEN, USER, Credentials
from simulators.billing.faults import FAULTS, WRONG_OWNER, choose_fault
from simulators.billing.limits import Limiter, advice_headers, make_limiter
from simulators.billing.listing import StudentPages, damaged
from simulators.billing.school import School
from simulators.billing.student import JAKARTA, SimulatedStudent
from simulators.billing.switches import LIST_FAULTS, Switches
from simulators.http import HttpRequest, Json

__all__ = ["PASSWORD", "TOKEN", "USER", "BillingApi"]
_ETAG_FAULTS = {"etag-weak", "etag-gzip"}


class BillingApi(Switches):
    """The API; its switches are its attributes. All requests come from one thread."""

    def __init__(self, school: School, seed: int, authentication: str) -> None:
        """Serve a school; ValueError for an unknown way to authenticate."""
        super().__init__()
        self.school, self._seed = school, seed
        self.credentials = Credentials(authentication)
        self.counters = Counters()
        self._pages = StudentPages(school)
        self._limiter: Limiter | None = None
        self._limited_by: tuple[str, float] = (self.limiter, 0.0)
        self._totals: dict[str, tuple[int, list[Json]]] = {}

    @property
    def token(self) -> str:
        """Return the valid token or key; another one may be set."""
        return self.credentials.token

    @token.setter
    def token(self, token: str) -> None:
        self.credentials.token = token

    @property
    def tokens_given(self) -> int:
        """Return the number of tokens and sessions that were issued."""
        return self.credentials.tokens_given

    def set_limit(self, kind: str, per_second: float) -> None:
        """Limit requests from now on; 0 for no limit. ValueError as `make_limiter`."""
        make_limiter(kind, per_second)
        self.set(limiter=kind, rate=per_second)

    def seen(self, after: float = 0) -> Json:
        """Return the counters; `after` is a moment in seconds since 1970."""
        return self.counters.to_json(after) | {"tokens": self.tokens_given}

    def respond(self, request: HttpRequest) -> Answer:
        """Return the counted response to a request."""
        self.counters.count_request()
        answer = self._allowed(request)
        self.counters.count_status(answer.status)
        answer.delay_seconds += self._latency(request.path)
        return answer

    def _allowed(self, request: HttpRequest) -> Answer:
        """Return a refusal, or what the route gives."""
        if refused := self._throttled():
            return refused
        self.credentials.lifetime_seconds = self.token_seconds
        if request.method == "POST" and request.path == "/oauth/token":
            return self.credentials.give_token(request)
        if request.path == "/login":
            return self._login(request)
        if unauthorised := self.credentials.refusal(request):
            return unauthorised
        if request.method != "GET":
            return Answer.refusal(405, f"{request.method} is not allowed")
        answer = self._route(request)
        if self._limiter and self.advice.startswith("reset"):
            answer.headers |= {"X-RateLimit-Remaining": str(self._limiter.remaining)}
        return answer

    def _route(self, request: HttpRequest) -> Answer:
        first, _, rest = request.path.removeprefix("/").partition("/")
        try:
            if first == "payments" and rest:
                idperson, _, part = rest.partition("/")
                if part in {"", "summary"}:
                    return self._payments(request, idperson, is_summary=bool(part))
            handler = {
                "students": self._students,
                "changes": self._changes,
                "totals": self._sums,
                "time": self._time,
            }.get("" if rest else first)
            return handler(request) if handler else Answer.refusal(404, "not found")
        except ValueError as error:
            return Answer.refusal(400, str(error))

    def _throttled(self) -> Answer | None:
        if 0 < self.daily_quota < self.counters.total:
            return FAULTS["403-quota"](Answer(403))
        if self._limited_by != (self.limiter, self.rate):
            self._limited_by = (self.limiter, self.rate)
            self._limiter = make_limiter(self.limiter, self.rate)
        wait = self._limiter.wait(time.monotonic()) if self._limiter else 0
        if not wait:
            return None
        return Answer(429, b"", advice_headers(self.advice, max(wait, self.least_wait_seconds)))

    def _login(self, request: HttpRequest) -> Answer:
        if request.method == "POST":
            return self.credentials.log_in(request)
        return FAULTS["login-page"](Answer(200))

    def _payments(self, request: HttpRequest, idperson: str, *, is_summary: bool) -> Answer:
        attempt = self.counters.count_attempt(idperson)
        student = self.school.students.get(idperson)
        if student is None:
            return Answer.refusal(404, "Siswa tidak ditemukan")
        fault = self._fault(idperson, attempt)
        if is_summary:
            answer = Answer.json(200, student.summary())
        else:
            is_known = fault is None or fault in _ETAG_FAULTS
            answer = self._record(
                student, request.headers.get("if-none-match") if is_known else None
            )
        if fault is None:
            return answer
        self.counters.count_fault(fault)
        return self._wrong_owner(student) if fault == WRONG_OWNER else FAULTS[fault](answer)

    def _record(self, student: SimulatedStudent, known: str | None) -> Answer:
        etag = student.etag(self._seed)
        if known and _matches(known, etag):
            return Answer(304, b"", {"ETag": etag})
        headers = {
            "Content-Type": JSON_TYPE,
            "ETag": etag,
            "Last-Modified": student.last_modified,
        }
        body = self.school.body(student)
        if self.has_generated_at:
            body = body[:-1] + f',"generated_at":"{self._now()}"}}'.encode()
        return Answer(200, body, headers)

    def _wrong_owner(self, student: SimulatedStudent) -> Answer:
        """Return another student's record, always the same one, as a wrong cache does."""
        for other in self.school.students.values():
            if other is not student and other.current_bills():
                return self._record(other, None)
        body = student.body().replace(b'"idperson":"', b'"idperson":"9', 1)
        return Answer(200, body, {"Content-Type": JSON_TYPE})

    def _fault(self, idperson: str, attempt: int) -> str | None:
        if not self.faults and not self.student_faults:
            return None
        if 0 < self.fault_attempts < attempt:
            return None
        named = self.student_faults.get(idperson)
        return named or choose_fault(self.faults, self._seed, idperson, attempt)

    def _students(self, request: HttpRequest) -> Answer:
        page = self._pages.page(request.query, self.max_page)
        if not self.page_faults:
            return page
        fault = self.page_faults.pop(0)
        self.counters.count_fault(fault)
        if fault == "list-cursor-410":
            return Answer.refusal(410, "the cursor has expired")
        if fault not in LIST_FAULTS:
            return FAULTS[fault](page)
        first = list(islice(self.school.students.values(), self.max_page))
        return Answer.json(200, damaged(json.loads(page.body), fault, first))

    def _changes(self, request: HttpRequest) -> Answer:
        found = self.school.changes.since(int(request.query.get("since") or 0))
        if found is None:
            return Answer.refusal(410, "this version is purged; read everything")
        version = self.school.changes.version
        return Answer.json(200, {"status": True, "data": found, "version": version})

    def _sums(self, request: HttpRequest) -> Answer:
        period, version = request.query.get("period", ""), self.school.changes.version
        if self._totals.get(period, (0,))[0] != version:
            self._totals[period] = (version, self.school.totals(period))
        data = self._totals[period][1]
        return Answer.json(200, {"status": True, "data": data, "as_of": self._now()})

    def _time(self, _: HttpRequest) -> Answer:
        return Answer.json(200, {"time": self._now(), "zone": "Asia/Jakarta"})

    def _now(self) -> str:
        at = self.school.clock().astimezone(JAKARTA)
        return f"{at + timedelta(seconds=self.clock_offset_seconds):%Y-%m-%d %H:%M:%S}"

    def _latency(self, path: str) -> float:
        if not self.latency_spread:
            return self.latency_seconds
        place = crc32(path.encode()) / 2**31 - 1  # from -1 to 1
        return self.latency_seconds * (1 + self.latency_spread * place)


def _matches(known: str, etag: str) -> bool:
    """Return whether If-None-Match names the ETag, also as proxies change it."""
    plain = {one.strip().removeprefix("W/").replace('-gzip"', '"') for one in known.split(",")}
    return etag in plain or "*" in plain
