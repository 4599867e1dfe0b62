"""The HTML of the sign-in page, in the language of the browser, and its headers."""

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from fastapi import Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ticketing.access.caller import Caller
from ticketing.platform.http.envelope import NO_STORE_HEADERS
from ticketing.platform.http.pages import csp_script_source
from ticketing.platform.kernel.languages import LANGUAGES
from ticketing.platform.paths import TEMPLATES

SIGN_IN_PATH, SIGN_OUT_PATH = "/sign-in", "/sign-out"
# with `no-referrer` a browser sends the form with `Origin: null`
REFERRER_POLICY = {"Referrer-Policy": "same-origin"}
_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class SignInLinks:
    """The pages that the sign-in page leads to: the name of a label, and a path."""

    links: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class SignInView:
    """What the page shows: the user who is signed in, or the form with a problem."""

    language: str
    token: str
    next: str = ""
    user: Caller | None = None
    login: str = ""
    problem: str = ""
    wait: int = 0


def sign_in_url(target: str) -> str:
    """Return the path of the sign-in page that leads to a path afterwards."""
    return f"{SIGN_IN_PATH}?{urlencode({'next': target})}"


def sign_in_page(
    view: SignInView,
    links: Sequence[tuple[str, str]],
    *,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Response:
    """Return the page; its policy allows its own style and form, and no script."""
    words = vars(_environment().get_template("sign_in_words.j2").module)
    [other] = (language for language in LANGUAGES if language != view.language)
    html = _environment().get_template("sign_in.html.j2").render(
        word=words["labels"][view.language], languageTag=view.language, links=links,
        other={"tag": other, "name": words["languages"][other]},
        next=view.next, token=view.token, user=view.user, login=view.login,
        problem=view.problem, wait=view.wait,
    )  # fmt: skip
    return HTMLResponse(
        html, status, headers=NO_STORE_HEADERS | REFERRER_POLICY | _policy(html) | (headers or {})
    )


def _policy(html: str) -> dict[str, str]:
    styles = " ".join(csp_script_source(style) for style in _STYLE.findall(html))
    return {
        "Content-Security-Policy": (
            "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; img-src data:;"
            f" style-src {styles}; form-action 'self'"
        )
    }


@functools.cache
def _environment() -> Environment:
    folders = [TEMPLATES / "access", TEMPLATES / "order", TEMPLATES / "holder"]
    return Environment(
        loader=FileSystemLoader(folders), autoescape=True,
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
