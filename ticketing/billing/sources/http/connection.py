"""Requests over several small connection pools, with a limit for the body of a response."""

import logging
from datetime import UTC, datetime
from decimal import Decimal
from math import ceil

import httpx

from ticketing.billing.sources.contract import FailureClass
from ticketing.billing.sources.http.authorization import (
    Authorizer,
    BillingCredentials,
    BillingToken,
)
from ticketing.billing.sources.http.classify import (
    Reply,
    RequestFailed,
    require_usable,
    transport_failure,
)
from ticketing.billing.sources.mapping.model import SourceMapping
from ticketing.billing.sources.strict_json import BadDocument, parse_document
from ticketing.platform.kernel.tls_trust import trusted

# the cost of a request grows with the connections of a pool: 64 in one cost half as much again
_CONNECTIONS_PER_POOL = 8
# at INFO httpx logs every URL, which may hold a key
logging.getLogger("httpx").setLevel(logging.WARNING)


class Connection:
    """Authorised requests to one source. Does not repeat anything but a stale connection."""

    def __init__(self, url: str, mapping: SourceMapping, credentials: BillingCredentials) -> None:
        self._url, self._mapping, self._credentials = url.rstrip("/"), mapping, credentials
        self.authorizer = Authorizer(mapping.authentication, credentials, self._fetch_token)
        pools = ceil(mapping.limits.connections / _CONNECTIONS_PER_POOL)
        self._pools = [self._new_pool() for _ in range(pools)]
        self._in_use = [0] * pools

    async def get(
        self, path: str, headers: dict[str, str], *, parameters: dict[str, str] | None = None
    ) -> Reply:
        """Return a response of any status, after renewing a refused token once."""
        authorised = await self.authorizer.headers()
        used = self.authorizer.token
        reply = await self._authorised(path, headers | authorised, parameters or {})
        if reply.status == httpx.codes.UNAUTHORIZED and self.authorizer.can_renew:
            await self.authorizer.renew(used)
            authorised = await self.authorizer.headers()
            reply = await self._authorised(path, headers | authorised, parameters or {})
        return reply

    async def get_fresh(self, path: str, headers: dict[str, str]) -> Reply:
        """Return a response over a connection that nobody used before."""
        async with self._new_pool() as pool:
            sent = headers | await self.authorizer.headers()
            return await self._send(pool, "GET", path, sent, self.authorizer.parameters())

    async def aclose(self) -> None:
        """Close all connections."""
        for pool in self._pools:
            await pool.aclose()

    async def _authorised(
        self, path: str, headers: dict[str, str], parameters: dict[str, str]
    ) -> Reply:
        at = self._in_use.index(min(self._in_use))
        self._in_use[at] += 1
        try:
            query = parameters | self.authorizer.parameters()
            return await self._send(self._pools[at], "GET", path, headers, query)
        finally:
            self._in_use[at] -= 1

    async def _send(
        self,
        pool: httpx.AsyncClient,
        method: str,
        path: str,
        headers: dict[str, str],
        parameters: dict[str, str],
        *,
        form: dict[str, str] | None = None,
    ) -> Reply:
        url = httpx.URL(path if path.startswith("http") else self._url + path)
        request = pool.build_request(
            method, url.copy_merge_params(parameters), headers=_as_bytes(headers), data=form
        )
        try:
            try:
                return await self._exchange(pool, request)
            except httpx.RemoteProtocolError as error:
                if "without sending" not in str(error):
                    raise
                # the source closed an idle connection while we sent: once more, free of charge
                return await self._exchange(pool, request)
        except httpx.HTTPError as error:
            raise transport_failure(error) from error

    async def _exchange(self, pool: httpx.AsyncClient, request: httpx.Request) -> Reply:
        response = await pool.send(request, stream=True)
        try:
            body = bytearray()
            async for part in response.aiter_bytes():
                body += part
                if len(body) > self._mapping.limits.max_body_bytes:
                    raise RequestFailed(
                        FailureClass.BAD_DATA,
                        f"the body is larger than {self._mapping.limits.max_body_bytes} bytes;"
                        " raise `max_body_bytes` in the mapping file if that is right",
                    )
        finally:
            await response.aclose()
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in response.headers.raw
        }
        return Reply(response.status_code, headers, bytes(body))

    async def _fetch_token(self) -> BillingToken:
        how = self._mapping.authentication
        form = {"grant_type": "client_credentials"} | ({"scope": how.scope} if how.scope else {})
        headers = {"Authorization": self._credentials.basic, "Accept": "application/json"}
        reply = await self._send(self._pools[0], "POST", how.token_path, headers, {}, form=form)
        if reply.status in {httpx.codes.BAD_REQUEST, httpx.codes.UNAUTHORIZED}:
            text = f"no token: the source answers {reply.status}; check BILLING_USER and _PASSWORD"
            raise RequestFailed(FailureClass.REFUSED, text, stops_run=True)
        require_usable(
            reply, now=datetime.now(UTC), content_types=("application/json",), quota_texts=()
        )
        try:
            answer = parse_document(reply.body.decode("utf-8", "replace"))
        except BadDocument as error:
            raise RequestFailed(FailureClass.BAD_DATA, f"no token: {error}") from error
        token = answer.get("access_token") if isinstance(answer, dict) else None
        if not isinstance(token, str) or not token:
            raise RequestFailed(FailureClass.BAD_DATA, "no token: `access_token` is missing")
        return BillingToken(token, _lifetime(answer))

    def _new_pool(self) -> httpx.AsyncClient:
        limits = httpx.Limits(
            max_connections=_CONNECTIONS_PER_POOL, max_keepalive_connections=_CONNECTIONS_PER_POOL
        )
        # only the caller's deadline ends an attempt: httpx counts each chunk anew
        timeout = httpx.Timeout(None, connect=self._mapping.limits.connect_seconds)
        return httpx.AsyncClient(
            limits=limits, timeout=timeout, verify=trusted(), follow_redirects=False
        )


def _lifetime(answer: object) -> float | None:
    """Return `expires_in` in seconds; None if it is no positive number."""
    seconds = answer.get("expires_in") if isinstance(answer, dict) else None
    if isinstance(seconds, bool) or not isinstance(seconds, int | Decimal) or seconds <= 0:
        return None
    return float(seconds)


def _as_bytes(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    """Return the headers in the bytes in which an ETag came."""
    return [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]
