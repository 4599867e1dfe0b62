"""HTTP client for URLs given by others: no redirects, no private addresses, short timeouts."""

import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from socket import SOCK_STREAM
from urllib.parse import urlsplit, urlunsplit

import anyio
import httpx

from ticketing.platform.kernel.errors import Refused
from ticketing.webhooks.model import WebhookResponse, is_address_allowed

_TOTAL_TIMEOUT_SECONDS = 20.0  # for DNS, connection, request and response together
_BODY_TIMEOUT_SECONDS = 1.0
_MAX_EXCERPT_LENGTH = 300
_MAX_BODY_BYTES = 2 * _MAX_EXCERPT_LENGTH


class PrivateAddress(Refused):
    """The host of the URL has a private address."""


@dataclass(frozen=True, slots=True)
class WebhookClient:
    """HTTP client of webhooks, thread-safe; `allow_loopback` permits this machine as target."""

    allow_loopback: bool = False
    timeout_seconds: float = _TOTAL_TIMEOUT_SECONDS
    _ssl_context: ssl.SSLContext = field(default_factory=httpx.create_ssl_context, repr=False)

    def post(self, url: str, body: bytes, headers: dict[str, str]) -> WebhookResponse:
        """Send one request; errors are returned in the response."""
        return anyio.run(self._post, url, body, headers)

    async def _post(self, url: str, body: bytes, headers: dict[str, str]) -> WebhookResponse:
        # a proxy from the environment would resolve the host name again
        client = httpx.AsyncClient(
            verify=self._ssl_context, timeout=self.timeout_seconds, trust_env=False
        )
        try:
            async with client:
                with anyio.fail_after(self.timeout_seconds):
                    response = await self._send_to_resolved_address(client, url, body, headers)
                text = await _read_excerpt(response)
        except PrivateAddress as error:
            return WebhookResponse(None, str(error))
        except TimeoutError:
            return WebhookResponse(None, f"no response within {self.timeout_seconds:g} seconds")
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            return WebhookResponse(None, f"{type(error).__name__}: {_to_printable(str(error))}")
        return WebhookResponse(
            response.status_code, _error_text(response), text, _retry_after(response)
        )

    async def _send_to_resolved_address(
        self, client: httpx.AsyncClient, url: str, body: bytes, headers: dict[str, str]
    ) -> httpx.Response:
        """Send to the address that was checked; the DNS entry may change a moment later."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        address = await self._resolve(host, parts.port or (443 if parts.scheme == "https" else 80))
        shown = f"[{address}]" if ":" in address else address
        where = f"{shown}:{parts.port}" if parts.port else shown
        request = client.build_request(
            "POST",
            urlunsplit((parts.scheme, where, parts.path or "/", parts.query, "")),
            content=body,
            headers={
                **headers,
                "Host": parts.netloc,
                "User-Agent": "ticketing",
                "Accept-Encoding": "identity",
            },
            extensions={"sni_hostname": host},
        )
        return await client.send(request, stream=True)

    async def _resolve(self, host: str, port: int) -> str:
        found = await anyio.getaddrinfo(host, port, type=SOCK_STREAM)
        addresses = [str(one[4][0]) for one in found]
        inside = [
            one
            for one in addresses
            if not is_address_allowed(one, allow_loopback=self.allow_loopback)
        ]
        if inside:
            raise PrivateAddress(f"{host} has the address {inside[0]}, which is not public")
        return addresses[0]


async def _read_excerpt(response: httpx.Response) -> str:
    """Return the first characters of the body, which may be endless, slow or broken.

    The status was received before it, so an error here does not change the outcome.
    """
    known = b""
    with anyio.move_on_after(_BODY_TIMEOUT_SECONDS), suppress(httpx.HTTPError):
        async for chunk in response.aiter_raw(_MAX_BODY_BYTES):
            known += chunk
            if len(known) >= _MAX_BODY_BYTES:
                break
    return _to_printable(known.decode("utf-8", "replace"))


def _to_printable(text: str) -> str:
    """Return the text without control characters, shortened."""
    shown = "".join(one if one.isprintable() else " " for one in text)
    return " ".join(shown.split())[:_MAX_EXCERPT_LENGTH]


def _error_text(response: httpx.Response) -> str:
    if response.is_success:
        return ""
    if response.is_redirect:
        return f"status {response.status_code}: redirects are not followed"
    return f"status {response.status_code}"


def _retry_after(response: httpx.Response) -> timedelta | None:
    after = response.headers.get("Retry-After", "")
    return timedelta(seconds=int(after)) if after.isdecimal() and len(after) <= 6 else None  # noqa: PLR2004 - eleven days
