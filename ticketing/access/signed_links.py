"""Short-lived signed links: an address that opens in a browser, without a header.

The signature covers the path and the time until which the link is valid. It grants nothing else:
the same signature with another path, method or time is refused.
"""

import hmac
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from fastapi import Request, Response

from ticketing.access.authenticated_route import AuthenticatedRoute
from ticketing.access.authentication import find_key
from ticketing.access.caller import Caller, CallerKind, Role
from ticketing.crypto.keyring import KeyRing
from ticketing.platform.http.envelope import Handler
from ticketing.platform.http.errors import NotKnown
from ticketing.platform.http.services import Services, get_services, now

LINK_LIFETIME = timedelta(minutes=15)
_NOBODY = 0  # nobody in particular has the link


def sign_link(services: Services, request: Request, path: str) -> str:
    """Return the public URL of a path, valid for LINK_LIFETIME."""
    expires = int((now() + LINK_LIFETIME).timestamp())
    query = urlencode({"expires": expires, "signature": _signature(services, path, str(expires))})
    return services.absolute_url(request, f"{path}?{query}")


def _signature(services: Services, path: str, expires: str) -> str:
    digest = services.get(KeyRing).link_signature(f"GET {path} {expires}")
    return urlsafe_b64encode(digest).decode("ascii").rstrip("=")


class SignedLinkRoute(AuthenticatedRoute):
    """Accepts a signed link instead of an API key; with a key the signature does not matter."""

    def get_route_handler(self) -> Handler:
        """Return the handler of an authenticated route, after a look at the signature."""
        original = super().get_route_handler()

        async def handle(request: Request) -> Response:
            if "signature" in request.query_params and not find_key(request):
                request.state.caller = _caller_of_link(request)
            return await original(request)

        return handle


def _caller_of_link(request: Request) -> Caller:
    """Return a caller who may read tickets. Raises NotKnown for an invalid or expired link."""
    expires, given = (request.query_params.get(name, "") for name in ("expires", "signature"))
    signature = _signature(get_services(request), request.url.path, expires)
    if not hmac.compare_digest(signature.encode(), given.encode()):
        raise NotKnown("the signature of this link is wrong; request a new link")
    if now() >= datetime.fromtimestamp(int(expires), UTC):
        raise NotKnown("this link has expired; request a new link")
    return Caller(CallerKind.LINK, _NOBODY, "signed link", Role.OPERATOR)
