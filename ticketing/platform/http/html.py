"""HTML pages for buyers: templates, and their content security policy with the script's digest."""

import functools
from base64 import b64encode
from hashlib import sha256

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

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


def content_security_policy(gateway: str) -> str:
    """Return the content security policy of the pages; forms may lead to the gateway."""
    return (
        "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; img-src data:;"
        f" style-src 'unsafe-inline'; script-src {csp_script_source(_script())};"
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
