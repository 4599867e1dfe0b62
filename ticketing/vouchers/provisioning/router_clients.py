"""Connections to routers, one per router."""

from threading import Lock
from typing import Self

from ticketing.crypto.keyring import KeyRing
from ticketing.routers.queries import RouterAddress, StoredRouter
from ticketing.routers.routeros.client import RouterClient
from ticketing.vouchers.provisioning.router_admin import to_router_account


class RouterClientPool:
    """Close it, or use `with`; threads may share it."""

    def __init__(self, keys: KeyRing) -> None:
        """Nothing is opened before it is needed."""
        self.installation_id = keys.installation_id  # part of the marker of our rows
        self._keys = keys
        self._clients: dict[int, tuple[RouterAddress, RouterClient]] = {}
        self._lock = Lock()

    def __enter__(self) -> Self:
        """Nothing to open."""
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up everywhere."""
        with self._lock:
            for _address, client in self._clients.values():
                client.close()
            self._clients.clear()

    def client_for(self, stored: StoredRouter) -> RouterClient:
        """The door to a router, a new one when its address or account has changed."""
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
    """Connect to routers with the accounts that a key ring opens."""

    def __init__(self, keys: KeyRing) -> None:
        """Take the keys that the routers' passwords are sealed with."""
        self._keys = keys

    def connect(self) -> RouterClientPool:
        """Return new connections; `with` closes them."""
        return RouterClientPool(self._keys)
