"""Ways to authenticate: one is in use, and a request without it is refused."""

import time
from base64 import b64encode
from http.cookies import CookieError, SimpleCookie

from simulators.billing.answer import Answer
from simulators.http import HttpRequest

USER, PASSWORD, TOKEN = "school", "billing-simulator", "billing-simulator-token"
WAYS = ("none", "bearer", "header", "query", "basic", "client_credentials", "session")
_COOKIE = "billing_session"
_UNAUTHORIZED = Answer.refusal(401, "unauthorized")


class Credentials:
    """Checks requests; tokens of client credentials and sessions end after `lifetime_seconds`."""

    def __init__(self, way: str) -> None:
        """Select one of WAYS; ValueError for another one."""
        if way not in WAYS:
            raise ValueError(f"unknown authentication {way!r}; use one of {', '.join(WAYS)}")
        self.way = way
        self.token = TOKEN
        self.tokens_given = 0
        self.lifetime_seconds = 300.0
        self._valid_until = 0.0

    def refusal(self, request: HttpRequest) -> Answer | None:
        """Return None for an authorised request, else 401 or the redirect to the login form."""
        if self.way == "none" or self._is_authorised(request):
            return None
        return Answer(302, b"", {"Location": "/login"}) if self.way == "session" else _UNAUTHORIZED

    def give_token(self, request: HttpRequest) -> Answer:
        """Return a token for a client id and secret in the header or the form."""
        form = request.form()
        given = (form.get("client_id"), form.get("client_secret"))
        if request.headers.get("authorization") != _BASIC and given != (USER, PASSWORD):
            return Answer.json(401, {"error": "invalid_client"})
        token = self._renew()
        return Answer.json(
            200,
            {
                "access_token": token,
                "token_type": "Bearer",
                "expires_in": int(self.lifetime_seconds),
            },
        )

    def log_in(self, request: HttpRequest) -> Answer:
        """Return a session cookie for the user and password of the login form."""
        form = request.form()
        if (form.get("username"), form.get("password")) != (USER, PASSWORD):
            return Answer.refusal(401, "wrong user or password")
        cookie = f"{_COOKIE}={self._renew()}; HttpOnly; Path=/"
        return Answer(302, b"", {"Location": "/", "Set-Cookie": cookie})

    def _renew(self) -> str:
        self.tokens_given += 1
        self.token = f"{TOKEN}-{self.tokens_given}"
        self._valid_until = time.monotonic() + self.lifetime_seconds
        return self.token

    def _is_authorised(self, request: HttpRequest) -> bool:
        given = request.headers.get("authorization")
        if self.way == "basic":
            return given == _BASIC
        if self.way == "header":
            return request.headers.get("x-api-key") == self.token
        if self.way == "query":
            return request.query.get("key") == self.token
        if self.way == "bearer":
            return given == f"Bearer {self.token}"
        is_current = time.monotonic() < self._valid_until
        if self.way == "session":
            return is_current and _session(request) == self.token
        return is_current and given == f"Bearer {self.token}"


_BASIC = "Basic " + b64encode(f"{USER}:{PASSWORD}".encode()).decode()


def _session(request: HttpRequest) -> str | None:
    try:
        cookie = SimpleCookie(request.headers.get("cookie", "")).get(_COOKIE)
    except CookieError:
        return None
    return cookie.value if cookie else None
