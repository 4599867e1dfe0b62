"""ASGI middleware before all of Dagster's routes: admission, headers, and the audit log."""

import asyncio
from collections.abc import Collection
from http import HTTPStatus
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dagster_page.admission import (
    WEBSOCKET,
    PageRequest,
    Refusal,
    refuse_graphql,
    refuse_request,
)
from dagster_page.graphql import UnreadableQuery, read_address, read_body
from ticketing.access.sessions.middleware import SignedIn, find_user
from ticketing.access.sign_in.html import REFERRER_POLICY, sign_in_url
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database
from ticketing.platform.http.middleware import SECURITY_HEADERS
from ticketing.platform.kernel.errors import Unavailable

SESSION_CHECK_SECONDS = 60.0  # a websocket outlives its session by at most so long
POLICY_VIOLATION = 1008
MUTATION_ACTION = "dagster mutation"
# Dagster's own policy allows every https script by `strict-dynamic`; a browser applies both
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none';"
    " form-action 'self'; img-src 'self' data: blob:; font-src 'self' data:;"
    " style-src 'self' 'unsafe-inline'; worker-src 'self' blob:;"
    " script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; connect-src 'self'"
)


class PageGuard:
    """Lets requests of users who have signed in pass; stands behind `SessionMiddleware`."""

    def __init__(self, app: ASGIApp, *, hosts: Collection[str], database: Database) -> None:
        """`hosts` are the names of the page besides this machine's."""
        self._app, self._hosts, self._database = app, hosts, database

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        signed_in: SignedIn | None = scope.get("state", {}).get("signed_in")
        request = _describe(scope, signed_in)
        refusal = refuse_request(request, self._hosts)
        if scope["type"] == "websocket":
            await self._run_websocket(scope, receive, send, signed_in, refusal)
            return
        guarded = _with_headers(send)
        if refusal is None and request.is_graphql:
            receive, refusal = await self._admit_graphql(request, scope, receive)
        if refusal is None:
            await self._app(scope, receive, guarded)
        else:
            await _respond(request, scope, refusal)(scope, receive, guarded)

    async def _admit_graphql(
        self, request: PageRequest, scope: Scope, receive: Receive
    ) -> tuple[Receive, Refusal | None]:
        """Read a GraphQL request; return its body for Dagster, and why it is refused."""
        mutations: tuple[str, ...] = ()
        try:
            in_address = read_address(scope["query_string"].decode("latin-1"))
            refusal = None
            if in_address is not None:
                refusal = refuse_graphql(request, in_address, is_in_address=True)
            if refusal is None and request.method == "POST":
                body = await _read_body(receive)
                receive, in_body = _replay(body, receive), read_body(body)
                refusal = refuse_graphql(request, in_body, is_in_address=False)
                mutations = in_body.mutations
        except UnreadableQuery as error:
            return receive, Refusal(HTTPStatus.BAD_REQUEST, str(error))
        if refusal is None and mutations:
            refusal = await self._audit(request, mutations)
        return receive, refusal

    async def _audit(self, request: PageRequest, mutations: tuple[str, ...]) -> Refusal | None:
        """Record mutations before they run; without a record, none is run."""
        actor = "" if request.caller is None else request.caller.actor
        try:
            await run_in_threadpool(
                self._database.run, audit_log.record, actor, MUTATION_ACTION,
                subject=", ".join(mutations),
            )  # fmt: skip
        except Unavailable as error:
            return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, f"{error}; try again")
        return None

    async def _run_websocket(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        signed_in: SignedIn | None,
        refusal: Refusal | None,
    ) -> None:
        if refusal is not None or signed_in is None:
            # before it is accepted: the browser sees 403
            await send({"type": "websocket.close", "code": POLICY_VIOLATION})
            return
        running = asyncio.ensure_future(self._app(scope, receive, send))
        while not (await asyncio.wait({running}, timeout=SESSION_CHECK_SECONDS))[0]:
            if await find_user(self._database, signed_in.token) is None:
                running.cancel()
                await asyncio.wait({running})
                await send({"type": "websocket.close", "code": POLICY_VIOLATION})
                return
        running.result()


def _describe(scope: Scope, signed_in: SignedIn | None) -> PageRequest:
    headers = Headers(scope=scope)
    return PageRequest(
        method=WEBSOCKET if scope["type"] == "websocket" else scope["method"],
        path=scope["path"],
        host=headers.get("Host", ""),
        content_type=headers.get("Content-Type", ""),
        caller=None if signed_in is None else signed_in.caller,
        is_foreign=signed_in is not None and signed_in.is_foreign,
    )


def _respond(request: PageRequest, scope: Scope, refusal: Refusal) -> Response:
    is_page = request.method == "GET" and "text/html" in Headers(scope=scope).get("Accept", "")
    if refusal.status is HTTPStatus.UNAUTHORIZED and is_page:
        query = scope["query_string"].decode("latin-1")
        target = quote(request.path) + (f"?{query}" if query else "")
        return RedirectResponse(sign_in_url(target), HTTPStatus.SEE_OTHER)
    return PlainTextResponse(refusal.reason, refusal.status)


def _with_headers(send: Send) -> Send:
    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.update(SECURITY_HEADERS | REFERRER_POLICY)
            # the sign-in page has a stricter one, which this one does not weaken
            headers.append("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        await send(message)

    return guarded


async def _read_body(receive: Receive) -> bytes:
    # `RequestMiddleware` limits its size
    body, is_complete = b"", False
    while not is_complete:
        message = await receive()
        body += message.get("body", b"")
        is_complete = not message.get("more_body", False)
    return body


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives the body once more, then what the client sends."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return messages.pop() if messages else await receive()

    return replayed
