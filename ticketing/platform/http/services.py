"""FastAPI dependency with the application's services, and threads for calls to gateways."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, TypeVar, cast

from anyio import CapacityLimiter, to_thread
from fastapi import Depends, Request

from ticketing.platform.application import Application


@dataclass(kw_only=True)
class Services(Application):
    """The application of a running web service."""

    started_at: datetime

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


_GATEWAY_LIMITER = CapacityLimiter(8)


T = TypeVar("T")


async def run_gateway_call(call: Callable[[], T]) -> T:
    """Run a call to a gateway in threads of its own, so that it never blocks other requests."""
    return await to_thread.run_sync(call, limiter=_GATEWAY_LIMITER)
