"""Telling others of entries in the books: when, in which bytes, and what an answer means.

Messages are signed as Standard Webhooks has it (standardwebhooks.com, "Webhook specification"):
any of its libraries verifies them. They name orders and sums, never people.
"""

import hmac
import json
from base64 import b64encode
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from ipaddress import IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit
from uuid import UUID, uuid5

from ticketing.platform.kernel.errors import Refused
from ticketing.platform.kernel.retry_policy import RetryPolicy
from ticketing.selling.ledger.model import LedgerEntry, LedgerEntryKind

SECRET_PREFIX = "whsec_"  # noqa: S105 - what every secret begins with
TEST_EVENT_TYPE = "hook.test"
MAX_URL_LENGTH = 2000

# its first try comes at once; as in Standard Webhooks, "Deliverability and reliability"
CALL_RETRIES = RetryPolicy(
    delays=(
        timedelta(seconds=5),
        timedelta(minutes=5),
        timedelta(minutes=30),
        timedelta(hours=2),
        timedelta(hours=5),
        timedelta(hours=10),
        timedelta(hours=14),
        timedelta(hours=20),
        timedelta(hours=24),
    ),
    spread=0.1,
    max_retry_after=timedelta(hours=24),
    time_limit=timedelta(days=3),  # then the endpoint is disabled
)
ENDPOINT_BACKOFF = timedelta(minutes=1)
HTTP_GONE = 410

# addresses of the old world in the new one's clothes: whoever may reach them may reach us
_IPV4_EMBEDDING_NETWORKS = (
    IPv6Network("64:ff9b::/96"),
    IPv6Network("64:ff9b:1::/48"),
    IPv6Network("2001::/32"),
    IPv6Network("2002::/16"),
)


class UnusableHook(Refused):
    """Nobody can be told like this; the message says why."""


class CallState(StrEnum):
    """How far a call has come."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"  # given up


@dataclass(frozen=True, slots=True)
class WebhookEndpoint:
    """Somebody who is told of entries of these kinds. `event_slug` is None for all events."""

    id: int
    uid: UUID
    name: str
    url: str
    kinds: tuple[LedgerEntryKind, ...]
    event_slug: str | None
    created_by: str
    created_at: datetime
    disabled_at: datetime | None
    disabled_why: str
    failing_since: datetime | None


@dataclass(frozen=True, slots=True)
class WebhookMessage:
    """What is sent: its name, which stays the same however often it is sent, and its bytes."""

    id: str
    body: bytes


@dataclass(frozen=True, slots=True)
class WebhookResponse:
    """What came back. `status` is None when nothing did, and `error` says why."""

    status: int | None
    error: str = ""
    body_excerpt: str = ""  # the first characters of the body
    retry_after: timedelta | None = None


class CallOutcome(StrEnum):
    """What an answer means for the call."""

    DELIVERED = "delivered"
    RETRY = "again"
    GONE = "gone"  # and never anything else there


def classify_response(response: WebhookResponse) -> CallOutcome:
    """Only a 2xx is a yes; a redirect could lead anywhere and is none."""
    if response.status is not None and response.status // 100 == 2:  # noqa: PLR2004 - 2xx
        return CallOutcome.DELIVERED
    return CallOutcome.GONE if response.status == HTTP_GONE else CallOutcome.RETRY


def build_message(endpoint: UUID, entry: LedgerEntry) -> WebhookMessage:
    """An entry as it is told to an endpoint: the same name and bytes, whenever it is made."""
    told = {
        "type": entry.kind,
        "timestamp": _format_timestamp(entry.at),
        "data": {
            "entry": entry.id,
            "event": entry.event_slug,
            "order": entry.order_code,
            "subject": entry.subject,
            "sale": entry.sale,
            "money": entry.money,
            "details": entry.details,
        },
    }
    return WebhookMessage(f"msg_{uuid5(endpoint, f'entry {entry.id}').hex}", _to_json_bytes(told))


def build_test_message(endpoint: UUID, *, at: datetime) -> WebhookMessage:
    """A message that is about nothing, to see whether it arrives."""
    told = {"type": TEST_EVENT_TYPE, "timestamp": _format_timestamp(at), "data": {}}
    return WebhookMessage(
        f"msg_{uuid5(endpoint, f'test {_format_timestamp(at)}').hex}", _to_json_bytes(told)
    )


def _format_timestamp(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _to_json_bytes(payload: Mapping[str, object]) -> bytes:
    return json.dumps(payload, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def build_headers(message: WebhookMessage, secret: bytes, *, at: datetime) -> dict[str, str]:
    """What goes along; the instant is that of this try, which receivers want to be a recent one."""
    moment = str(int(at.timestamp()))
    signed = hmac.digest(secret, f"{message.id}.{moment}.".encode() + message.body, sha256)
    return {
        "Content-Type": "application/json",
        "webhook-id": message.id,
        "webhook-timestamp": moment,
        "webhook-signature": f"v1,{b64encode(signed).decode()}",
    }


def encode_secret(secret: bytes) -> str:
    """The secret as receivers' libraries take it."""
    return SECRET_PREFIX + b64encode(secret).decode()


def parse_kinds(names: Collection[str]) -> tuple[LedgerEntryKind, ...]:
    """The kinds of these names, all of them for none; refuses an unknown one."""
    unknown = sorted(set(names) - set(LedgerEntryKind))
    if unknown:
        raise UnusableHook(f"{', '.join(unknown)}: there are only {', '.join(LedgerEntryKind)}")
    return tuple(kind for kind in LedgerEntryKind if not names or kind in names)


def validate_url(url: str, *, allow_loopback: bool) -> str:
    """An address that may be called, as far as its text tells; refuses any other.

    That it leads to nobody of our own house is seen when it is called: names change their address.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise UnusableHook(f"{url!r} is no address: {error}") from error
    if not host or not url.isascii() or not url.isprintable() or " " in url:
        raise UnusableHook(f"{url!r} is no address; write https://host/path")
    if len(url) > MAX_URL_LENGTH or parts.username is not None or parts.fragment:
        raise UnusableHook("the address is too long, or has a password or a # in it")
    local = host in {"localhost", "127.0.0.1", "::1"}
    if parts.scheme == "https" or (parts.scheme == "http" and local and allow_loopback):
        return url
    raise UnusableHook(
        f"{url!r} must begin with https://; with the simulator, http://localhost is allowed"
    )


def is_address_allowed(address: str, *, allow_loopback: bool) -> bool:
    """Return whether an address is public, or loopback if that is allowed."""
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address):
        if ip.ipv4_mapped is not None:
            return is_address_allowed(str(ip.ipv4_mapped), allow_loopback=allow_loopback)
        if any(ip in network for network in _IPV4_EMBEDDING_NETWORKS):
            return False
    return (ip.is_global and not ip.is_multicast) or (allow_loopback and ip.is_loopback)
