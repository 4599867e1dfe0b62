"""Shared parts of the HTML pages: headers, and error pages instead of JSON errors."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute

from ticketing.platform.http.envelope import NO_STORE_HEADERS, Handler
from ticketing.platform.http.errors import to_error_response
from ticketing.platform.http.services import Services, get_services
from ticketing.platform.kernel.errors import TicketingError

PAGE_ERROR_RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"description": what, "content": {"text/html": {}}}
    for status, what in (
        (404, "Not found"),
        (429, "Too many requests"),
        (503, "Temporarily unavailable"),
    )
}


@dataclass(frozen=True, slots=True)
class PageSettings:
    """Settings of HTML pages; registered by the web application."""

    content_security_policy: str
    notices: Mapping[type[TicketingError], str]  # the notice that explains an error
    render_notice: Callable[[str], str]  # the HTML of a notice


class PageRoute(APIRoute):
    """Route that renders known errors as an HTML page instead of JSON."""

    def get_route_handler(self) -> Handler:
        """Return FastAPI's handler, with errors rendered as pages."""
        original = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await original(request)
            except TicketingError as error:
                services = get_services(request)
                settings = services.get(PageSettings)
                known = (kind for kind in type(error).__mro__ if kind in settings.notices)
                kind = next(known, None)
                if kind is None:
                    raise
                json_response = to_error_response(error)
                text = settings.render_notice(settings.notices[kind])
                response = page_response(services, text, status=json_response.status_code)
                if "Retry-After" in json_response.headers:
                    response.headers["Retry-After"] = json_response.headers["Retry-After"]
                return response

        return handle


def page_response(services: Services, html: str, *, status: int = 200) -> HTMLResponse:
    """Return an uncached HTML response; its policy allows forms that lead to the gateway."""
    policy = services.get(PageSettings).content_security_policy
    return HTMLResponse(
        html, status, headers=NO_STORE_HEADERS | {"Content-Security-Policy": policy}
    )


def is_simulated(services: Services) -> bool:
    """Return whether payments are simulated; every page has to show it."""
    return services.settings.midtrans_environment == "simulator"
