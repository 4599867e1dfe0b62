"""Render the pages of payment records: templates, words of the language, headers."""

import functools

from fastapi import Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ticketing.access.sign_in.html import REFERRER_POLICY
from ticketing.platform.http.envelope import NO_STORE_HEADERS
from ticketing.platform.http.pages import csp_script_source
from ticketing.platform.kernel.languages import LANGUAGES
from ticketing.platform.paths import TEMPLATES

_FOLDER = TEMPLATES / "billing"


def render(name: str, language: str, *, status: int = 200, **variables: object) -> Response:
    """Return a page; its policy allows the page's own script, and requests to its service."""
    words = vars(_environment().get_template("words.j2").module)
    [other] = (one for one in LANGUAGES if one != language)
    html = (
        _environment()
        .get_template(name)
        .render(
            word=words["labels"][language],
            languageTag=language,
            other={"tag": other, "name": words["languages"][other]},
            script=Markup(_script()),  # noqa: S704 - our own file
            **variables,
        )
    )
    policy = {"Content-Security-Policy": _policy()}
    return HTMLResponse(html, status, headers=NO_STORE_HEADERS | REFERRER_POLICY | policy)


def labels(language: str) -> dict[str, object]:
    """Return the words of a language, for texts that are made in Python."""
    words = vars(_environment().get_template("words.j2").module)
    found: dict[str, object] = words["labels"][language]
    return found


@functools.cache
def _policy() -> str:
    return (
        "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self';"
        f" img-src data:; style-src 'unsafe-inline'; script-src {csp_script_source(_script())};"
        " connect-src 'self'"
    )


@functools.cache
def _script() -> str:
    return (_FOLDER / "sync.js").read_text(encoding="utf-8")


@functools.cache
def _environment() -> Environment:
    folders = [_FOLDER, TEMPLATES / "order", TEMPLATES / "holder"]
    return Environment(
        loader=FileSystemLoader(folders), autoescape=True,
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
