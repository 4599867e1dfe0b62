"""The base of WhatsApp clients: HTTP requests with classified failures."""

import json
import logging
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar, Self

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


class WhatsAppClient(ABC):
    """Client of one number. Use `with`, or close it. Threads may share it.

    No provider has idempotency keys: claim a message before sending it.
    """

    provider: ClassVar[str]
    max_attachment_bytes: ClassVar[int]

    def __init__(self, url: str, headers: dict[str, str], read_seconds: float) -> None:
        """Pool the connections to the provider."""
        self._client = httpx.Client(
            base_url=url,
            headers=headers | {"Accept": "application/json", "User-Agent": "ticketing"},
            timeout=httpx.Timeout(read_seconds, connect=CONNECT_SECONDS),
            verify=trusted(),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    @abstractmethod
    def send(self, to: str, message: ChatMessage, *, reference: str) -> SendOutcome:
        """Send to a number in E.164 form; errors of provider and network are returned as outcomes.

        `reference` is our id of the message, returned with reports if the provider supports it.
        """

    def _check_before_sending(self, to: str, attachment: Attachment | None) -> Rejected | None:
        """Return why the request would be useless, or None."""
        if not _E164.fullmatch(to):
            return Rejected("the number is not in E.164 form", "number")
        largest = self.max_attachment_bytes
        if attachment and len(attachment.content) > largest:
            size = f"{len(attachment.content):,} bytes; at most {largest:,} may be sent"
            return Rejected(f"{attachment.name} has {size}", "attachment", FailureScope.MESSAGE)
        return None

    def _request(self, request: httpx.Request) -> HttpReply | Deferred | Unconfirmed:
        """Send once. Texts of exceptions are omitted: they can contain addresses and keys."""
        try:
            response = self._client.send(request)
        except _NOT_SENT_ERRORS as error:
            return Deferred(f"{self.provider}: connection failed ({type(error).__name__})")
        except httpx.RequestError as error:
            return Unconfirmed(f"{self.provider}: no answer ({type(error).__name__})")
        return _parse_response(self.provider, response)

    def _request_repeatable(self, request: httpx.Request) -> HttpReply | Deferred:
        """Send a request that is harmless if it is sent again."""
        answer = self._request(request)
        return Deferred(answer.reason) if isinstance(answer, Unconfirmed) else answer


def _parse_response(provider: str, response: httpx.Response) -> HttpReply | Deferred | Unconfirmed:
    status, after = response.status_code, _retry_after(response)
    try:
        body = json.loads(response.content)
    except (ValueError, RecursionError):
        body = None
    if isinstance(body, dict):
        return HttpReply(status, body, after)
    if status in {httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE}:
        return defer_for_status(provider, status, after)
    # the response may be a proxy's, after the provider has acted
    return Unconfirmed(f"{provider}: HTTP {status} without a JSON response")


def defer_for_status(provider: str, status: int, retry_after: timedelta | None) -> Deferred:
    """Return the outcome of 429, which concerns the sender, or of a status from 500."""
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return Deferred(
            f"{provider}: too many requests", str(status), retry_after, PauseScope.SENDER
        )
    return Deferred(f"{provider}: unavailable", str(status), retry_after)


def _retry_after(response: httpx.Response) -> timedelta | None:
    """Return the delay in seconds; none of these providers sends a date."""
    after = response.headers.get("Retry-After", "")
    return timedelta(seconds=int(after)) if _SECONDS.fullmatch(after) else None


def first_object(value: object) -> JsonObject:
    """Return the first object of a list; empty if there is none."""
    return value[0] if isinstance(value, list) and value and isinstance(value[0], dict) else {}


def integer_of(value: object) -> int | None:
    """Return an integer that is written as a number or as digits; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    is_digits = isinstance(value, str) and value.lstrip("-").isdecimal() and len(value) < 20  # noqa: PLR2004 - 64 bits
    return int(str(value)) if is_digits else None
