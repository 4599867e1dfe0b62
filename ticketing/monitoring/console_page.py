"""The operator's console of vouchers, from `templates/console/`. It has no data: its script asks.

Nothing is loaded from elsewhere: the one script stands in the page.

The page for whoever watches over vouchers. It is public and empty: its data take a key.
"""

import functools

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ticketing.platform.http import html as http_html
from ticketing.platform.http.envelope import NO_STORE_HEADERS
from ticketing.platform.http.pages import is_simulated
from ticketing.platform.http.services import ServicesDependency
from ticketing.platform.paths import TEMPLATES

_FOLDER = TEMPLATES / "console"


@functools.cache
def _script() -> str:
    return (_FOLDER / "vouchers.js").read_text(encoding="utf-8")


@functools.cache
def render_voucher_console(*, simulated: bool) -> str:
    """The page, the same for everybody."""
    environment = Environment(
        loader=FileSystemLoader([_FOLDER, TEMPLATES / "holder"]), autoescape=True,
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    script = Markup(_script())  # noqa: S704 - our own file
    return environment.get_template("vouchers.html.j2").render(simulated=simulated, script=script)


@functools.cache
def content_security_policy() -> str:
    """The page's content security policy: it speaks with its own service and nobody else."""
    return (
        "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'none';"
        f" img-src data:; style-src 'unsafe-inline';"
        f" script-src {http_html.csp_script_source(_script())};"
        " connect-src 'self'"
    )


router = APIRouter(tags=["pages"], default_response_class=HTMLResponse)


@router.get("/voucher")
def console(services: ServicesDependency) -> Response:
    """The console of vouchers; it asks for an API key and keeps it in the browser's tab."""
    headers = NO_STORE_HEADERS | {"Content-Security-Policy": content_security_policy()}
    return HTMLResponse(render_voucher_console(simulated=is_simulated(services)), headers=headers)
