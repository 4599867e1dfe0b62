"""Authentication by an API key in a header, or by the session of a user who has signed in."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, cast

from fastapi import Depends, Request, Security
from fastapi.concurrency import run_in_threadpool
from fastapi.params import Depends as Dependency
from fastapi.security import APIKeyHeader, HTTPBearer

from ticketing.access.caller import Caller, Role
from ticketing.access.credential_ration import CredentialRation
from ticketing.access.event_scope import require_events_of_request
from ticketing.access.keys import key_queries
from ticketing.access.sessions.middleware import SignedIn
from ticketing.platform.http.client_network import client_network
from ticketing.platform.http.errors import NotAllowed, NotKnown, TooManyRequests
from ticketing.platform.http.rate_limit import RateLimiter
from ticketing.platform.http.services import Services, get_services, now

BEARER_PREFIX = "bearer "

# for the OpenAPI description only: the caller is authenticated before the body is read
_openapi_schemes: list[Any] = [
    Security(HTTPBearer(auto_error=False, scheme_name="bearer")),
    Security(APIKeyHeader(name="X-API-Key", auto_error=False, scheme_name="header")),
]


async def authenticate(request: Request) -> Caller:
    """Return the sender of a request, looked up once. Raises NotKnown and NotAllowed.

    A key in a header counts more than a session: a program sends it on purpose.
    """
    known = getattr(request.state, "caller", None)
    if known is None:
        key, signed_in = find_key(request), getattr(request.state, "signed_in", None)
        if key:
            known = await _find_by_key(request, key)
        elif signed_in is not None:
            known = _require_own_page(signed_in)
        else:
            raise NotKnown(
                "sign in at /sign-in, or send `Authorization: Bearer <key>`;"
                " `ticketing api-keys create` creates a key"
            )
        request.state.caller = known
    return cast("Caller", known)


async def _find_by_key(request: Request, key: str) -> Caller:
    services, network = get_services(request), client_network(request)
    ration, find, found = services.get(CredentialRation), key_queries.find_caller, None
    if ration.reserve(network, key, prefix=key_queries.KEY_PREFIX):
        found = await run_in_threadpool(services.database.run, find, key, at=now())
        if found is None:
            ration.note_wrong(key)
    if found is None:
        raise NotKnown("this API key is unknown, has expired or was revoked")
    ration.note_right(network, key)
    return found


def _require_own_page(signed_in: SignedIn) -> Caller:
    if signed_in.is_foreign:
        raise NotAllowed("this request comes from a page of another site (see its Origin header)")
    return signed_in.caller


def find_key(request: Request) -> str:
    """Return the API key in the headers of a request, which may be unknown; empty without one."""
    given = request.headers.get("Authorization", "")
    if given.lower().startswith(BEARER_PREFIX):
        return given[len(BEARER_PREFIX) :].strip()
    return request.headers.get("X-API-Key", "")


def _require_role(
    role: Role, *, checks_events: bool = True
) -> Callable[[Request], Awaitable[Caller]]:
    async def caller(request: Request) -> Caller:
        known = await authenticate(request)
        known.require(role)
        if checks_events:
            await require_events_of_request(request, known)
        return known

    return caller


async def _require_check_in(request: Request) -> Caller:
    """Return a caller who may check in tickets: a gate, or an operator, but no viewer."""
    known = await authenticate(request)
    if known.role is not Role.GATE:
        known.require(Role.OPERATOR)
    await require_events_of_request(request, known)
    return known


Gate = Annotated[Caller, Depends(_require_role(Role.GATE))]  # also phones at an entrance
CheckInCaller = Annotated[Caller, Depends(_require_check_in)]
Viewer = Annotated[Caller, Depends(_require_role(Role.VIEWER))]
Operator = Annotated[Caller, Depends(_require_role(Role.OPERATOR))]
Admin = Annotated[Caller, Depends(_require_role(Role.ADMIN))]  # a row of `admin_actions`
# for what shows nothing of an event, or calls `require_event` itself
AnyEventViewer = Annotated[Caller, Depends(_require_role(Role.VIEWER, checks_events=False))]


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
