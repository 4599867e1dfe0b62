"""Authentication by an API key in a request header. Without keys every request is refused."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, cast

from fastapi import Depends, Request, Security
from fastapi.concurrency import run_in_threadpool
from fastapi.params import Depends as Dependency
from fastapi.security import APIKeyHeader, HTTPBearer

from ticketing.access import key_queries
from ticketing.access.key_queries import ApiKey, Role
from ticketing.platform.http.client_network import client_network
from ticketing.platform.http.errors import NotAllowed, NotKnown, TooManyRequests
from ticketing.platform.http.rate_limit import RateLimiter
from ticketing.platform.http.services import Services, get_services

BEARER_PREFIX = "bearer "

# for the OpenAPI description only: the caller is authenticated before the body is read
_openapi_schemes: list[Any] = [
    Security(HTTPBearer(auto_error=False, scheme_name="bearer")),
    Security(APIKeyHeader(name="X-API-Key", auto_error=False, scheme_name="header")),
]


async def authenticate(request: Request) -> ApiKey:
    """Return the API key of a request, looked up once per request. Raises NotKnown."""
    known = getattr(request.state, "caller", None)
    if known is None:
        secret = _read_key(request)
        found = await run_in_threadpool(
            get_services(request).database.run, key_queries.find_by_secret, secret
        )
        if found is None:
            raise NotKnown("this API key is unknown or was revoked")
        request.state.caller = known = found
    return cast("ApiKey", known)


def _read_key(request: Request) -> str:
    key = find_key(request)
    if not key:
        raise NotKnown(
            "send `Authorization: Bearer <key>`; `ticketing api-keys create` creates one"
        )
    return key


def find_key(request: Request) -> str:
    """Return the API key in the headers of a request, which may be unknown; empty without one."""
    given = request.headers.get("Authorization", "")
    if given.lower().startswith(BEARER_PREFIX):
        return given[len(BEARER_PREFIX) :].strip()
    return request.headers.get("X-API-Key", "")


def _require_role(role: Role) -> Callable[[Request], Awaitable[ApiKey]]:
    async def caller(request: Request) -> ApiKey:
        known = await authenticate(request)
        if not known.role.includes(role):
            raise NotAllowed(f"this needs the role {role}, the API key has {known.role}", role=role)
        return known

    return caller


Viewer = Annotated[ApiKey, Depends(_require_role(Role.VIEWER))]
Operator = Annotated[ApiKey, Depends(_require_role(Role.OPERATOR))]


def actor(caller: ApiKey) -> str:
    """Return the actor for the audit log."""
    return f"api:{caller.name}"


def auth_dependencies() -> list[Dependency]:
    """Return the dependencies that every router with authentication declares."""
    return list(_openapi_schemes)


def enforce_rate_limit(services: Services, key: str) -> None:
    """Count a request of an address or an order. Raises TooManyRequests over the limit."""
    wait = services.get(RateLimiter).wait_seconds(key)
    if wait > 0:
        seconds = int(wait) + 1
        raise TooManyRequests(f"too many requests; wait {seconds} s", retryAfter=seconds)


async def rate_limit_by_address(request: Request) -> None:
    """Limit the requests of one address, for endpoints without authentication."""
    enforce_rate_limit(get_services(request), client_network(request))
