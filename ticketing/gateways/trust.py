"""Whom our HTTP clients trust over TLS."""

import ssl
from functools import cache

import httpx


@cache
def trusted() -> ssl.SSLContext:
    """The authorities every httpx client would load for itself, 10 to 30 ms each; loaded once."""
    return httpx.create_ssl_context()
