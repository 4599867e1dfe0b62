"""One question to a WhatsApp vendor over HTTP, and which kind of silence or answer came back."""

import json
import logging
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

import httpx

from ticketing.domain.messages import Later, Stops, Unsure
from ticketing.gateways.trust import trusted

CONNECT_SECONDS = 5
READ_SECONDS = 20
# before these, nothing had left; after any other, nobody can tell
_NOTHING_LEFT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)

_SECONDS = re.compile(r"[0-9]{1,7}")

Json = dict[str, object]

# at INFO it writes every address it asks, and in WAHA's there are phone numbers
logging.getLogger("httpx").setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class Answer:
    """A JSON object that the vendor itself sent."""

    status: int
    said: Json
    retry_after: timedelta | None

    @property
    def is_good(self) -> bool:
        """Whether HTTP says so; some vendors say otherwise in the body."""
        return httpx.codes.is_success(self.status)


class Connected:
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


def client_for(url: str, headers: dict[str, str], read_seconds: float) -> httpx.Client:
    """Connections to one vendor that are kept and reused."""
    return httpx.Client(
        base_url=url,
        headers=headers | {"Accept": "application/json", "User-Agent": "ticketing"},
        timeout=httpx.Timeout(read_seconds, connect=CONNECT_SECONDS),
        verify=trusted(),
    )


def exchange(client: httpx.Client, vendor: str, request: httpx.Request) -> Answer | Later | Unsure:
    """Ask once. Texts of exceptions stay here: they can hold addresses and keys."""
    try:
        response = client.send(request)
    except _NOTHING_LEFT as error:
        return Later(f"{vendor}: not reached ({type(error).__name__})")
    except httpx.RequestError as error:
        return Unsure(f"{vendor}: no answer ({type(error).__name__})")
    return _read(vendor, response)


def _read(vendor: str, response: httpx.Response) -> Answer | Later | Unsure:
    status, after = response.status_code, _retry_after(response)
    try:
        said = json.loads(response.content)
    except (ValueError, RecursionError):
        said = None
    if isinstance(said, dict):
        return Answer(status, said, after)
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return Later(f"{vendor}: too many requests", str(status), after, Stops.SENDER)
    if status == httpx.codes.SERVICE_UNAVAILABLE:
        return Later(f"{vendor}: unavailable", str(status), after)
    # a proxy's own page can hide that the vendor behind it has acted
    return Unsure(f"{vendor}: HTTP {status} without an answer of the vendor's")


def _retry_after(response: httpx.Response) -> timedelta | None:
    """In seconds; none of these vendors writes the form with a date."""
    after = response.headers.get("Retry-After", "")
    return timedelta(seconds=int(after)) if _SECONDS.fullmatch(after) else None


def first(value: object) -> Json:
    """The first object of a list; empty when there is none."""
    return value[0] if isinstance(value, list) and value and isinstance(value[0], dict) else {}
