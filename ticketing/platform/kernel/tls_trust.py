"""The TLS context shared by our HTTP clients."""

import ssl
from functools import cache

import httpx


@cache
def trusted() -> ssl.SSLContext:
    """Return httpx's default TLS context, loaded once: each client would take 10 to 30 ms."""
    return httpx.create_ssl_context()
