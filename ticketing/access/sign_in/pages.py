"""The pages `/sign-in` and `/sign-out`, for the web service and for Dagster's page.

They need no script. A form counts only with an origin of ours and with its CSRF token.
"""

from typing import Annotated

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from ticketing.access.sessions.middleware import SignedIn
from ticketing.access.sessions.origin import is_own_origin, local_path
from ticketing.access.sessions.session_token import (
    FORM_COOKIE,
    SESSION_COOKIE,
    delete_cookie,
    form_token,
    is_form_token,
    new_token,
    read_cookie,
    set_cookie,
)
from ticketing.access.sign_in.html import (
    SIGN_IN_PATH,
    SIGN_OUT_PATH,
    SignInLinks,
    SignInView,
    sign_in_page,
)
from ticketing.access.sign_in.sign_in import (
    SignInAttempt,
    TooManyAttempts,
    WrongPassword,
    sign_in,
    sign_out,
)
from ticketing.platform.http.client_language import client_language
from ticketing.platform.http.client_network import client_network
from ticketing.platform.http.forms import FormFields
from ticketing.platform.http.pages import DEFAULT_LANGUAGE
from ticketing.platform.http.services import Services, ServicesDependency, now
from ticketing.platform.kernel.languages import LANGUAGES

MAX_LOGIN_LENGTH = 254
SEE_OTHER, UNAUTHORIZED, FORBIDDEN, TOO_MANY = 303, 401, 403, 429
# each verification takes 64 MiB and a tenth of a second
_VERIFICATIONS = CapacityLimiter(2)

router = APIRouter(include_in_schema=False)


def find_session(request: Request) -> SignedIn | None:
    """Return the session of a request, None without one."""
    found: SignedIn | None = getattr(request.state, "signed_in", None)
    return found


SessionDependency = Annotated[SignedIn | None, Depends(find_session)]


@router.get(SIGN_IN_PATH)
def show(request: Request, services: ServicesDependency, session: SessionDependency) -> Response:
    """Return the form, or who is signed in."""
    asked = request.query_params
    if session is not None:
        view = SignInView(
            _language(request, asked.get("language", "")), form_token(session.token),
            user=session.caller,
        )  # fmt: skip
        return sign_in_page(view, services.get(SignInLinks).links)
    return _form(request, services, asked.get("next", ""), asked.get("language", ""))


@router.post(SIGN_IN_PATH)
async def submit(request: Request, services: ServicesDependency, fields: FormFields) -> Response:
    """Sign in and go to the page that was asked for, or return the form with the problem."""
    target, language = fields.get("next", ""), fields.get("language", "")
    problem = _find_forgery(request, services, fields)
    if problem:
        return _form(request, services, target, language, status=FORBIDDEN, problem=problem)
    attempt = _attempt(request, fields)
    try:
        token = await to_thread.run_sync(
            lambda: sign_in(services.database, attempt, at=now()), limiter=_VERIFICATIONS
        )
    except WrongPassword:
        return _form(request, services, target, language, status=UNAUTHORIZED,
                     login=attempt.login, problem="wrong")  # fmt: skip
    except TooManyAttempts as error:
        return _form(request, services, target, language, status=TOO_MANY, login=attempt.login,
                     problem="wait", wait=int(str(error.details["retryAfter"])))  # fmt: skip
    response = _redirect(local_path(target) if target else SIGN_IN_PATH)
    response.headers.append("Set-Cookie", set_cookie(SESSION_COOKIE, token))
    response.headers.append("Set-Cookie", delete_cookie(FORM_COOKIE))
    return response


@router.post(SIGN_OUT_PATH)
async def leave(
    request: Request, services: ServicesDependency, session: SessionDependency, fields: FormFields
) -> Response:
    """End the session and show the form again; without a session there is nothing to end."""
    if session is not None:
        if session.is_foreign or not is_form_token(session.token, fields.get("token", "")):
            return _form(request, services, "", "", status=FORBIDDEN, problem="foreign")
        address = client_network(request)
        await to_thread.run_sync(
            lambda: sign_out(
                services.database, session.caller, session.token, address=address, at=now()
            )
        )
    response = _redirect(SIGN_IN_PATH)
    response.headers.append("Set-Cookie", delete_cookie(SESSION_COOKIE))
    return response


def _find_forgery(request: Request, services: Services, fields: dict[str, str]) -> str:
    """Return the problem of a form that this page has not sent; empty if it has."""
    origin, host = request.headers.get("Origin", ""), request.headers.get("Host", "")
    if not is_own_origin(origin, host, services.settings.web_public_url or ""):
        return "foreign"
    cookie = _cookie(request, FORM_COOKIE)
    if not cookie:
        return "cookie"
    return "" if is_form_token(cookie, fields.get("token", "")) else "foreign"


def _attempt(request: Request, fields: dict[str, str]) -> SignInAttempt:
    return SignInAttempt(
        fields.get("login", "")[:MAX_LOGIN_LENGTH],
        fields.get("password", ""),
        client_network(request),
        _cookie(request, SESSION_COOKIE),
    )


def _form(
    request: Request,
    services: Services,
    target: str,
    language: str,
    *,
    status: int = 200,
    login: str = "",
    problem: str = "",
    wait: int = 0,
) -> Response:
    cookie = _cookie(request, FORM_COOKIE) or new_token()
    view = SignInView(
        _language(request, language), form_token(cookie), target,
        login=login, problem=problem, wait=wait,
    )  # fmt: skip
    headers = {"Set-Cookie": set_cookie(FORM_COOKIE, cookie)}
    if wait:
        headers["Retry-After"] = str(wait)
    return sign_in_page(view, services.get(SignInLinks).links, status=status, headers=headers)


def _language(request: Request, asked: str) -> str:
    return asked if asked in LANGUAGES else client_language(request) or DEFAULT_LANGUAGE


def _cookie(request: Request, name: str) -> str:
    return read_cookie(request.headers.get("Cookie", ""), name)


def _redirect(path: str) -> RedirectResponse:
    return RedirectResponse(path, SEE_OTHER, headers={"Cache-Control": "no-store"})
