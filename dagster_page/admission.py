"""Who may send which request to Dagster's page. A viewer looks, an operator acts.

Dagster runs mutations that arrive by GET, and looks at neither `Host` nor `Origin`: any page that
an operator opens could start jobs.
"""

from collections.abc import Collection
from dataclasses import dataclass
from http import HTTPStatus

from dagster_page.graphql import GraphQLRequest
from ticketing.access.caller import Caller, Role
from ticketing.access.sessions.origin import SAFE_METHODS, is_allowed_host
from ticketing.access.sign_in.html import SIGN_IN_PATH, SIGN_OUT_PATH

WEBSOCKET = "WEBSOCKET"


@dataclass(frozen=True, slots=True)
class PageRequest:
    """What decides about a request. `is_foreign` if a page of another site has sent it."""

    method: str  # or WEBSOCKET
    path: str
    host: str
    content_type: str = ""
    caller: Caller | None = None
    is_foreign: bool = False

    @property
    def is_graphql(self) -> bool:
        """Return whether Dagster would read a GraphQL request from it."""
        return self.method != WEBSOCKET and self.path.strip("/") == "graphql"

    @property
    def is_unsafe(self) -> bool:
        """Return whether it may change something."""
        return self.method not in SAFE_METHODS


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is refused, as a status and a sentence."""

    status: HTTPStatus
    reason: str


def refuse_request(request: PageRequest, hosts: Collection[str]) -> Refusal | None:
    """Return why a request is refused before its body is read; None to let it pass."""
    if not is_allowed_host(request.host, hosts):
        return Refusal(
            HTTPStatus.MISDIRECTED_REQUEST,
            "this host is not known: open 127.0.0.1 or localhost, or set DAGSTER_PUBLIC_URL",
        )
    if request.path in (SIGN_IN_PATH, SIGN_OUT_PATH):
        return None
    return _refuse_caller(request) or _refuse_unsafe(request)


def _refuse_caller(request: PageRequest) -> Refusal | None:
    if request.caller is None:
        return Refusal(HTTPStatus.UNAUTHORIZED, f"sign in at {SIGN_IN_PATH}")
    if request.caller.event_ids is not None:
        return Refusal(
            HTTPStatus.FORBIDDEN, "Dagster shows all events, and you are restricted to some"
        )
    return None


def _refuse_unsafe(request: PageRequest) -> Refusal | None:
    if request.is_unsafe and request.is_foreign:
        return Refusal(HTTPStatus.FORBIDDEN, "this request comes from a page of another site")
    if request.is_graphql and request.method == "POST":
        return _refuse_type(request.content_type)
    if request.method in (*SAFE_METHODS, WEBSOCKET):
        return None
    return _refuse_change(request.caller)


def refuse_graphql(
    request: PageRequest, asked: GraphQLRequest, *, is_in_address: bool
) -> Refusal | None:
    """Return why a GraphQL request is refused; None to let it pass."""
    if is_in_address:
        if request.method not in SAFE_METHODS:
            return Refusal(HTTPStatus.BAD_REQUEST, "send the query in the body, not the address")
        if not asked.is_read_only:
            return Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "a mutation is sent by POST")
    if not asked.is_read_only:
        return _refuse_change(request.caller)
    return None


def _refuse_type(content_type: str) -> Refusal | None:
    # any page may send the other types without asking first (CORS), and Dagster reads them
    if content_type.partition(";")[0].strip().lower() == "application/json":
        return None
    return Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send Content-Type: application/json")


def _refuse_change(caller: Caller | None) -> Refusal | None:
    if caller is not None and caller.role.includes(Role.OPERATOR):
        return None
    return Refusal(HTTPStatus.FORBIDDEN, f"this needs the role {Role.OPERATOR}")
