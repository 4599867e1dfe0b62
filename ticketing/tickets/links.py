"""Magic links of tickets."""

from ticketing.crypto.keyring import KeyRing
from ticketing.platform.http.services import Services


def ticket_path(services: Services, token_id: bytes) -> str:
    """Return the path of a ticket's page, which needs no login."""
    return f"/t/{services.get(KeyRing).magic_link(token_id)}"
