"""HTML pages for buyers: templates, headers, and error pages instead of JSON errors.

The content security policy has the digest of the only script.
"""

import functools
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ticketing.platform.db.payment_environment import PRODUCTION
from ticketing.platform.http.envelope import NO_STORE_HEADERS, Handler
from ticketing.platform.http.errors import to_error_response
from ticketing.platform.http.services import Services, get_services
from ticketing.platform.kernel.errors import TicketingError
from ticketing.platform.kernel.local_dates import parse_locale
from ticketing.platform.paths import TEMPLATES


def csp_script_source(script: str) -> str:
    """Return the source expression of a script for a content security policy."""
    return f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'"


DEFAULT_LANGUAGE = "en"


@functools.cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader([TEMPLATES / "order", TEMPLATES / "holder"]), autoescape=True,
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip


@functools.cache
def _script() -> str:
    return (TEMPLATES / "order" / "shop.js").read_text(encoding="utf-8")


def content_security_policy(gateway: str, *, shows_gateway: bool = False) -> str:
    """Return the content security policy of the pages; forms may lead to the gateway.

    With `shows_gateway` the page may also load the gateway's script and show its pages.
    """
    script, frames = csp_script_source(_script()), ""
    if shows_gateway:
        script, frames = f"{script} {gateway}", f" frame-src {gateway};"
    return (
        "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; img-src data:;"
        f" style-src 'unsafe-inline'; script-src {script};{frames}"
        f" connect-src 'self'; form-action 'self' {gateway}"
    )


def render_notice_page(what: str) -> str:
    """Return a notice such as not found, in English because the event is unknown."""
    return render_page("notice.html.j2", DEFAULT_LANGUAGE, what=what, simulated=False)


def render_page(name: str, locale_name: str, **variables: object) -> str:
    """Render a template of the buyer's pages in the language of a locale."""
    environment = _environment()
    locale = parse_locale(locale_name)
    words = vars(environment.get_template("words.j2").module)
    language = locale.language if locale.language in words["labels"] else DEFAULT_LANGUAGE
    return environment.get_template(name).render(
        word=words["labels"][language],
        errors=words["errors"][language],
        languageTag=language,
        script=Markup(_script()),  # noqa: S704 - our own file
        **variables,
    )


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
    payment_policy: str  # of a page on which the gateway's script takes a payment
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


def page_response(
    services: Services, html: str, *, status: int = 200, shows_gateway: bool = False
) -> HTMLResponse:
    """Return an uncached HTML response; its policy allows forms that lead to the gateway."""
    settings = services.get(PageSettings)
    policy = settings.payment_policy if shows_gateway else settings.content_security_policy
    return HTMLResponse(
        html, status, headers=NO_STORE_HEADERS | {"Content-Security-Policy": policy}
    )


def is_rehearsal(services: Services, placed_in: str = "") -> bool:
    """Return whether no real money moves; every page has to show it.

    `placed_in` is the payment environment of an order, if it is not the present one.
    """
    return (placed_in or services.settings.midtrans_environment) != PRODUCTION
