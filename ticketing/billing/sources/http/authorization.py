"""Credentials of requests: fixed ones, and tokens of client credentials that are renewed once."""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from ticketing.billing.sources.mapping.model import Authentication

FetchToken = Callable[[], Awaitable[str]]


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
    """Adds credentials to requests; a token is fetched by one caller for all."""

    def __init__(
        self, how: Authentication, credentials: BillingCredentials, fetch_token: FetchToken
    ) -> None:
        self._how, self._credentials, self._fetch = how, credentials, fetch_token
        self._token = ""
        self._lock = asyncio.Lock()

    async def headers(self) -> dict[str, str]:
        """Return the headers that authorise a request."""
        kind = self._how.kind
        if kind == "client_credentials":
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
                self._token = await self._fetch()
            return self._token
