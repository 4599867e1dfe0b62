"""Give whoever answers a request the running service's application."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, TypeVar, cast

from fastapi import Depends, Request

from ticketing.platform.application import Application
from ticketing.platform.db.database import Database
from ticketing.platform.settings import Settings

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Services:
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

    def absolute_url(self, request: Request, path: str) -> str:
        """An address of ours as others can reach it."""
        return (self.settings.web_public_url or str(request.base_url)).rstrip("/") + path


def now() -> datetime:
    """The web is one of the doors that may ask the clock."""
    return datetime.now(UTC)


def get_services(request: Request) -> Services:
    """The service that the request came to."""
    return cast("Services", request.app.state.service)


async def _provide_services(request: Request) -> Services:
    # not `service` itself: what is not a coroutine waits for a thread, behind everybody's queries
    return get_services(request)


ServicesDependency = Annotated[Services, Depends(_provide_services)]
