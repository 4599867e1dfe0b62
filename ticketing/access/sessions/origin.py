"""Which requests come from our own pages."""

from collections.abc import Collection
from urllib.parse import urlsplit

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


def is_own_origin(origin: str, host: str, public_url: str) -> bool:
    """Return whether an `Origin` header names the host of the request, or our public address.

    Schemes are not compared: a proxy may end TLS. A missing or opaque origin is not ours.
    """
    parts = urlsplit(origin)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        return False
    return parts.netloc.lower() in (host.lower(), urlsplit(public_url).netloc.lower())


def is_local_host(host: str) -> bool:
    """Return whether a `Host` header names this machine, where browsers keep secure cookies."""
    return host_name(host) in _LOCAL_NAMES


def host_name(host: str) -> str:
    """Return the name in a `Host` header, without the port; empty for a malformed one."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def is_allowed_host(host: str, allowed: Collection[str]) -> bool:
    """Return whether a `Host` header names this machine or one of these names.

    A page of somebody else can let its own name resolve to our address (DNS rebinding).
    """
    return is_local_host(host) or host_name(host) in allowed


def local_path(target: str) -> str:
    """Return the target of a redirect if it is a path of this site, else `/`."""
    parts = urlsplit(target)
    is_local = (
        target.startswith("/")
        and not target.startswith("//")
        and not parts.netloc
        # browsers read a backslash as a slash, and drop tabs and line breaks
        and not any(character == "\\" or ord(character) < ord(" ") for character in target)
    )
    return target if is_local else "/"
