"""The context of one process: settings, a database, and objects looked up by their type."""

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import RLock
from typing import TYPE_CHECKING, Protocol, TypeVar, cast

from sqlalchemy import URL

from ticketing.platform.db.database import Database
from ticketing.platform.db.embedded.server import EmbeddedServer
from ticketing.platform.settings import Settings

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

T = TypeVar("T")
ObjectFactory = Callable[["Application"], object | None]
GetObjectFactory = Callable[[type], ObjectFactory]


def _no_factory(kind: type) -> ObjectFactory:
    raise LookupError(f"nothing builds a {kind.__qualname__}")


@dataclass
class Application:
    """Settings, database, and one object of each type, built on first use.

    An object is built on first use by the factory that `get_factory` returns for its type. The
    composition root passes `get_factory`, so that no capability imports upwards.
    """

    settings: Settings
    database: Database
    url: URL
    dagster_url: URL
    server: EmbeddedServer | None = None  # the embedded one, unless DATABASE_URL names another
    get_factory: GetObjectFactory = field(default=_no_factory, repr=False)
    _objects: dict[type, object | None] = field(default_factory=dict, init=False, repr=False)
    _lock: RLock = field(default_factory=RLock, init=False, repr=False, compare=False)

    def get(self, kind: type[T]) -> T:
        """Return the object of a type. Raises LookupError when the settings leave it out."""
        found = self.find(kind)
        if found is None:
            raise LookupError(f"the settings leave out {kind.__qualname__}")
        return found

    def find(self, kind: type[T]) -> T | None:
        """Return the object of a type, or None when the settings leave it out."""
        with self._lock:
            if kind not in self._objects:
                built = self.get_factory(kind)(self)
                if built is not None and not isinstance(built, kind):
                    raise TypeError(f"{kind.__qualname__} was built as {type(built).__qualname__}")
                self._objects[kind] = built
            return cast("T | None", self._objects[kind])

    def register_value(self, kind: type[T], value: T) -> None:
        """Register an object as the one returned for its type."""
        with self._lock:
            self._objects[kind] = value


class ApplicationLoader(Protocol):
    """Reads the settings and opens the application for callers that must not import `app`."""

    def settings(self) -> Settings:
        """Read the settings. Raises Misconfigured when one cannot be used."""
        ...

    def open(self, *, migrated: bool) -> "AbstractContextManager[Application]":
        """Open the application until the context ends; `migrated` requires the newest schema."""
        ...
