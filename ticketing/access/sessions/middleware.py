"""Recognise the user of every request and websocket, before any route.

A session counts only for requests from our own pages: an unsafe request or a websocket with the
session's cookie and another origin is one that somebody else's page sends through the browser.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from ticketing.access.caller import Caller
from ticketing.access.credential_ration import CredentialRation
from ticketing.access.sessions import session_queries
from ticketing.access.sessions.origin import SAFE_METHODS, is_own_origin
from ticketing.access.sessions.session_token import SESSION_COOKIE, read_cookie
from ticketing.platform.db.database import Database
from ticketing.platform.http.client_network import network_of
from ticketing.platform.http.errors import TooManyRequests, to_error_response
from ticketing.platform.kernel.errors import TicketingError, Unavailable

TRY_AGAIN_LATER = 1013


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The session of a request: its user and token. `is_foreign` if another page has sent it."""

    caller: Caller
    token: str
    is_foreign: bool


class SessionMiddleware:
    """Stores the session of a request as `state.signed_in`; without one it is absent."""

    def __init__(
        self, app: ASGIApp, *, database: Database, public_url: str, ration: CredentialRation
    ) -> None:
        """`public_url` is the address behind a proxy, whose origin is ours, too."""
        self._app, self._database, self._public_url = app, database, public_url
        self._ration = ration

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102
        if scope["type"] in ("http", "websocket"):
            headers = Headers(scope=scope)
            token = read_cookie(headers.get("Cookie", ""), SESSION_COOKIE)
            try:
                caller = await self._find_user(scope, token) if token else None
            except (Unavailable, TooManyRequests) as error:
                await _fail(error, scope, receive, send)
                return
            if caller is not None:
                is_foreign = self._is_foreign(scope, headers)
                scope.setdefault("state", {})["signed_in"] = SignedIn(caller, token, is_foreign)
        await self._app(scope, receive, send)

    async def _find_user(self, scope: Scope, token: str) -> Caller | None:
        network = network_of(scope["client"][0]) if scope.get("client") else ""
        if not self._ration.reserve(network, token):
            return None
        caller = await find_user(self._database, token)
        if caller is None:
            self._ration.note_wrong(token)
        else:
            self._ration.note_right(network, token)
        return caller

    def _is_foreign(self, scope: Scope, headers: Headers) -> bool:
        if scope["type"] == "http" and scope["method"] in SAFE_METHODS:
            return False
        origin, host = headers.get("Origin", ""), headers.get("Host", "")
        return not is_own_origin(origin, host, self._public_url)


async def _fail(error: TicketingError, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": TRY_AGAIN_LATER})
    else:
        await to_error_response(error)(scope, receive, send)


async def find_user(database: Database, token: str) -> Caller | None:
    """Return the user of a session that can be used now."""
    at = datetime.now(UTC)
    return await run_in_threadpool(database.run, session_queries.find_caller, token, at=at)
