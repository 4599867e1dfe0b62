"""Outgoing webhooks for entries of the ledger: messages, signatures, retries, allowed URLs.

Messages are signed according to Standard Webhooks (standardwebhooks.com, "Webhook specification"),
so that its libraries can verify them. They contain orders and amounts, never people.
"""

import hmac
import json
from base64 import b64encode
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from ipaddress import IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit
from uuid import UUID, uuid5

from ticketing.platform.kernel.errors import Refused
from ticketing.platform.kernel.retry_policy import RetryPolicy
from ticketing.selling.ledger.model import LedgerEntry, LedgerEntryKind

SECRET_PREFIX = "whsec_"  # noqa: S105 - the prefix of every secret
TEST_EVENT_TYPE = "webhook.test"
MAX_URL_LENGTH = 2000

# after the first attempt, which is immediate; Standard Webhooks, "Deliverability and reliability"
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

# IPv6 ranges that embed IPv4 addresses, and so could lead to private ones (SSRF), and ranges that
# IANA's registries of special-purpose addresses name as not global and `is_global` does not know
_NOT_PUBLIC = tuple(
    ip_network(network)
    for network in (
        "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16",
        "100:0:0:1::/64", "3fff::/20", "5f00::/16", "fec0::/10", "192.0.0.8/32", "192.88.99.0/24",
    )
)  # fmt: skip


class UnusableHook(Refused):
    """A webhook cannot be configured like this; the message says why."""


class CallState(StrEnum):
    """State of a webhook call."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"  # after the last attempt


@dataclass(frozen=True, slots=True)
class WebhookEndpoint:
    """A webhook for ledger entries of some kinds. `event_slug` is None for all events."""

    id: int
    uid: UUID
    name: str
    url: str
    kinds: tuple[LedgerEntryKind, ...]
    event_slug: str | None
    created_by: str
    created_at: datetime
    disabled_at: datetime | None
    disabled_reason: str
    failing_since: datetime | None


@dataclass(frozen=True, slots=True)
class WebhookMessage:
    """A message: its id, which is the same for every attempt, and its body."""

    id: str
    body: bytes


@dataclass(frozen=True, slots=True)
class WebhookResponse:
    """The response. `status` is None when there was none; then `error` says why."""

    status: int | None
    error: str = ""
    body_excerpt: str = ""  # the first characters of the body
    retry_after: timedelta | None = None


class CallOutcome(StrEnum):
    """Meaning of a response for the call."""

    DELIVERED = "delivered"
    RETRY = "again"
    GONE = "gone"  # the receiver asks for no further calls


def classify_response(response: WebhookResponse) -> CallOutcome:
    """Return the outcome. Only 2xx is success; a redirect could lead anywhere and is a failure."""
    if response.status is not None and response.status // 100 == 2:  # noqa: PLR2004 - 2xx
        return CallOutcome.DELIVERED
    return CallOutcome.GONE if response.status == HTTP_GONE else CallOutcome.RETRY


def build_message(endpoint: UUID, entry: LedgerEntry) -> WebhookMessage:
    """Return the message about a ledger entry for an endpoint; id and body are deterministic."""
    payload = {
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
    return WebhookMessage(
        f"msg_{uuid5(endpoint, f'entry {entry.id}').hex}", _to_json_bytes(payload)
    )


def build_test_message(endpoint: UUID, *, at: datetime) -> WebhookMessage:
    """Return a test message without content."""
    payload = {"type": TEST_EVENT_TYPE, "timestamp": _format_timestamp(at), "data": {}}
    return WebhookMessage(
        f"msg_{uuid5(endpoint, f'test {_format_timestamp(at)}').hex}", _to_json_bytes(payload)
    )


def _format_timestamp(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _to_json_bytes(payload: Mapping[str, object]) -> bytes:
    return json.dumps(payload, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def build_headers(message: WebhookMessage, secret: bytes, *, at: datetime) -> dict[str, str]:
    """Return the headers of an attempt, signed with its own time, as receivers require."""
    moment = str(int(at.timestamp()))
    signed = hmac.digest(secret, f"{message.id}.{moment}.".encode() + message.body, sha256)
    return {
        "Content-Type": "application/json",
        "webhook-id": message.id,
        "webhook-timestamp": moment,
        "webhook-signature": f"v1,{b64encode(signed).decode()}",
    }


def encode_secret(secret: bytes) -> str:
    """Return the secret in the format of the receivers' libraries."""
    return SECRET_PREFIX + b64encode(secret).decode()


def parse_kinds(names: Collection[str]) -> tuple[LedgerEntryKind, ...]:
    """Return the kinds of these names, or all for none. Raises UnusableHook for unknown names."""
    unknown = sorted(set(names) - set(LedgerEntryKind))
    if unknown:
        raise UnusableHook(f"unknown kind {', '.join(unknown)}; use {', '.join(LedgerEntryKind)}")
    return tuple(kind for kind in LedgerEntryKind if not names or kind in names)


def validate_url(url: str, *, allow_loopback: bool) -> str:
    """Return the URL if its text is acceptable. Raises UnusableHook.

    Whether the host has a private address is checked on every call, because DNS entries change.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise UnusableHook(f"{url!r} is not a valid URL: {error}") from error
    if not host or not url.isascii() or not url.isprintable() or " " in url:
        raise UnusableHook(f"{url!r} is not a valid URL; write https://host/path")
    if len(url) > MAX_URL_LENGTH or parts.username is not None or parts.fragment:
        raise UnusableHook("the URL is too long, or contains a password or a fragment (#)")
    local = host in {"localhost", "127.0.0.1", "::1"}
    if parts.scheme == "https" or (parts.scheme == "http" and local and allow_loopback):
        return url
    raise UnusableHook(
        f"{url!r} must begin with https://; with the simulator, http://localhost is allowed"
    )


def is_address_allowed(address: str, *, allow_loopback: bool) -> bool:
    """Return whether an address is public, or loopback if that is allowed."""
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
        return is_address_allowed(str(ip.ipv4_mapped), allow_loopback=allow_loopback)
    if any(ip in network for network in _NOT_PUBLIC):
        return False
    return (ip.is_global and not ip.is_multicast) or (allow_loopback and ip.is_loopback)
