"""Build the links that open a ticket to its holder."""

from ticketing.signing.keys import KeyRing
from ticketing.web.service import Service


def ticket_path(serving: Service, token_id: bytes) -> str:
    """Return the path of a ticket's page, which its holder needs no key for."""
    return f"/t/{serving.get(KeyRing).magic_link(token_id)}"
