"""The interface of WhatsApp clients, and their HTTP requests with classified failures."""

import json
import logging
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol, Self

import httpx

from ticketing.notifications.messages.message import (
    Attachment,
    ChatMessage,
    Deferred,
    FailureScope,
    PauseScope,
    Rejected,
    SendOutcome,
    Unconfirmed,
)
from ticketing.platform.kernel.tls_trust import trusted

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")


class WhatsAppClient(Protocol):
    """Sends to one number at a time. No provider has idempotency keys: claim before sending."""

    max_attachment_bytes: int  # bytes

    def send(self, to: str, message: ChatMessage, *, reference: str) -> SendOutcome:
        """Send to a number in E.164 form; errors of provider and network are returned as outcomes.

        `reference` is our id of the message, returned with reports if the provider supports it.
        """


def check_before_sending(
    to: str, attachment: Attachment | None, max_attachment_bytes: int
) -> Rejected | None:
    """Return why the request would be useless, or None."""
    if not _E164.fullmatch(to):
        return Rejected("the number is not in E.164 form", "number")
    if attachment and len(attachment.content) > max_attachment_bytes:
        size = f"{len(attachment.content):,} bytes; at most {max_attachment_bytes:,} may be sent"
        return Rejected(f"{attachment.name} has {size}", "attachment", FailureScope.MESSAGE)
    return None


CONNECT_SECONDS = 5


READ_SECONDS = 20


# nothing was sent before these errors; after any other the result is unknown
_NOT_SENT_ERRORS = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


_SECONDS = re.compile(r"[0-9]{1,7}")


JsonObject = dict[str, object]


# at INFO httpx logs every URL, and WAHA's contain phone numbers
logging.getLogger("httpx").setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class HttpReply:
    """A JSON object that the provider itself sent."""

    status: int
    body: JsonObject
    retry_after: timedelta | None

    @property
    def is_success(self) -> bool:
        """Return whether the HTTP status is 2xx; some providers report errors in the body."""
        return httpx.codes.is_success(self.status)


class WhatsAppHttpClient:
    """Base of clients over HTTP. Use `with`, or close it. Threads may share it."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def build_http_client(url: str, headers: dict[str, str], read_seconds: float) -> httpx.Client:
    """Return a client with pooled connections to one provider."""
    return httpx.Client(
        base_url=url,
        headers=headers | {"Accept": "application/json", "User-Agent": "ticketing"},
        timeout=httpx.Timeout(read_seconds, connect=CONNECT_SECONDS),
        verify=trusted(),
    )


def send_request(
    client: httpx.Client, provider: str, request: httpx.Request
) -> HttpReply | Deferred | Unconfirmed:
    """Send once. Texts of exceptions are omitted: they can contain addresses and keys."""
    try:
        response = client.send(request)
    except _NOT_SENT_ERRORS as error:
        return Deferred(f"{provider}: connection failed ({type(error).__name__})")
    except httpx.RequestError as error:
        return Unconfirmed(f"{provider}: no answer ({type(error).__name__})")
    return _parse_response(provider, response)


def _parse_response(provider: str, response: httpx.Response) -> HttpReply | Deferred | Unconfirmed:
    status, after = response.status_code, _retry_after(response)
    try:
        body = json.loads(response.content)
    except (ValueError, RecursionError):
        body = None
    if isinstance(body, dict):
        return HttpReply(status, body, after)
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return Deferred(f"{provider}: too many requests", str(status), after, PauseScope.SENDER)
    if status == httpx.codes.SERVICE_UNAVAILABLE:
        return Deferred(f"{provider}: unavailable", str(status), after)
    # the response may be a proxy's, after the provider has acted
    return Unconfirmed(f"{provider}: HTTP {status} without a JSON response")


def _retry_after(response: httpx.Response) -> timedelta | None:
    """Return the delay in seconds; none of these providers sends a date."""
    after = response.headers.get("Retry-After", "")
    return timedelta(seconds=int(after)) if _SECONDS.fullmatch(after) else None


def first_object(value: object) -> JsonObject:
    """Return the first object of a list; empty if there is none."""
    return value[0] if isinstance(value, list) and value and isinstance(value[0], dict) else {}
