"""The door to WhatsApp, whoever is behind it: whatsapp_cloud, whatsapp_waha, whatsapp_fonnte.

One question to a WhatsApp vendor over HTTP, and which kind of silence or answer came back.
"""

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
    """Sends to one number at a time. No vendor knows an idempotency key: claim before sending."""

    max_attachment_bytes: int  # bytes

    def send(self, to: str, message: ChatMessage, *, reference: str) -> SendOutcome:
        """Send to a number in E.164 form; never raises for what a vendor or a network does.

        `reference` is our own name of the message, handed back with reports where a vendor can.
        """


def check_before_sending(
    to: str, attachment: Attachment | None, max_attachment_bytes: int
) -> Rejected | None:
    """Why there is no use in asking the vendor; None when there is."""
    if not _E164.fullmatch(to):
        return Rejected("the number is not in E.164 form", "number")
    if attachment and len(attachment.content) > max_attachment_bytes:
        size = f"{len(attachment.content):,} bytes; at most {max_attachment_bytes:,} may be sent"
        return Rejected(f"{attachment.name} has {size}", "attachment", FailureScope.MESSAGE)
    return None


CONNECT_SECONDS = 5


READ_SECONDS = 20


# before these, nothing had left; after any other, nobody can tell
_NOT_SENT_ERRORS = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


_SECONDS = re.compile(r"[0-9]{1,7}")


JsonObject = dict[str, object]


# at INFO it writes every address it asks, and in WAHA's there are phone numbers
logging.getLogger("httpx").setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class HttpReply:
    """A JSON object that the vendor itself sent."""

    status: int
    body: JsonObject
    retry_after: timedelta | None

    @property
    def is_success(self) -> bool:
        """Whether HTTP says so; some vendors say otherwise in the body."""
        return httpx.codes.is_success(self.status)


class HttpClientOwner:
    """Somebody's client over HTTP; close it, or use `with`. Threads may share it."""

    def __init__(self, client: httpx.Client) -> None:
        """Connect when the first message goes."""
        self._client = client

    def __enter__(self) -> Self:
        """Nothing to open."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def build_http_client(url: str, headers: dict[str, str], read_seconds: float) -> httpx.Client:
    """Connections to one vendor that are kept and reused."""
    return httpx.Client(
        base_url=url,
        headers=headers | {"Accept": "application/json", "User-Agent": "ticketing"},
        timeout=httpx.Timeout(read_seconds, connect=CONNECT_SECONDS),
        verify=trusted(),
    )


def send_request(
    client: httpx.Client, provider: str, request: httpx.Request
) -> HttpReply | Deferred | Unconfirmed:
    """Ask once. Texts of exceptions stay here: they can hold addresses and keys."""
    try:
        response = client.send(request)
    except _NOT_SENT_ERRORS as error:
        return Deferred(f"{provider}: not reached ({type(error).__name__})")
    except httpx.RequestError as error:
        return Unconfirmed(f"{provider}: no answer ({type(error).__name__})")
    return _parse_response(provider, response)


def _parse_response(provider: str, response: httpx.Response) -> HttpReply | Deferred | Unconfirmed:
    status, after = response.status_code, _retry_after(response)
    try:
        said = json.loads(response.content)
    except (ValueError, RecursionError):
        said = None
    if isinstance(said, dict):
        return HttpReply(status, said, after)
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return Deferred(f"{provider}: too many requests", str(status), after, PauseScope.SENDER)
    if status == httpx.codes.SERVICE_UNAVAILABLE:
        return Deferred(f"{provider}: unavailable", str(status), after)
    # a proxy's own page can hide that the vendor behind it has acted
    return Unconfirmed(f"{provider}: HTTP {status} without an answer of the vendor's")


def _retry_after(response: httpx.Response) -> timedelta | None:
    """In seconds; none of these vendors writes the form with a date."""
    after = response.headers.get("Retry-After", "")
    return timedelta(seconds=int(after)) if _SECONDS.fullmatch(after) else None


def first_object(value: object) -> JsonObject:
    """The first object of a list; empty when there is none."""
    return value[0] if isinstance(value, list) and value and isinstance(value[0], dict) else {}
