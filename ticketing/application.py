"""Provide what one process works with: settings, a database, and objects looked up by type."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from threading import RLock
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from sqlalchemy import URL

from ticketing.settings import Settings
from ticketing.store.database import Database
from ticketing.store.embedded.server import EmbeddedServer

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    import svcs

T = TypeVar("T")
Factory = Callable[["Application"], object | None]
FactoryOf = Callable[[type], Factory]


def _no_factory(kind: type) -> Factory:
    raise LookupError(f"nothing builds a {kind.__qualname__}")


@dataclass
class Application:
    """Give one process its settings, its database, and one object of every type it asks for.

    An object is built when it is first asked for. `factory_of` names the factory of a type that
    was not registered; the composition root passes it, so that no import goes up to it.
    """

    settings: Settings
    database: Database
    url: URL
    dagster_url: URL
    server: EmbeddedServer | None = None  # ours, unless DATABASE_URL names another
    factory_of: FactoryOf = field(default=_no_factory, repr=False)
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
            if kind not in self._container.registry:
                self.register(kind, self.factory_of(kind))
            found = self._container.get(kind)
        if found is not None and not isinstance(found, kind):
            raise TypeError(
                f"the factory of {kind.__qualname__} built a {type(found).__qualname__}"
            )
        return cast("T | None", found)

    def register(self, kind: type[T], factory: Callable[["Application"], object | None]) -> None:
        """Build the object of a type with a factory, before anything asked for it."""
        with self._lock:
            self._container.registry.register_factory(kind, lambda: factory(self), enter=False)

    def register_value(self, kind: type[T], value: T) -> None:
        """Use a given object as the one of its type."""
        self.register(kind, lambda _: value)

    @cached_property
    def _container(self) -> "svcs.Container":
        module = _svcs()
        container: svcs.Container = module.Container(module.Registry())
        return container


class ApplicationLoader(Protocol):
    """Read the settings and open the application, for callers that may not know how."""

    def settings(self) -> Settings:
        """Read the settings. Raises Misconfigured when one cannot be used."""
        ...

    def open(self, *, migrated: bool) -> "AbstractContextManager[Application]":
        """Open the application until the context ends; `migrated` requires the newest schema."""
        ...


def _svcs() -> Any:  # noqa: ANN401 - a module
    """Import svcs without the web frameworks that it would import where it finds them.

    That costs a second, and FastAPI's test client warns while it is imported.
    """
    integrations = [
        f"svcs.{name}" for name in ("aiohttp", "fastapi", "flask", "pyramid", "starlette")
    ]
    absent = [name for name in integrations if name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]  # None: cannot be imported
    try:
        import svcs  # noqa: PLC0415 - many commands look up nothing
    finally:
        for name in absent:
            del sys.modules[name]
    return svcs
