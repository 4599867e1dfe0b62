"""Connections to routers, one each, kept open between questions: for whoever asks again."""

from threading import Lock
from typing import Self

from ticketing.actions.routers import account_of
from ticketing.gateways.routeros import Router
from ticketing.signing.keys import KeyRing
from ticketing.store.routers import Address, StoredRouter


class RouterDoors:
    """Close it, or use `with`; threads may share it."""

    def __init__(self, keys: KeyRing) -> None:
        """Nothing is opened before it is needed."""
        self.office = keys.office_name  # in the marker of everything we leave on a router
        self._keys = keys
        self._open: dict[int, tuple[Address, Router]] = {}
        self._lock = Lock()

    def __enter__(self) -> Self:
        """Nothing to open."""
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up everywhere."""
        with self._lock:
            for _address, door in self._open.values():
                door.close()
            self._open.clear()

    def to(self, stored: StoredRouter) -> Router:
        """The door to a router, a new one when its address or account has changed."""
        with self._lock:
            address, door = self._open.get(stored.id, (None, None))
            if door is not None and address == stored.address:
                return door
            if door is not None:
                door.close()
            door = Router(account_of(stored, self._keys))
            self._open[stored.id] = stored.address, door
            return door


class RouterConnector:
    """Connect to routers with the accounts that a key ring opens."""

    def __init__(self, keys: KeyRing) -> None:
        """Take the keys that the routers' passwords are sealed with."""
        self._keys = keys

    def connect(self) -> RouterDoors:
        """Return new connections; `with` closes them."""
        return RouterDoors(self._keys)
