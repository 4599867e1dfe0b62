"""The go-live page: a form for an API key and an event, and the checklist as its answer.

The key is sent in the body and kept nowhere; the page has no script. It changes nothing.
"""

import functools
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ticketing.access import key_queries
from ticketing.access.authentication import rate_limit_by_address
from ticketing.app.go_live_checklist import list_findings
from ticketing.events.queries import get_event
from ticketing.go_live.plan_clearing import count_rehearsal
from ticketing.platform.http.envelope import NO_STORE_HEADERS
from ticketing.platform.http.services import Services, ServicesDependency, now
from ticketing.platform.kernel.errors import UnknownEvent
from ticketing.platform.paths import TEMPLATES
from ticketing.selling.shop.forms import read_form

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self';"
    " img-src data:; style-src 'unsafe-inline'"
)
OK, UNAUTHORIZED, NOT_FOUND = 200, 401, 404

router = APIRouter(
    prefix="/admin/go-live",
    include_in_schema=False,
    dependencies=[Depends(rate_limit_by_address)],
)


@router.get("")
def ask() -> Response:
    """Return the form."""
    return _page()


@router.post("")
def show(
    services: ServicesDependency, fields: Annotated[dict[str, str], Depends(read_form)]
) -> Response:
    """Return the checklist of the event, or the form with the reason."""
    slug = fields.get("event", "").strip()
    if services.database.run(key_queries.find_by_secret, fields.get("key", "").strip()) is None:
        return _page(UNAUTHORIZED, slug=slug, problem="This API key is unknown or was revoked.")
    try:
        return _checklist(services, slug)
    except UnknownEvent as error:
        return _page(NOT_FOUND, slug=slug, problem=str(error))


def _checklist(services: Services, slug: str) -> Response:
    event, at = get_event(services.database, slug), now()
    remains = count_rehearsal(services.database, event)
    findings = list(list_findings(services, event, remains, at=at))
    return _page(slug=event.slug, event=event, findings=findings, remains=remains)


def _page(status: int = OK, *, slug: str = "", problem: str = "", **shown: object) -> Response:
    variables = {"event": None, "findings": [], "remains": None} | shown
    text = (
        _environment()
        .get_template("go_live.html.j2")
        .render(slug=slug, problem=problem, **variables)
    )
    headers = NO_STORE_HEADERS | {"Content-Security-Policy": CONTENT_SECURITY_POLICY}
    return HTMLResponse(text, status, headers=headers)


@functools.cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader([TEMPLATES / "console", TEMPLATES / "holder"]), autoescape=True,
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
