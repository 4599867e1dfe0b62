"""Credentials of requests: fixed ones, and tokens of client credentials that are renewed once."""

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from ticketing.billing.sources.http.classify import RequestFailed
from ticketing.billing.sources.mapping.model import Authentication

RENEWED_SHARE = 0.8  # of the life of a token, after which another one is fetched
RETRY_SECONDS = 5.0  # after a token could not be renewed before its end


@dataclass(frozen=True, slots=True)
class BillingToken:
    """A token, and for how many seconds it is valid; None if the source does not say."""

    text: str = field(repr=False)
    seconds: float | None = None


FetchToken = Callable[[], Awaitable[BillingToken]]


@dataclass(frozen=True, slots=True)
class BillingCredentials:
    """The secrets of a source; empty ones are not used."""

    token: str = field(default="", repr=False)
    user: str = ""
    password: str = field(default="", repr=False)

    def hide_in(self, text: str) -> str:
        """Return a text without the secrets."""
        for secret in filter(None, (self.token, self.password)):
            text = text.replace(secret, "***")
        return text

    @property
    def basic(self) -> str:
        """Return the value of a basic Authorization header."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


class Authorizer:
    """Adds credentials to requests; a token is fetched by one caller for all, before its end."""

    def __init__(
        self,
        how: Authentication,
        credentials: BillingCredentials,
        fetch_token: FetchToken,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._how, self._credentials, self._fetch = how, credentials, fetch_token
        self._clock = clock
        self._token = ""
        self._renew_at = float("inf")
        self._lock = asyncio.Lock()

    async def headers(self) -> dict[str, str]:
        """Return the headers that authorise a request."""
        kind = self._how.kind
        if kind == "client_credentials":
            await self._renew_before_the_end()
            return {"Authorization": f"Bearer {self._token or await self.renew('')}"}
        if kind == "bearer":
            return {"Authorization": f"Bearer {self._credentials.token}"}
        if kind == "header":
            return {self._how.header: self._credentials.token}
        return {"Authorization": self._credentials.basic} if kind == "basic" else {}

    def parameters(self) -> dict[str, str]:
        """Return the parameters of the query that authorise a request."""
        is_query = self._how.kind == "query"
        return {self._how.parameter: self._credentials.token} if is_query else {}

    @property
    def token(self) -> str:
        """Return the token in use, empty if there is none."""
        return self._token

    @property
    def can_renew(self) -> bool:
        """Return whether a refused request may succeed with a new token."""
        return self._how.kind == "client_credentials"

    async def renew(self, refused: str) -> str:
        """Return a token other than the refused one; of many callers one fetches it."""
        async with self._lock:
            if self._token == refused:
                began = self._clock()
                found = await self._fetch()
                life = float("inf") if found.seconds is None else found.seconds
                self._token, self._renew_at = found.text, began + RENEWED_SHARE * life
            return self._token

    async def _renew_before_the_end(self) -> None:
        """Replace a token that ends soon; if that fails, it is used until it is refused."""
        if self._clock() < self._renew_at:
            return
        used, self._renew_at = self._token, self._clock() + RETRY_SECONDS
        try:
            await self.renew(used)
        except RequestFailed as error:
            if error.stops_run:
                raise
