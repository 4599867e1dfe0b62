"""The route behind every door with a key: first who asks, then whether it was answered already."""

import hashlib
import re

from anyio import CapacityLimiter
from fastapi import Request, Response
from fastapi.concurrency import contextmanager_in_threadpool, run_in_threadpool
from fastapi.routing import APIRoute

from ticketing.domain.errors import Refused
from ticketing.store.idempotency import Answer, Asked, claimed
from ticketing.web.answers import Handler
from ticketing.web.auth import identify
from ticketing.web.service import now, service

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
# each holds a database connection until it is answered
AT_ONCE = CapacityLimiter(5)


class UnusableIdempotencyKey(Refused):
    """An idempotency key must be printable ASCII without blanks."""


class GuardedRoute(APIRoute):
    """Knows the caller before it reads the body; honours `Idempotency-Key` on POST."""

    def get_route_handler(self) -> Handler:
        """FastAPI's own handler, guarded."""
        original = super().get_route_handler()

        async def handle(request: Request) -> Response:
            await identify(request)
            if request.method != "POST" or HEADER not in request.headers:
                return await original(request)
            return await _once(request, original)

        return handle


async def _once(request: Request, original: Handler) -> Response:
    """The answer, or the one that the same request had before.

    Only what was done is kept: a refusal changed nothing and may turn out otherwise next time.
    """
    asked = await _asked(request)
    held = claimed(service(request).database, asked, at=now())
    async with AT_ONCE, contextmanager_in_threadpool(held) as claim:
        if claim.answer is not None:
            return _again(claim.answer)
        response = await original(request)
        if response.status_code < 300:  # noqa: PLR2004 - success, as HTTP says it
            answer = Answer(response.status_code, bytes(response.body))
            await run_in_threadpool(claim.keep, answer, at=now())
        return response


async def _asked(request: Request) -> Asked:
    key = request.headers[HEADER]
    if not _KEY.fullmatch(key):
        raise UnusableIdempotencyKey(f"{HEADER}: write 1 to 255 printable ASCII characters")
    digest = hashlib.sha256(f"{request.method} {request.url.path}\0".encode())
    digest.update(await request.body())
    caller = await identify(request)
    return Asked(caller.id, key, digest.digest())


def _again(answer: Answer) -> Response:
    headers = {REPLAYED: "true"}
    return Response(answer.body, answer.status, media_type="application/json", headers=headers)
