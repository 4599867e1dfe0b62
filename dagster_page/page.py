"""Assemble the page: the sign-in page, the guard, and Dagster's webserver behind it."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from dagster import DagsterInstance
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster_webserver.version import __version__ as webserver_version
from dagster_webserver.webserver import DagsterWebserver
from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig

from dagster_page.guard import PageGuard
from ticketing.access.credential_ration import CredentialRation
from ticketing.access.sessions.middleware import SessionMiddleware
from ticketing.access.sign_in import pages
from ticketing.access.sign_in.html import SignInLinks
from ticketing.platform.application import Application
from ticketing.platform.http.errors import register_error_handlers
from ticketing.platform.http.metrics import Metrics
from ticketing.platform.http.middleware import RequestMiddleware
from ticketing.platform.http.services import Services, now

LINKS = (("dagster", "/"),)
MAX_GRAPHQL_BYTES = 4 * 1024 * 1024
TELEMETRY_OFF: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}
# the defaults of `dagster-webserver`
STATEMENT_TIMEOUT_MILLISECONDS, POOL_RECYCLE_SECONDS, POOL_MAX_OVERFLOW = 15_000, 3600, 20


def create_page(application: Application, context: WorkspaceProcessContext) -> FastAPI:
    """Return the page for an open application and an open workspace."""
    settings = application.settings
    public_url = settings.dagster_public_url or ""
    page = FastAPI(openapi_url=None, telemetry=TELEMETRY_OFF)
    page.state.service = _services(application)
    register_error_handlers(page)
    page.include_router(pages.router)
    page.mount("/", DagsterWebserver(context).create_asgi_app())
    # the last one is the outermost
    host = urlsplit(public_url).hostname
    page.add_middleware(
        PageGuard, hosts=frozenset({host} if host else ()), database=application.database
    )
    page.add_middleware(
        SessionMiddleware, database=application.database, public_url=public_url,
        ration=CredentialRation(),
    )  # fmt: skip
    limits = {"/graphql": MAX_GRAPHQL_BYTES}
    page.add_middleware(RequestMiddleware, metrics=Metrics(), upload_limits=limits)
    return page


def _services(application: Application) -> Services:
    services = Services(
        application.settings,
        application.database,
        application.url,
        application.dagster_url,
        application.server,
        application.get_factory,
        started_at=now(),
    )
    services.register_value(SignInLinks, SignInLinks(LINKS))
    return services


@contextmanager
def open_workspace(path: str) -> Iterator[WorkspaceProcessContext]:
    """Open the workspace of a file with the Dagster instance of DAGSTER_HOME."""
    with DagsterInstance.get() as instance:
        instance.optimize_for_webserver(
            STATEMENT_TIMEOUT_MILLISECONDS, POOL_RECYCLE_SECONDS, POOL_MAX_OVERFLOW
        )
        target = WorkspaceFileTarget(paths=[path])
        with WorkspaceProcessContext(
            instance, version=webserver_version, workspace_load_target=target
        ) as context:
            yield context
