"""What goes wrong at outside billing APIs, by name; each fault changes a good response."""

import gzip
import re
import time
from collections.abc import Callable
from dataclasses import replace
from email.utils import formatdate
from zlib import crc32

from simulators.billing.answer import HTML_TYPE, Answer

Fault = Callable[[Answer], Answer]
_ERROR_PAGE = b"<html><body><h1>Bad Gateway</h1></body></html>"
_LOGIN = b'<html><form action="/login"><input type="password" name="password"></form></html>'
_WARNING = b"<br />\n<b>Warning</b>: Undefined index: saldo in record.php on line 7<br />\n"
_SECONDS_TO_WAIT = 7


def _page(status: int, body: bytes = _ERROR_PAGE, **headers: str) -> Fault:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _: Answer(status, body, {"Content-Type": HTML_TYPE} | named)


def _refused(status: int, text: str) -> Fault:
    return lambda _: Answer.refusal(status, text)


def _body(change: Callable[[bytes], bytes], **headers: str) -> Fault:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda good: replace(good, body=change(good.body), headers=good.headers | named)


def _text(pattern: bytes, instead: bytes) -> Fault:
    """Replace the first match in the body."""
    found = re.compile(pattern)
    return _body(lambda body: found.sub(instead, body, count=1))


def _as_sent(**how: object) -> Fault:
    return lambda good: replace(good, **how)  # type: ignore[arg-type]


def _http_date(status: int) -> Fault:
    def refuse(_: Answer) -> Answer:
        # an hour slow: a client has to compare with Date, not with its own clock
        now = int(time.time()) - 3600
        headers = {"Date": formatdate(now, usegmt=True),
                   "Retry-After": formatdate(now + _SECONDS_TO_WAIT, usegmt=True)}  # fmt: skip
        return Answer(status, b"", headers)

    return refuse


def _reset_epoch(_: Answer) -> Answer:
    reset = str(int(time.time()) + _SECONDS_TO_WAIT)
    return Answer(429, b"", {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset})


def _etag(change: Callable[[str], str]) -> Fault:
    """Change the ETag on its way, as proxies do."""

    def renamed(good: Answer) -> Answer:
        if "ETag" not in good.headers:
            return good
        return replace(good, headers=good.headers | {"ETag": change(good.headers["ETag"])})

    return renamed


def _data(value: str) -> Fault:
    return lambda good: replace(good, body=f'{{"status":true,"data":{value}}}'.encode())


FAULTS: dict[str, Fault] = {
    # throttling
    "429-seconds": _page(429, b"", Retry_After=str(_SECONDS_TO_WAIT)),
    "429-date": _http_date(429),
    "503-date": _http_date(503),
    "429-bare": _page(429, b""),
    "429-reset": _page(429, b"", X_RateLimit_Remaining="0", X_RateLimit_Reset="9"),
    "429-reset-epoch": _reset_epoch,
    "remaining-0": _body(bytes, X_RateLimit_Remaining="0", X_RateLimit_Reset="3"),
    "996": lambda _: Answer.json(200, {"status": "996", "message": "too many inquiries"}),
    "403-quota": _refused(403, "Out of call volume quota. Quota will be replenished tomorrow."),
    # credentials
    "401": _refused(401, "unauthorized"),
    "403": _refused(403, "forbidden"),
    "302-login": _page(302, b"", Location="/login?next=x"),
    "login-page": _page(200, _LOGIN),
    # statuses
    "404": _refused(404, "Siswa tidak ditemukan"),
    **{str(status): _page(status) for status in (408, 500, 502, 503, 504)},
    # bodies that are no record
    "html-200": _page(200, b"<html><h1>Sedang dalam pemeliharaan</h1></html>"),
    "php-warning": _body(lambda body: _WARNING + body),
    "glued": _body(lambda body: body + body),
    "status-false": lambda _: Answer.json(200, {"status": False, "message": "gagal"}),
    "empty": _body(lambda _: b""),
    "204": lambda _: Answer(204),
    "latin-1": _text(rb'"unit_name": ?"[^"]*', b'"unit_name":"Unit\xe9'),
    "bom": _body(lambda body: b"\xef\xbb\xbf" + body),
    "nan": _text(rb'"saldo": ?"[^"]*"', b'"saldo":NaN'),
    "infinite": _text(rb'"saldo": ?"[^"]*"', b'"saldo":1e999'),
    "double-key": _text(rb'"saldo"', b'"idperson":"1","saldo"'),
    "not-gzip": _body(bytes, Content_Encoding="gzip"),
    "gzip": _body(gzip.compress, Content_Encoding="gzip"),
    # transport
    "cut": _as_sent(is_cut=True),
    "cut-chunked": _as_sent(is_cut=True, framing="chunked"),
    "cut-unframed": _as_sent(is_cut=True, framing="close"),
    "hang-up": lambda _: Answer(0),
    "drop-next": _as_sent(drops_next=True),
    "stall": _as_sent(is_silent=True),
    "slow": _as_sent(delay_seconds=2.0),
    "drip": _as_sent(drip_seconds=0.05),
    # records that are wrong
    "contradiction": _text(rb'"total_billed": ?', b'"total_billed":1'),
    "no-bills": _data("[]"),
    "null": _data("null"),
    "no-data": lambda good: replace(good, body=b'{"status":true}'),
    "new-status": _text(rb'"payment_status": ?"[a-z]*"', b'"payment_status":"dispensasi"'),
    # harmless
    "chunked": _as_sent(framing="chunked"),
    "unframed": _as_sent(framing="close"),
    "etag-weak": _etag(lambda etag: f"W/{etag}"),
    "etag-gzip": _etag(lambda etag: f'{etag[:-1]}-gzip"'),
}
WRONG_OWNER = "wrong-owner"  # needs another student's record, so it is none of the changes above
FAULT_NAMES = (*FAULTS, WRONG_OWNER)


def choose_fault(rates: dict[str, float], seed: int, idperson: str, attempt: int) -> str | None:
    """Return the fault of an attempt, or None; `rates` are shares between 0 and 1."""
    place = crc32(f"{seed}:{idperson}:{attempt}".encode()) / 2**32
    for name, rate in rates.items():
        if place < rate:
            return name
        place -= rate
    return None
