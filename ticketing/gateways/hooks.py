"""Posting to addresses that strangers named: no redirects, no private addresses, no long waits."""

import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from socket import SOCK_STREAM
from urllib.parse import urlsplit, urlunsplit

import anyio
import httpx

from ticketing.domain.errors import Refused
from ticketing.domain.hooks import Answer, may_be_called

_ALL_SECONDS = 20.0  # for name, connection, question and answer together
_TEXT_SECONDS = 1.0
_LONGEST_TEXT = 300
_ENOUGH_BYTES = 2 * _LONGEST_TEXT


class PrivateAddress(Refused):
    """The address leads into our own house."""


@dataclass(frozen=True, slots=True)
class HookClient:
    """Posts. Threads may share it; `rehearsal` lets it speak to this very machine."""

    rehearsal: bool = False
    seconds: float = _ALL_SECONDS
    _trust: ssl.SSLContext = field(default_factory=httpx.create_ssl_context, repr=False)

    def post(self, url: str, body: bytes, headers: dict[str, str]) -> Answer:
        """Ask once. Whatever goes wrong is in the answer."""
        return anyio.run(self._post, url, body, headers)

    async def _post(self, url: str, body: bytes, headers: dict[str, str]) -> Answer:
        # the environment may name a proxy, which would resolve the name once more
        client = httpx.AsyncClient(verify=self._trust, timeout=self.seconds, trust_env=False)
        try:
            async with client:
                with anyio.fail_after(self.seconds):
                    response = await self._ask(client, url, body, headers)
                text = await _beginning(response)
        except PrivateAddress as error:
            return Answer(None, str(error))
        except TimeoutError:
            return Answer(None, f"no answer within {self.seconds:g} seconds")
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            return Answer(None, f"{type(error).__name__}: {_clean(str(error))}")
        return Answer(response.status_code, _error(response), text, _told_to_wait(response))

    async def _ask(
        self, client: httpx.AsyncClient, url: str, body: bytes, headers: dict[str, str]
    ) -> httpx.Response:
        """Ask the address that was looked at, not the one its name may lead to a moment later."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        address = await self._address(host, parts.port or (443 if parts.scheme == "https" else 80))
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

    async def _address(self, host: str, port: int) -> str:
        found = await anyio.getaddrinfo(host, port, type=SOCK_STREAM)
        addresses = [str(one[4][0]) for one in found]
        inside = [one for one in addresses if not may_be_called(one, rehearsal=self.rehearsal)]
        if inside:
            raise PrivateAddress(f"{host} leads to {inside[0]}, which is not on the internet")
        return addresses[0]


async def _beginning(response: httpx.Response) -> str:
    """The first characters, and no more than that takes: it may have no end, or be slow or broken.

    The answer was given before it; a yes stays a yes.
    """
    known = b""
    with anyio.move_on_after(_TEXT_SECONDS), suppress(httpx.HTTPError):
        async for chunk in response.aiter_raw(_ENOUGH_BYTES):
            known += chunk
            if len(known) >= _ENOUGH_BYTES:
                break
    return _clean(known.decode("utf-8", "replace"))


def _clean(text: str) -> str:
    """What a database keeps and a terminal shows without obeying it."""
    shown = "".join(one if one.isprintable() else " " for one in text)
    return " ".join(shown.split())[:_LONGEST_TEXT]


def _error(response: httpx.Response) -> str:
    if response.is_success:
        return ""
    if response.is_redirect:
        return f"answered {response.status_code}: redirects are not followed"
    return f"answered {response.status_code}"


def _told_to_wait(response: httpx.Response) -> timedelta | None:
    after = response.headers.get("Retry-After", "")
    return timedelta(seconds=int(after)) if after.isdecimal() and len(after) <= 6 else None  # noqa: PLR2004 - eleven days
