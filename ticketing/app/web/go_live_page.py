"""The go-live page: a form for an event, and the checklist as its answer. It changes nothing."""

import functools

from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ticketing.access.authentication import AnyEventViewer
from ticketing.access.sign_in.html import REFERRER_POLICY
from ticketing.access.signed_in_pages import sign_out_token, signed_in_pages_router
from ticketing.app.go_live_checklist import list_findings
from ticketing.events.model import Event
from ticketing.events.queries import get_event
from ticketing.go_live.plan_clearing import count_rehearsal
from ticketing.platform.http.envelope import NO_STORE_HEADERS
from ticketing.platform.http.services import Services, ServicesDependency, now
from ticketing.platform.kernel.errors import UnknownEvent
from ticketing.platform.paths import TEMPLATES

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self';"
    " img-src data:; style-src 'unsafe-inline'"
)
OK, NOT_FOUND = 200, 404

router = signed_in_pages_router("/admin/go-live", include_in_schema=False)


@router.get("")
def show(
    request: Request, services: ServicesDependency, caller: AnyEventViewer, event: str = ""
) -> Response:
    """Return the form, with the checklist of the event if one is named."""
    token, slug = sign_out_token(request), event.strip()
    if not slug:
        return _page(token=token)
    try:
        found = get_event(services.database, slug)
    except UnknownEvent as error:
        return _page(NOT_FOUND, token=token, slug=slug, problem=str(error))
    caller.require_event(found.id)
    return _checklist(services, found, token)


def _checklist(services: Services, event: Event, token: str) -> Response:
    at = now()
    remains = count_rehearsal(services.database, event)
    findings = list(list_findings(services, event, remains, at=at))
    return _page(token=token, slug=event.slug, event=event, findings=findings, remains=remains)


def _page(
    status: int = OK, *, token: str, slug: str = "", problem: str = "", **shown: object
) -> Response:
    variables = {"event": None, "findings": [], "remains": None} | shown
    text = (
        _environment()
        .get_template("go_live.html.j2")
        .render(slug=slug, problem=problem, token=token, **variables)
    )
    headers = NO_STORE_HEADERS | REFERRER_POLICY
    return HTMLResponse(
        text, status, headers=headers | {"Content-Security-Policy": CONTENT_SECURITY_POLICY}
    )


@functools.cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader([TEMPLATES / "console", TEMPLATES / "holder"]), autoescape=True,
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
