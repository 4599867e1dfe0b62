"""The voucher console: a static page from `templates/console/` whose script calls the API.

The page is public and contains no data: the API requires a key. It loads nothing from other hosts;
its only script is inline.
"""

import functools

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ticketing.platform.http import pages as http_html
from ticketing.platform.http.envelope import NO_STORE_HEADERS
from ticketing.platform.http.pages import is_rehearsal
from ticketing.platform.http.services import ServicesDependency
from ticketing.platform.paths import TEMPLATES

_FOLDER = TEMPLATES / "console"


@functools.cache
def _script() -> str:
    return (_FOLDER / "vouchers.js").read_text(encoding="utf-8")


@functools.cache
def render_voucher_console(*, simulated: bool) -> str:
    """Return the page, which is the same for every user."""
    environment = Environment(
        loader=FileSystemLoader([_FOLDER, TEMPLATES / "holder"]), autoescape=True,
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    script = Markup(_script())  # noqa: S704 - our own file
    return environment.get_template("vouchers.html.j2").render(simulated=simulated, script=script)


@functools.cache
def content_security_policy() -> str:
    """Return the page's content security policy: requests only to its own service."""
    return (
        "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'none';"
        f" img-src data:; style-src 'unsafe-inline';"
        f" script-src {http_html.csp_script_source(_script())};"
        " connect-src 'self'"
    )


router = APIRouter(tags=["pages"], default_response_class=HTMLResponse)


@router.get("/voucher")
def console(services: ServicesDependency) -> Response:
    """Return the voucher console; it asks for an API key and keeps it in the browser's tab."""
    headers = NO_STORE_HEADERS | {"Content-Security-Policy": content_security_policy()}
    return HTMLResponse(render_voucher_console(simulated=is_rehearsal(services)), headers=headers)
