"""Who asks: an API key in the request's head. An empty table of keys lets nobody in."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, cast

from fastapi import Depends, Request, Security
from fastapi.concurrency import run_in_threadpool
from fastapi.params import Depends as Dependency
from fastapi.security import APIKeyHeader, HTTPBearer

from ticketing.actions.api_keys import key_of
from ticketing.store.api_keys import ApiKey, Role
from ticketing.web.limits import Limiter
from ticketing.web.problems import NotAllowed, NotKnown, TooManyRequests
from ticketing.web.service import Service, service

BEARER = "bearer "

# for the description only: the caller is known before a request's body is even read
_schemes: list[Any] = [
    Security(HTTPBearer(auto_error=False, scheme_name="bearer")),
    Security(APIKeyHeader(name="X-API-Key", auto_error=False, scheme_name="header")),
]


async def identify(request: Request) -> ApiKey:
    """Whose key the request carries, looked up once; raises NotKnown."""
    known = getattr(request.state, "caller", None)
    if known is None:
        secret = _secret(request)
        found = await run_in_threadpool(key_of, service(request).database, secret)
        if found is None:
            raise NotKnown("this API key is not known, or was revoked")
        request.state.caller = known = found
    return cast("ApiKey", known)


def _secret(request: Request) -> str:
    given = request.headers.get("Authorization", "")
    if given.lower().startswith(BEARER):
        return given[len(BEARER) :].strip()
    key = request.headers.get("X-API-Key", "")
    if not key:
        raise NotKnown("send `Authorization: Bearer <key>`; `ticketing api-keys add` makes one")
    return key


def _at_least(role: Role) -> Callable[[Request], Awaitable[ApiKey]]:
    async def caller(request: Request) -> ApiKey:
        known = await identify(request)
        if not known.role.includes(role):
            raise NotAllowed(f"this takes the role {role}, the key has {known.role}", role=role)
        return known

    return caller


Viewer = Annotated[ApiKey, Depends(_at_least(Role.VIEWER))]
Operator = Annotated[ApiKey, Depends(_at_least(Role.OPERATOR))]


def actor(caller: ApiKey) -> str:
    """Who is asking, for the audit log."""
    return f"api:{caller.name}"


def guarded() -> list[Dependency]:
    """What every router behind a key declares."""
    return list(_schemes)


def ration(serving: Service, name: str) -> None:
    """Let one name, an address or an order, ask only so often. Raises TooManyRequests."""
    wait = serving.get(Limiter).wait_seconds(name)
    if wait > 0:
        seconds = int(wait) + 1
        raise TooManyRequests(f"too many requests; wait {seconds} s", retryAfter=seconds)


async def rationed(request: Request) -> None:
    """Let one address ask only so often; for doors that take no key."""
    ration(service(request), request.client.host if request.client else "")
