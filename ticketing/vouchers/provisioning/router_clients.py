"""Clients of routers, one connection per router, kept open between calls."""

from threading import Lock
from typing import Self

from ticketing.crypto.keyring import KeyRing
from ticketing.routers.queries import RouterAddress, StoredRouter
from ticketing.routers.routeros.client import RouterClient
from ticketing.vouchers.provisioning.router_admin import to_router_account


class RouterClientPool:
    """Router clients, opened on first use and shared by threads. Use `with`, or close it."""

    def __init__(self, keys: KeyRing) -> None:
        self.installation_id = keys.installation_id  # part of the marker of our rows
        self._keys = keys
        self._clients: dict[int, tuple[RouterAddress, RouterClient]] = {}
        self._lock = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Close all connections."""
        with self._lock:
            for _address, client in self._clients.values():
                client.close()
            self._clients.clear()

    def client_for(self, stored: StoredRouter) -> RouterClient:
        """Return the router's client; a new one if its address or account has changed."""
        with self._lock:
            address, client = self._clients.get(stored.id, (None, None))
            if client is not None and address == stored.address:
                return client
            if client is not None:
                client.close()
            client = RouterClient(to_router_account(stored, self._keys))
            self._clients[stored.id] = stored.address, client
            return client


class RouterConnector:
    """Factory of client pools with the key ring that decrypts the routers' passwords."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    def connect(self) -> RouterClientPool:
        """Return a new pool; `with` closes its connections."""
        return RouterClientPool(self._keys)
