"""Give whoever answers a request the running service's application."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, TypeVar, cast

from fastapi import Depends, Request

from ticketing.application import Application
from ticketing.settings import Settings
from ticketing.store.database import Database

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Service:
    """Look up what a running service has, by type."""

    application: Application
    started_at: datetime

    @property
    def database(self) -> Database:
        """The application's database."""
        return self.application.database

    @property
    def settings(self) -> Settings:
        """What was set from outside."""
        return self.application.settings

    def get(self, kind: type[T]) -> T:
        """Return the object of a type. Raises LookupError when the settings leave it out."""
        return self.application.get(kind)

    def find(self, kind: type[T]) -> T | None:
        """Return the object of a type, or None when the settings leave it out."""
        return self.application.find(kind)

    def address(self, request: Request, path: str) -> str:
        """An address of ours as others can reach it."""
        return (self.settings.web_public_url or str(request.base_url)).rstrip("/") + path


def now() -> datetime:
    """The web is one of the doors that may ask the clock."""
    return datetime.now(UTC)


def service(request: Request) -> Service:
    """The service that the request came to."""
    return cast("Service", request.app.state.service)


async def _service(request: Request) -> Service:
    # not `service` itself: what is not a coroutine waits for a thread, behind everybody's queries
    return service(request)


Serving = Annotated[Service, Depends(_service)]
