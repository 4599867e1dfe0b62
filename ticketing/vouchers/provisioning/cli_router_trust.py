"""Options of `ticketing routers` for the certificate of a router."""

import sys
from pathlib import Path
from typing import NamedTuple

import typer

from ticketing.platform.cli.output import print_text


class RouterTrust(NamedTuple):
    """CA certificate or fingerprint of a router; both empty: the CAs of this machine."""

    ca_certificate: str = ""
    fingerprint: str = ""


def read_trust(
    host: str, port: int, authority: Path | None, fingerprint: str | None, *, pin: bool
) -> RouterTrust | None:
    """Return what the options say about the certificate, None if nothing."""
    from ticketing.platform.kernel.errors import UnusableRouter
    from ticketing.routers.routeros.certificates import parse_fingerprint

    if sum((authority is not None, fingerprint is not None, pin)) > 1:
        raise UnusableRouter("give one of --authority, --fingerprint and --pin", field="pin")
    if authority is not None:
        try:
            return RouterTrust(ca_certificate=authority.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise UnusableRouter(
                f"authority {authority} cannot be read: {error}", field="authority"
            ) from error
    if fingerprint is not None:
        return RouterTrust(fingerprint=parse_fingerprint(fingerprint))
    return RouterTrust(fingerprint=_confirm_fingerprint(host, port)) if pin else None


def _confirm_fingerprint(host: str, port: int) -> str:
    """Show the certificate that the router has now; return its fingerprint if it is confirmed."""
    from ticketing.platform.kernel.errors import UnusableRouter
    from ticketing.routers.routeros.certificates import fetch_fingerprint, format_fingerprint

    fingerprint = fetch_fingerprint(host, port)
    shown = format_fingerprint(fingerprint)
    if not sys.stdin.isatty():
        raise UnusableRouter(
            f"{host}:{port} shows the certificate with the SHA-256 {shown}; nobody is there to"
            " confirm it: compare it with the router's `/certificate print detail`, then give it"
            " with --fingerprint",
            field="pin",
        )
    print_text(
        f"{host}:{port} shows the certificate with the SHA-256",
        f"  {shown}",
        "On the router, `/certificate print detail` shows that of its own.",
    )
    typer.confirm("Are they equal?", abort=True)
    return fingerprint
