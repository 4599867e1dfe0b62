"""Render the pages of the console: layout, words of the language, headers, and checked forms."""

import functools
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import Depends, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ticketing.access.caller import Caller, Role
from ticketing.access.sessions.session_token import is_form_token
from ticketing.access.sign_in.html import REFERRER_POLICY
from ticketing.access.sign_in.pages import SEE_OTHER, find_session
from ticketing.access.signed_in_pages import sign_out_token
from ticketing.platform.http.client_language import ClientLanguage
from ticketing.platform.http.envelope import NO_STORE_HEADERS
from ticketing.platform.http.errors import NotAllowed
from ticketing.platform.http.forms import read_form
from ticketing.platform.http.pages import is_rehearsal
from ticketing.platform.http.services import Services, ServicesDependency
from ticketing.platform.kernel.languages import LANGUAGES
from ticketing.platform.kernel.wall_clock import format_clock
from ticketing.platform.paths import TEMPLATES

_FOLDER = TEMPLATES / "console"
_POLICY = (
    "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self';"
    " img-src data:; style-src 'unsafe-inline'"
)
LANGUAGE_COOKIE, LANGUAGE_SECONDS = "language", 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class ConsolePage:
    """A request for a page, with its services and its language."""

    request: Request
    services: Services
    language: str

    def render(
        self, name: str, caller: Caller, *, status: int = 200, **variables: object
    ) -> Response:
        """Return the page; it works without scripts and loads nothing."""
        words = vars(_environment().get_template("console_words.j2").module)
        [other] = (one for one in LANGUAGES if one != self.language)
        html = (
            _environment()
            .get_template(name)
            .render(
                word=words["labels"][self.language],
                languageTag=self.language,
                other={"tag": other, "name": words["languages"][other]},
                token=sign_out_token(self.request),
                may_act=caller.role.includes(Role.OPERATOR),
                is_admin=caller.role is Role.ADMIN and caller.event_ids is None,
                simulated=is_rehearsal(self.services),
                path=self.request.url.path,
                **variables,
            )
        )
        policy = {"Content-Security-Policy": _POLICY}
        response = HTMLResponse(html, status, headers=NO_STORE_HEADERS | REFERRER_POLICY | policy)
        if self.request.query_params.get("language") == self.language:
            response.set_cookie(
                LANGUAGE_COOKIE, self.language, max_age=LANGUAGE_SECONDS, httponly=True,
                samesite="lax",
            )  # fmt: skip
        return response


def open_page(
    request: Request, services: ServicesDependency, preferred: ClientLanguage, language: str = ""
) -> ConsolePage:
    """Return the page in the language of the address, of the last choice, or of the browser."""
    chosen = (language, request.cookies.get(LANGUAGE_COOKIE, ""), preferred, "en")
    return ConsolePage(request, services, next(one for one in chosen if one in LANGUAGES))


PageDependency = Annotated[ConsolePage, Depends(open_page)]


def redirect(path: str) -> Response:
    """Lead to another page after a form was sent."""
    return RedirectResponse(path, SEE_OTHER)


async def read_checked_form(request: Request) -> dict[str, str]:
    """Return the fields of a form. Raises NotAllowed unless a page of this session has sent it."""
    fields = await read_form(request)
    require_form_token(request, fields.get("token", ""))
    return fields


def require_form_token(request: Request, token: str) -> None:
    """Raise NotAllowed unless a page of this session has sent a form with this token."""
    session = find_session(request)
    if session is None or session.is_foreign or not is_form_token(session.token, token):
        raise NotAllowed("this form was not sent by the page of this session; open it again")


CheckedForm = Annotated[dict[str, str], Depends(read_checked_form)]


def _clock(at: datetime, zone: str | None = None) -> str:
    return format_clock(at, ZoneInfo(zone)) if zone else format_clock(at)


@functools.cache
def _environment() -> Environment:
    folders = [_FOLDER, TEMPLATES / "order", TEMPLATES / "holder"]
    environment = Environment(
        loader=FileSystemLoader(folders), autoescape=True,
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["clock"] = _clock
    return environment
