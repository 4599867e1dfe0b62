"""Is the service well, and what does it count. Statuses only: whoever asks may be a stranger."""

from datetime import datetime
from importlib.metadata import version
from typing import Literal

from fastapi import APIRouter, Depends, Response
from prometheus_client import CONTENT_TYPE_LATEST

from ticketing.actions.condition import Condition, conditions
from ticketing.web.answers import Answer, Said, Success
from ticketing.web.auth import Viewer, guarded, rationed
from ticketing.web.guarded import GuardedRoute
from ticketing.web.metrics import Metrics
from ticketing.web.problems import documented, failures
from ticketing.web.service import Serving, now
from ticketing.web.workshop import Workshop

SERVICE = "ticket-assets"
VERSION = version(SERVICE)
UNCACHED = {"Cache-Control": "no-store"}

router = APIRouter(tags=["health"], default_response_class=Answer)
metrics_router = APIRouter(
    tags=["health"], route_class=GuardedRoute, dependencies=guarded(), responses=documented()
)


class Alive(Said):
    """The service answers; nothing else was looked at."""

    status: Literal["healthy"]
    service: str
    version: str
    uptime: float  # seconds


class Queue(Said):
    """How much waits and how much is under way."""

    waiting: int
    active: int


class Detailed(Said):
    """What the service depends on, and its queues."""

    status: Literal["healthy", "unhealthy"]
    service: str
    version: str
    uptime: float
    checked_at: datetime
    dependencies: dict[str, Condition]
    queues: dict[str, Queue]


@router.get("/health")
async def health(serving: Serving, response: Response) -> Success[Alive]:
    """Liveness: touches nothing, so that a database that is away restarts nobody."""
    response.headers.update(UNCACHED)
    return Success(
        data=Alive(status="healthy", service=SERVICE, version=VERSION, uptime=_uptime(serving))
    )


@router.get(
    "/health/detailed",
    dependencies=[Depends(rationed)],
    responses={**failures(429), 503: {"model": Success[Detailed]}},
)
def detailed(serving: Serving, response: Response) -> Success[Detailed]:
    """Readiness: 503 while something that tickets cannot be made without is away."""
    settings = serving.settings
    found = conditions(
        serving.database, settings.documents.resolve(), min_free_disk=settings.min_free_disk
    )
    well = found.well
    response.headers.update(UNCACHED)
    response.status_code = 200 if well else 503
    waiting = serving.get(Workshop).waiting
    generation = Queue(waiting=waiting, active=max(0, found.batches_under_way - waiting))
    return Success(
        data=Detailed(
            status="healthy" if well else "unhealthy",
            service=SERVICE,
            version=VERSION,
            uptime=_uptime(serving),
            checked_at=now(),
            dependencies=dict(found.dependencies),
            queues={"ticket-generation": generation}
            | {
                name: Queue(waiting=queue.waiting, active=queue.active)
                for name, queue in found.queues.items()
            },
        )
    )


@metrics_router.get(
    "/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}}
)
def metrics(serving: Serving, _: Viewer) -> Response:
    """Prometheus' text format; a scrape carries a key like everyone else."""
    return Response(
        serving.get(Metrics).text(), headers={"Content-Type": CONTENT_TYPE_LATEST, **UNCACHED}
    )


def _uptime(serving: Serving) -> float:
    return round((now() - serving.started_at).total_seconds(), 1)
