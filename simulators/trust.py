"""Whom the simulators trust over TLS."""

import ssl
from functools import cache


@cache
def trusted() -> ssl.SSLContext:
    """The system's authorities. Read once: that takes longer than most tests run."""
    return ssl.create_default_context()
