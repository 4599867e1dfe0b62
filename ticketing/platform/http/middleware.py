"""Middleware of every request: request id, body limit, access log, security headers."""

import asyncio
import re
import time
from collections.abc import Container, Mapping
from contextlib import suppress
from uuid import uuid4

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ticketing.platform.http.errors import BodyTooLarge, internal_error_response, to_error_response
from ticketing.platform.http.metrics import Metrics

LOG = structlog.stdlib.get_logger("ticketing.app.web")
MAX_BODY_BYTES = 1024 * 1024
MAX_DISCARDED_BYTES, DISCARD_TIMEOUT_SECONDS = 16 * MAX_BODY_BYTES, 5.0
UNMATCHED_ROUTE = "(none)"
_NO_UPLOADS: Mapping[str, int] = {}
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

_CSP_NONE = b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_CSP_INLINE_STYLE = _CSP_NONE + b"; img-src data:; style-src 'unsafe-inline'"
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
# as ASGI has them: encoding and looking them up one by one took a twentieth of a request's time
_RAW_SECURITY_HEADERS = tuple(
    (name.lower().encode("ascii"), value.encode("ascii"))
    for name, value in SECURITY_HEADERS.items()
)


class RequestMiddleware:
    """Outermost ASGI middleware. It logs route patterns, because a path can hold a secret link."""

    def __init__(
        self, app: ASGIApp, metrics: Metrics, upload_limits: Mapping[str, int] = _NO_UPLOADS
    ) -> None:
        """`upload_limits` are the limits of bodies in bytes by patterns of paths."""
        self._app = app
        self._metrics = metrics
        self._upload_limits = [(re.compile(path), limit) for path, limit in upload_limits.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = _RequestState(scope, receive, send, self._max_body_bytes(scope))
        structlog.contextvars.bind_contextvars(request_id=state.request_id)
        try:
            if state.content_length > state.max_body_bytes:
                await state.reject_body()
            else:
                await self._app(scope, state.receive, state.send)
                if state.is_body_too_large:
                    await state.reject_body()
        except Exception as error:  # outermost layer: every request gets a response
            response = internal_error_response(error)
            if state.status:
                raise
            await response(scope, receive, state.send)
        finally:
            self._record(state)
            structlog.contextvars.unbind_contextvars("request_id")

    def _max_body_bytes(self, scope: Scope) -> int:
        limits = (limit for path, limit in self._upload_limits if path.fullmatch(scope["path"]))
        return next(limits, MAX_BODY_BYTES)

    def _record(self, state: "_RequestState") -> None:
        method, route = state.scope["method"], state.route
        method = method if method in HTTP_METHODS else "OTHER"
        seconds = time.monotonic() - state.started_at
        self._metrics.observe(method, route, state.status, seconds)
        LOG.info(
            "request answered",
            method=method,
            route=route,
            status=state.status,
            caller=state.caller,
            milliseconds=round(seconds * 1000, 1),
        )


HTTP_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class _BodyLimitExceeded(Exception):
    """The body exceeds the limit; a response by the application is discarded."""


class _RequestState:
    """State of one request: id, status, bytes received."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, max_body_bytes: int) -> None:
        self.scope, self._receive, self._send = scope, receive, send
        self.max_body_bytes = max_body_bytes
        headers = Headers(scope=scope)
        given = headers.get("X-Request-Id", "")
        self.request_id = given if _REQUEST_ID.fullmatch(given) else uuid4().hex
        length = headers.get("Content-Length", "")
        self.content_length = int(length) if length.isdecimal() else 0
        self.started_at = time.monotonic()
        self.status = 0
        self._received_bytes = 0
        self._has_more_body = True

    @property
    def route(self) -> str:
        """Return the pattern of the path, never the path itself."""
        return str(getattr(self.scope.get("route"), "path_format", UNMATCHED_ROUTE))

    @property
    def caller(self) -> str | None:
        """Return the kind and id of the authenticated caller, or None."""
        known = self.scope.get("state", {}).get("caller")
        return None if known is None else str(known.reference)

    @property
    def is_body_too_large(self) -> bool:
        """Return whether the body exceeds the limit and no response has been sent."""
        return self._received_bytes > self.max_body_bytes and not self.status

    async def receive(self) -> Message:
        """Return the next ASGI message. Raises _BodyLimitExceeded when the body is too long."""
        message = await self._receive_next()
        if self.is_body_too_large:
            raise _BodyLimitExceeded
        return message

    async def send(self, message: Message) -> None:
        """Send an ASGI message; our headers are added to the start of the response."""
        if self.is_body_too_large:
            return
        if message["type"] == "http.response.start":
            self.status = message["status"]
            given = list(message.get("headers", ()))
            message["headers"] = given + self._added_headers({name.lower() for name, _ in given})
        await self._send(message)

    async def reject_body(self) -> None:
        """Respond at once that the body is too large, then read and discard the rest of it.

        Closing a connection with unread bytes resets it, and the client may never see the response.
        """
        response = to_error_response(BodyTooLarge(f"the body exceeds {self.max_body_bytes} bytes"))
        response.headers["Connection"] = "close"
        self._received_bytes = 0
        await response(self.scope, self._receive, self._send_keeping_open)
        with suppress(TimeoutError):
            async with asyncio.timeout(DISCARD_TIMEOUT_SECONDS):
                while self._has_more_body and self._received_bytes < MAX_DISCARDED_BYTES:
                    await self._receive_next()
        await self.send({"type": "http.response.body"})

    async def _send_keeping_open(self, message: Message) -> None:
        await self.send({**message, "more_body": True})

    async def _receive_next(self) -> Message:
        message = await self._receive()
        self._received_bytes += len(message.get("body", b""))
        self._has_more_body = message.get("more_body", False)
        return message

    def _added_headers(self, present: Container[bytes]) -> list[tuple[bytes, bytes]]:
        """Return the headers of every response, except those that this one has."""
        policy = _CSP_INLINE_STYLE if self.route.startswith("/t/") else _CSP_NONE
        headers = (*_RAW_SECURITY_HEADERS, (b"content-security-policy", policy))
        added = [header for header in headers if header[0] not in present]
        return [*added, (b"x-request-id", self.request_id.encode("ascii"))]
