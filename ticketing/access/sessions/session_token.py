"""Tokens of sessions and of forms, and the cookies that carry them."""

import hmac
import secrets
from hashlib import sha256
from http.cookies import CookieError, SimpleCookie

# a browser keeps a `__Host-` cookie only over TLS (or on this machine), for all paths of one host
SESSION_COOKIE = "__Host-ticketing-session"
FORM_COOKIE = "__Host-ticketing-form"  # of a form that is sent before there is a session
COOKIE_ATTRIBUTES = "Path=/; Secure; HttpOnly; SameSite=Lax"
_RANDOM_BYTES = 32
_FORM_PURPOSE = b"form"


def new_token() -> str:
    """Return a random token for a cookie."""
    return secrets.token_urlsafe(_RANDOM_BYTES)


def hash_token(token: str) -> bytes:
    """Return the stored hash of a token. With 256 random bits, a plain SHA-256 is sufficient."""
    return sha256(token.encode()).digest()


def form_token(token: str) -> str:
    """Return the CSRF token of the forms of a session, which does not reveal the session's."""
    return hmac.new(token.encode(), _FORM_PURPOSE, sha256).hexdigest()


def is_form_token(token: str, given: str) -> bool:
    """Return whether a form has the CSRF token of this session, compared in constant time."""
    return bool(token) and hmac.compare_digest(form_token(token).encode(), given.encode())


def read_cookie(header: str, name: str) -> str:
    """Return a cookie of a `Cookie` header; empty if there is none or the header is malformed."""
    try:
        morsel = SimpleCookie(header).get(name)
    except CookieError:
        return ""
    return "" if morsel is None else morsel.value


def set_cookie(name: str, value: str) -> str:
    """Return the header that stores a cookie until the browser is closed."""
    return f"{name}={value}; {COOKIE_ATTRIBUTES}"


def delete_cookie(name: str) -> str:
    """Return the header that deletes a cookie."""
    return f"{name}=; Max-Age=0; {COOKIE_ATTRIBUTES}"
