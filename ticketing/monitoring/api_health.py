"""Endpoints for health and metrics. Health is public and shows statuses only."""

from datetime import datetime
from importlib.metadata import version
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import Field

from ticketing.access.authenticated_route import AuthenticatedRoute
from ticketing.access.authentication import Viewer, auth_dependencies, rate_limit_by_address
from ticketing.monitoring.health import DependencyStatus, check_dagster, check_gateway, check_health
from ticketing.monitoring.schemas_dashboard import QueueDepthResponse
from ticketing.notifications.delivery import Channel
from ticketing.platform.http.client_network import untrusted_proxy
from ticketing.platform.http.envelope import AsciiJSONResponse, ResponseModel, SuccessResponse
from ticketing.platform.http.errors import authenticated_error_responses, error_responses
from ticketing.platform.http.metrics import Metrics
from ticketing.platform.http.services import ServicesDependency, now
from ticketing.platform.settings import Settings
from ticketing.selling.payments.midtrans.gateway_probe import GatewayProbe
from ticketing.tickets.batches.generation_queue import TicketGenerationQueue

SERVICE_NAME = "ticket-assets"
VERSION = version(SERVICE_NAME)
NO_STORE_HEADERS = {"Cache-Control": "no-store"}
ServiceName = Annotated[str, Field(description=f"Always `{SERVICE_NAME}`.")]
ServiceVersion = Annotated[str, Field(description="Version of the service.")]
Uptime = Annotated[float, Field(description="Seconds since the service started.")]

router = APIRouter(tags=["health"], default_response_class=AsciiJSONResponse)
metrics_router = APIRouter(
    tags=["health"],
    route_class=AuthenticatedRoute,
    dependencies=auth_dependencies(),
    responses=authenticated_error_responses(),
)


class LivenessResponse(ResponseModel):
    """The service responds; nothing else was checked."""

    status: Literal["healthy"]
    """Always `healthy`."""
    service: ServiceName
    version: ServiceVersion
    uptime: Uptime


class ClientAddressResponse(ResponseModel):
    """The address by which requests of this client are limited."""

    address: str
    """IPv4 or IPv6 address of the client, as the service sees it."""
    untrusted_proxy: str
    """Address of a proxy that forwarded the request and is not in TRUSTED_PROXIES, else empty."""


class ReadinessResponse(ResponseModel):
    """Status of the dependencies and queues."""

    status: Literal["healthy", "unhealthy"]
    """`unhealthy` while a dependency that tickets require is down."""
    service: ServiceName
    version: ServiceVersion
    uptime: Uptime
    checked_at: datetime
    """When the dependencies were checked, ISO 8601 in UTC."""
    dependencies: dict[str, DependencyStatus]
    """`up` or `down` by dependency. The payment gateway is asked at most twice a minute."""
    queues: dict[str, QueueDepthResponse]
    """Waiting and active items by queue."""
    last_backup_at: datetime | None
    """When the newest backup was taken, ISO 8601 in UTC; null if there is none."""


@router.get("/health")
async def health(
    services: ServicesDependency, response: Response
) -> SuccessResponse[LivenessResponse]:
    """Liveness: checks nothing, so that a database outage does not restart the service."""
    response.headers.update(NO_STORE_HEADERS)
    return SuccessResponse(
        data=LivenessResponse(
            status="healthy", service=SERVICE_NAME, version=VERSION, uptime=_uptime(services)
        )
    )


@router.get(
    "/health/detailed",
    dependencies=[Depends(rate_limit_by_address)],
    responses={**error_responses(429), 503: {"model": SuccessResponse[ReadinessResponse]}},
)
def detailed(
    services: ServicesDependency, response: Response
) -> SuccessResponse[ReadinessResponse]:
    """Readiness: 503 while a dependency that tickets require is down."""
    settings, at = services.settings, now()
    found = check_health(
        services.database, settings.documents.resolve(), channels=_channels(settings),
        min_free_disk=settings.min_free_disk, at=at,
    )  # fmt: skip
    dagster = check_dagster(services.dagster_url, at=at)
    gateway = check_gateway(services.get(GatewayProbe))
    is_healthy = found.is_healthy
    response.headers.update(NO_STORE_HEADERS)
    response.status_code = 200 if is_healthy else 503
    waiting = services.get(TicketGenerationQueue).queued_count
    generation = QueueDepthResponse(waiting=waiting, active=max(0, found.running_batches - waiting))
    return SuccessResponse(
        data=ReadinessResponse(
            status="healthy" if is_healthy else "unhealthy",
            service=SERVICE_NAME,
            version=VERSION,
            uptime=_uptime(services),
            checked_at=at,
            dependencies={**found.dependencies, **dagster, **gateway},
            queues={"ticket-generation": generation, **found.queues},
            last_backup_at=found.last_backup_at,
        )
    )


def _channels(settings: Settings) -> list[Channel]:
    """Return the channels that the settings can send by."""
    has_mail = settings.mail_url is not None or settings.midtrans_environment == "simulator"
    has_whatsapp = settings.active_whatsapp_provider != "none"
    choices = ((Channel.MAIL, has_mail), (Channel.WHATSAPP, has_whatsapp))
    return [channel for channel, is_used in choices if is_used]


@router.get(
    "/api/client-address",
    dependencies=[Depends(rate_limit_by_address)],
    responses=error_responses(429),
)
async def client_address(
    request: Request, response: Response
) -> SuccessResponse[ClientAddressResponse]:
    """Return the address by which requests of this client are limited; `doctor` asks for it."""
    response.headers.update(NO_STORE_HEADERS)
    address = request.client.host if request.client else ""
    return SuccessResponse(
        data=ClientAddressResponse(address=address, untrusted_proxy=untrusted_proxy(request))
    )


@metrics_router.get(
    "/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}}
)
def metrics(services: ServicesDependency, _: Viewer) -> Response:
    """Return metrics in Prometheus' text format; requires an API key."""
    return Response(
        services.get(Metrics).render(),
        headers={"Content-Type": CONTENT_TYPE_LATEST, **NO_STORE_HEADERS},
    )


def _uptime(services: ServicesDependency) -> float:
    return round((now() - services.started_at).total_seconds(), 1)
