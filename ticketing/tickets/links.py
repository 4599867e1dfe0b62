"""Build the links that open a ticket to its holder."""

from ticketing.crypto.keyring import KeyRing
from ticketing.platform.http.services import Services


def ticket_path(services: Services, token_id: bytes) -> str:
    """Return the path of a ticket's page, which its holder needs no key for."""
    return f"/t/{services.get(KeyRing).magic_link(token_id)}"
