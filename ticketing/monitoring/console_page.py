"""The voucher console: a static page from `templates/console/` whose script calls the API.

The page contains no data: its script asks the API, as the user who has signed in. It loads nothing
from other hosts; its only script is inline.
"""

import functools

from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from ticketing.access.authentication import AnyEventViewer
from ticketing.access.sign_in.html import REFERRER_POLICY
from ticketing.access.signed_in_pages import sign_out_token, signed_in_pages_router
from ticketing.platform.http import pages as http_html
from ticketing.platform.http.envelope import NO_STORE_HEADERS
from ticketing.platform.http.pages import is_rehearsal
from ticketing.platform.http.services import ServicesDependency
from ticketing.platform.kernel.time_span import BUSINESS_TIME_ZONE
from ticketing.platform.paths import TEMPLATES

_FOLDER = TEMPLATES / "console"


@functools.cache
def _script() -> str:
    return (_FOLDER / "vouchers.js").read_text(encoding="utf-8")


@functools.cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader([_FOLDER, TEMPLATES / "holder"]), autoescape=True,
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template("vouchers.html.j2")


@functools.cache
def content_security_policy() -> str:
    """Return the page's content security policy: requests only to its own service."""
    return (
        "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self';"
        f" img-src data:; style-src 'unsafe-inline';"
        f" script-src {http_html.csp_script_source(_script())};"
        " connect-src 'self'"
    )


router = signed_in_pages_router()


@router.get("/voucher")
def console(request: Request, services: ServicesDependency, _: AnyEventViewer) -> Response:
    """Return the voucher console for the user who has signed in."""
    script = Markup(_script())  # noqa: S704 - our own file
    html = _template().render(
        simulated=is_rehearsal(services),
        script=script,
        token=sign_out_token(request),
        zone=BUSINESS_TIME_ZONE.key,
    )
    policy = {"Content-Security-Policy": content_security_policy()}
    return HTMLResponse(html, headers=NO_STORE_HEADERS | REFERRER_POLICY | policy)
