"""TLS trust store of the simulators."""

import ssl
from functools import cache


@cache
def trusted() -> ssl.SSLContext:
    """Return the system's certificate authorities; loaded once because loading is slow."""
    return ssl.create_default_context()
