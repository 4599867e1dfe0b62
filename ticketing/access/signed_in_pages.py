"""Routers of the pages of staff, which lead to the sign-in page first."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute

from ticketing.access.sessions.session_token import form_token
from ticketing.access.sign_in.html import sign_in_url
from ticketing.access.sign_in.pages import SEE_OTHER, find_session
from ticketing.platform.http.envelope import Handler
from ticketing.platform.http.errors import NotKnown, error_responses


class SignedInPageRoute(APIRoute):
    """Route that redirects to the sign-in page and back; other errors are JSON."""

    def get_route_handler(self) -> Handler:
        """Return FastAPI's handler, with a redirect instead of 401."""
        original = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await original(request)
            except NotKnown:
                path, query = request.url.path, request.url.query
                return RedirectResponse(
                    sign_in_url(f"{path}?{query}" if query else path), SEE_OTHER
                )

        return handle


def signed_in_pages_router(prefix: str = "", *, include_in_schema: bool = True) -> APIRouter:
    """Return a router of pages; each of them has to declare the role that it needs."""
    return APIRouter(
        prefix=prefix,
        tags=["pages"],
        route_class=SignedInPageRoute,
        default_response_class=HTMLResponse,
        responses={
            SEE_OTHER: {"description": "Nobody has signed in: the sign-in page"},
            **error_responses(403),
        },
        include_in_schema=include_in_schema,
    )


def sign_out_token(request: Request) -> str:
    """Return the CSRF token of the form that signs out; empty for a caller with an API key."""
    session = find_session(request)
    return "" if session is None else form_token(session.token)
