"""FastAPI dependency that gives endpoints the services of the running application."""

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
    """The objects of a running web service, looked up by type."""

    application: Application
    started_at: datetime

    @property
    def database(self) -> Database:
        """Return the application's database."""
        return self.application.database

    @property
    def settings(self) -> Settings:
        """Return the application's settings."""
        return self.application.settings

    def get(self, kind: type[T]) -> T:
        """Return the object of a type. Raises LookupError when the settings leave it out."""
        return self.application.get(kind)

    def find(self, kind: type[T]) -> T | None:
        """Return the object of a type, or None when the settings leave it out."""
        return self.application.find(kind)

    def absolute_url(self, request: Request, path: str) -> str:
        """Return the public URL of a path."""
        return (self.settings.web_public_url or str(request.base_url)).rstrip("/") + path


def now() -> datetime:
    """Return the current time. Only the outermost layers read the clock."""
    return datetime.now(UTC)


def get_services(request: Request) -> Services:
    """Return the services of the application that received the request."""
    return cast("Services", request.app.state.service)


async def _provide_services(request: Request) -> Services:
    # a coroutine, because FastAPI runs a plain function in a thread, queued behind all queries
    return get_services(request)


ServicesDependency = Annotated[Services, Depends(_provide_services)]
