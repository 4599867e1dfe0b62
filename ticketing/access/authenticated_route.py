"""Route class with authentication and idempotency keys."""

import hashlib
import re

from anyio import CapacityLimiter
from fastapi import APIRouter, Request, Response
from fastapi.concurrency import contextmanager_in_threadpool, run_in_threadpool
from fastapi.routing import APIRoute

from ticketing.access.authentication import auth_dependencies, authenticate
from ticketing.platform.db.idempotency_keys import IdempotentRequest, StoredResponse, claim_key
from ticketing.platform.http.envelope import AsciiJSONResponse, Handler
from ticketing.platform.http.errors import authenticated_error_responses
from ticketing.platform.http.services import get_services, now
from ticketing.platform.kernel.errors import Refused

IDEMPOTENCY_HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotent-Replayed"
_KEY_PATTERN = re.compile(r"[\x21-\x7e]{1,255}")
# each request with a key holds a database connection until it is answered
CLAIM_LIMITER = CapacityLimiter(5)


class UnusableIdempotencyKey(Refused):
    """An idempotency key must be printable ASCII without blanks."""


class AuthenticatedRoute(APIRoute):
    """Authenticates before reading the body; supports `Idempotency-Key` for POST."""

    def get_route_handler(self) -> Handler:
        """Return FastAPI's handler with authentication and idempotency."""
        original = super().get_route_handler()

        async def handle(request: Request) -> Response:
            await authenticate(request)
            if request.method != "POST" or IDEMPOTENCY_HEADER not in request.headers:
                return await original(request)
            return await _respond_once(request, original)

        return handle


async def _respond_once(request: Request, original: Handler) -> Response:
    """Return the stored response of an earlier request with this key, or process the request.

    Only successful responses are stored: an error changed nothing and may not occur next time.
    """
    idempotent_request = await _to_idempotent_request(request)
    claiming = claim_key(get_services(request).database, idempotent_request, at=now())
    async with CLAIM_LIMITER, contextmanager_in_threadpool(claiming) as claim:
        if claim.response is not None:
            return _replay(claim.response)
        response = await original(request)
        if response.status_code < 300:  # noqa: PLR2004 - 2xx
            answer = StoredResponse(response.status_code, bytes(response.body))
            await run_in_threadpool(claim.store, answer, at=now())
        return response


async def _to_idempotent_request(request: Request) -> IdempotentRequest:
    key = request.headers[IDEMPOTENCY_HEADER]
    if not _KEY_PATTERN.fullmatch(key):
        raise UnusableIdempotencyKey(
            f"{IDEMPOTENCY_HEADER}: use 1 to 255 printable ASCII characters without blanks"
        )
    digest = hashlib.sha256(f"{request.method} {request.url.path}\0".encode())
    digest.update(await request.body())
    caller = await authenticate(request)
    return IdempotentRequest(caller.reference, key, digest.digest())


def _replay(stored: StoredResponse) -> Response:
    headers = {REPLAYED_HEADER: "true"}
    return Response(stored.body, stored.status, media_type="application/json", headers=headers)


def authenticated_router(
    prefix: str, tag: str, *statuses: int, route_class: type[APIRoute] = AuthenticatedRoute
) -> APIRouter:
    """Return a router of operations with authentication, which fail with these statuses too."""
    return APIRouter(
        prefix=prefix,
        tags=[tag],
        route_class=route_class,
        default_response_class=AsciiJSONResponse,
        dependencies=auth_dependencies(),
        responses=authenticated_error_responses(*statuses),
    )
