"""What a response, or the lack of one, means: the class of the failure and who has to stop."""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import httpx

from ticketing.billing.sources.contract import FailureClass
from ticketing.billing.sources.http.waiting import retry_after

_FORBIDDEN, _NOT_FOUND = httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND
_LOGIN_WORDS = (b'type="password"', b"type='password'", b"login", b"masuk", b"sign in")
_SHOWN_CHARACTERS = 80


class RequestFailed(Exception):
    """A request gave no usable body."""

    def __init__(
        self,
        failure: FailureClass,
        message: str,
        *,
        retry_after: float | None = None,
        stops_run: bool = False,
    ) -> None:
        super().__init__(message)
        self.failure, self.retry_after, self.stops_run = failure, retry_after, stops_run


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete response; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


def require_usable(
    reply: Reply, *, now: datetime, content_types: Sequence[str], quota_texts: Sequence[str]
) -> None:
    """Raise RequestFailed unless the response is a 200 that says that it is JSON."""
    if reply.status != httpx.codes.OK:
        raise _failed_status(reply, now, quota_texts)
    media_type = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
    looks_like_html = reply.body.lstrip()[:1] == b"<"
    if looks_like_html and any(word in reply.body.lower() for word in _LOGIN_WORDS):
        raise RequestFailed(FailureClass.REFUSED, "the source answers with a login page")
    if not (media_type in content_types or media_type.endswith("+json")):
        raise RequestFailed(
            FailureClass.BAD_DATA,
            f"the source answers as {media_type or 'nothing'!r} instead of JSON; if the body is"
            " JSON, add this type to `content_types` of the mapping file",
        )


def _failed_status(  # noqa: PLR0911 - the table of statuses
    reply: Reply, now: datetime, quota_texts: Sequence[str]
) -> RequestFailed:
    status, wait = reply.status, retry_after(reply.headers, now)
    message = f"the source answers {status}"
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return RequestFailed(FailureClass.THROTTLED, message, retry_after=wait)
    if status == httpx.codes.SERVICE_UNAVAILABLE and "retry-after" in reply.headers:
        return RequestFailed(FailureClass.THROTTLED, message, retry_after=wait)
    if status == _FORBIDDEN and _says(reply.body, quota_texts):
        text = f"{message}: the quota is used up"
        return RequestFailed(FailureClass.PAUSED_QUOTA, text, retry_after=wait, stops_run=True)
    if status in {httpx.codes.UNAUTHORIZED, _FORBIDDEN}:
        text = f"{message}: check the BILLING_ credentials and what they may read"
        return RequestFailed(FailureClass.REFUSED, text, stops_run=True)
    if status == _NOT_FOUND:
        return RequestFailed(FailureClass.NOT_FOUND, message)
    if status == httpx.codes.REQUEST_TIMEOUT or httpx.codes.is_server_error(status):
        return RequestFailed(FailureClass.UNAVAILABLE, message, retry_after=wait)
    if httpx.codes.is_redirect(status):
        target = reply.headers.get("location", "").partition("?")[0][:_SHOWN_CHARACTERS]
        return RequestFailed(FailureClass.REFUSED, f"{message}, a redirect to {target}")
    return RequestFailed(FailureClass.BAD_DATA, message)


def transport_failure(error: httpx.HTTPError) -> RequestFailed:
    """Return the failure of a request that got no complete response."""
    name = type(error).__name__
    if isinstance(error, httpx.DecodingError):
        return RequestFailed(FailureClass.BAD_DATA, "the body is not compressed as it says")
    if isinstance(error, (httpx.UnsupportedProtocol, httpx.LocalProtocolError)):
        return RequestFailed(FailureClass.SOURCE_CONFIG, f"BILLING_URL: {name}", stops_run=True)
    if isinstance(error, httpx.ConnectError):
        if _is_tls(error):
            text = "the certificate of the source is not accepted; it must be repaired there"
            return RequestFailed(FailureClass.SOURCE_CONFIG, text, stops_run=True)
        return RequestFailed(FailureClass.UNAVAILABLE, "the source accepts no connection")
    return RequestFailed(FailureClass.TIMEOUT, f"no complete response: {name}")


def _is_tls(error: BaseException) -> bool:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def _says(body: bytes, texts: Sequence[str]) -> bool:
    lowered = body.decode("utf-8", "replace").lower()
    return any(text.lower() in lowered for text in texts)
