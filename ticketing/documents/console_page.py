"""The operator's console of vouchers, from `templates/console/`. It has no data: its script asks.

Nothing is loaded from elsewhere: the one script stands in the page.
"""

import functools

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ticketing.documents import own_script
from ticketing.documents.shop_pages import TEMPLATES

_FOLDER = TEMPLATES / "console"


@functools.cache
def _script() -> str:
    return (_FOLDER / "vouchers.js").read_text(encoding="utf-8")


@functools.cache
def voucher_console(*, rehearsal: bool) -> str:
    """The page, the same for everybody."""
    environment = Environment(
        loader=FileSystemLoader([_FOLDER, TEMPLATES / "holder"]), autoescape=True,
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    script = Markup(_script())  # noqa: S704 - our own file
    return environment.get_template("vouchers.html.j2").render(rehearsal=rehearsal, script=script)


@functools.cache
def policy() -> str:
    """The page's content security policy: it speaks with its own service and nobody else."""
    return (
        "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'none';"
        f" img-src data:; style-src 'unsafe-inline'; script-src {own_script.source(_script())};"
        " connect-src 'self'"
    )
