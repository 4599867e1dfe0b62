"""What can go wrong, chosen by a hash of seed, student and attempt, so that a run repeats."""

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from zlib import crc32

_JSON, _HTML = "application/json", "text/html; charset=utf-8"
_LOGIN = b'<html><form action="/login"><input type="password"></form></html>'
_WARNING = b"<br />\n<b>Warning</b>: Undefined index in record.php on line 7<br />\n"


@dataclass
class Answer:
    """A response with everything that a faulty server can do to it. Status 0: hang up."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False  # hang up after half of the body
    stalls: bool = False  # never answer
    drip_seconds: float = 0.0  # between bytes of the body

    @classmethod
    def json(cls, status: int, value: object) -> "Answer":
        """Create a JSON response."""
        return cls(status, json.dumps(value).encode(), {"Content-Type": _JSON})


Fault = Callable[[Answer], Answer]


def _page(status: int, body: bytes = b"<html>Bad Gateway</html>", **headers: str) -> Fault:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _: Answer(status, body, {"Content-Type": _HTML} | named)


def _body(change: Callable[[bytes], bytes], **headers: str) -> Fault:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda good: Answer(good.status, change(good.body), good.headers | named)


def _http_date(_: Answer) -> Answer:
    headers = {
        "Date": formatdate(5_000, usegmt=True),
        "Retry-After": formatdate(5_007, usegmt=True),
    }
    return Answer(503, b"", headers)


FAULTS: dict[str, Fault] = {
    "429-seconds": _page(429, Retry_After="7"),
    "503-date": _http_date,
    "429-reset": _page(429, X_RateLimit_Remaining="0", X_RateLimit_Reset="9"),
    "remaining-0": _body(bytes, X_RateLimit_Remaining="0", X_RateLimit_Reset="3"),
    "996": lambda _: Answer.json(200, {"status": "996", "message": "too many inquiries"}),
    "403-quota": _page(403, b"Out of call volume quota"),
    "401": _page(401),
    "403": _page(403),
    "302-login": _page(302, b"", Location="/login?next=x"),
    "login-page": _page(200, _LOGIN),
    "404": _page(404),
    "408": _page(408),
    "500": _page(500),
    "502": _page(502),
    "504": _page(504),
    "html-200": _page(200, b"<html>Maintenance</html>"),
    "php-warning": _body(lambda body: _WARNING + body),
    "glued": _body(lambda body: body + body),
    "status-false": lambda _: Answer.json(200, {"status": False, "message": "gagal"}),
    "empty": _body(lambda _: b""),
    "204": lambda _: Answer(204),
    "cut": lambda good: Answer(good.status, good.body, good.headers, cut=True),
    "latin-1": _body(lambda body: body.replace(b"Unit", b"Unit\xe9")),
    "bom": _body(lambda body: b"\xef\xbb\xbf" + body),
    "nan": _body(lambda body: body.replace(b'"0.00"', b"NaN")),
    "infinite": _body(lambda body: body.replace(b'"0.00"', b"1e999")),
    "double-key": _body(lambda body: body.replace(b'"saldo"', b'"idperson": "1", "saldo"')),
    "not-gzip": _body(bytes, Content_Encoding="gzip"),
    "gzip": _body(gzip.compress, Content_Encoding="gzip"),
    "hang-up": lambda _: Answer(0),
    "stall": lambda good: Answer(good.status, good.body, good.headers, stalls=True),
    "drip": lambda good: Answer(good.status, good.body, good.headers, drip_seconds=0.05),
    "wrong-owner": _body(lambda body: body.replace(b'"idperson": "0', b'"idperson": "9')),
    "contradiction": _body(lambda body: body.replace(b'"total_billed": ', b'"total_billed": 1')),
    "no-bills": lambda _: Answer.json(200, {"status": True, "data": []}),
    "null": lambda _: Answer.json(200, {"status": True, "data": None}),
}


def choose_fault(rates: dict[str, float], seed: int, idperson: str, attempt: int) -> str | None:
    """Return the fault of an attempt, or None; `rates` are shares between 0 and 1."""
    place = crc32(f"{seed}:{idperson}:{attempt}".encode()) / 2**32
    for name, rate in rates.items():
        if place < rate:
            return name
        place -= rate
    return None
