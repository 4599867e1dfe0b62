"""What all of the buyer's pages have in common: how they are sent, and how they say no."""

from typing import Any

from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute

from ticketing.documents.shop_pages import notice_page, policy
from ticketing.domain.errors import TicketingError, Unavailable, UnknownEvent, UnknownOrder
from ticketing.web.guarded import Handler
from ticketing.web.problems import TooManyRequests, problem
from ticketing.web.service import Service, service
from ticketing.web.tickets import PRIVATE

NOTICES: dict[type[TicketingError], str] = {
    UnknownEvent: "no_event",
    UnknownOrder: "no_order",
    TooManyRequests: "too_many",
    Unavailable: "away",
}
DOCUMENTED: dict[int | str, dict[str, Any]] = {
    status: {"description": what, "content": {"text/html": {}}}
    for status, what in (
        (404, "Nothing is here"),
        (429, "Too many requests"),
        (503, "The office is closed for a moment"),
    )
}


class PageRoute(APIRoute):
    """Says to a person, on a page, what is said to programs as JSON."""

    def get_route_handler(self) -> Handler:
        """FastAPI's own handler, and a page for its refusals."""
        original = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await original(request)
            except tuple(NOTICES) as error:
                what = next(NOTICES[kind] for kind in type(error).__mro__ if kind in NOTICES)
                plain = problem(error)
                answer = page(service(request), notice_page(what), status=plain.status_code)
                if "Retry-After" in plain.headers:
                    answer.headers["Retry-After"] = plain.headers["Retry-After"]
                return answer

        return handle


def page(serving: Service, text: str, *, status: int = 200) -> HTMLResponse:
    """A page, to be kept by nobody, whose forms may lead to the gateway."""
    headers = PRIVATE | {"Content-Security-Policy": policy(serving.account.snap_url)}
    return HTMLResponse(text, status, headers=headers)


def is_rehearsal(serving: Service) -> bool:
    """Whether no money moves, which every page has to say."""
    return serving.office.settings.midtrans_environment == "rehearsal"
