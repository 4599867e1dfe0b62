"""Assemble the FastAPI application: routers, middleware, services, start and shutdown."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

import anyio.to_thread
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.telemetry import TelemetryConfig

from ticketing.access.credential_ration import CredentialRation
from ticketing.access.sessions.middleware import SessionMiddleware
from ticketing.access.sign_in import pages as sign_in_pages
from ticketing.access.sign_in.html import SignInLinks
from ticketing.app.web import api_docs_page, go_live_page
from ticketing.app.web.openapi import complete_openapi
from ticketing.billing.pages import api as sync_api
from ticketing.billing.pages import bank_statement_pages, student_pages, sync_page
from ticketing.billing.pages.stream import SyncStreams
from ticketing.billing.sync.drive import BillingConnector
from ticketing.checkin import api as checkin_api
from ticketing.checkin import api_checkins, api_gates, gate_page
from ticketing.console import import_pages
from ticketing.console.routers import CONSOLE_ROUTERS
from ticketing.crypto.keyring import KeyRing
from ticketing.documents.file_store import DocumentFolder
from ticketing.documents.renderer import Renderer
from ticketing.documents.templates import TemplateFolders
from ticketing.events.cache import EventCache
from ticketing.events.queries import get_event
from ticketing.monitoring import api as monitoring_api
from ticketing.monitoring import api_health, api_repairs, console_page
from ticketing.monitoring.api import dashboard_snapshot
from ticketing.monitoring.billing_metrics import BillingCollector
from ticketing.monitoring.check_in_metrics import CheckInCollector
from ticketing.monitoring.payment_metrics import PaymentCollector
from ticketing.monitoring.queue_metrics import QueueCollector
from ticketing.monitoring.voucher_metrics import VoucherCollector
from ticketing.notifications import api_whatsapp
from ticketing.notifications.whatsapp.providers import WhatsAppProviderConfig
from ticketing.people_data import api as people_api
from ticketing.platform.application import Application
from ticketing.platform.db.database import Database
from ticketing.platform.http import errors as http_errors
from ticketing.platform.http.metrics import Metrics
from ticketing.platform.http.middleware import RequestMiddleware
from ticketing.platform.http.multipart import MAX_OVERHEAD_BYTES
from ticketing.platform.http.pages import PageSettings
from ticketing.platform.http.rate_limit import RateLimiter
from ticketing.platform.http.request_metrics import RequestCollector
from ticketing.platform.http.services import Services, now
from ticketing.platform.http.shared_counts import SharedCounts
from ticketing.platform.http.sse import EventStream
from ticketing.reporting.closing import api as closing_report_api
from ticketing.roster.erased_contacts import ErasedContacts
from ticketing.roster.guests import api as api_guests
from ticketing.roster.uploads import api as import_api
from ticketing.roster.uploads.api import UPLOAD_PATH_PATTERN
from ticketing.roster.uploads.import_request_queue import ImportRequestQueue
from ticketing.selling.box_office import api as box_office_api
from ticketing.selling.checkout import api as checkout_api
from ticketing.selling.checkout import api_payment, api_vouchers
from ticketing.selling.contacts import api as contacts_api
from ticketing.selling.contacts import pages as contact_pages
from ticketing.selling.payments.midtrans.client import MidtransAccount
from ticketing.selling.refunds import api as refund_api
from ticketing.selling.review import api as review_api
from ticketing.selling.shop import event_list_page, order_pages, shop_pages
from ticketing.selling.shop.html import build_page_settings
from ticketing.selling.waiting_list import api as waiting_list_api
from ticketing.selling.waiting_list import pages as waiting_list_pages
from ticketing.tickets import api as ticket_api
from ticketing.tickets import api_event_tickets, api_events, api_holder, api_templates
from ticketing.tickets.batches import api as batche_api
from ticketing.tickets.batches.generation_queue import TicketGenerationQueue
from ticketing.tickets.batches.service import fail_abandoned_batches
from ticketing.tickets.generate import GenerationContext
from ticketing.tickets.metrics import TicketCollector

MAX_THREADS = 8
# two per thread, one per idempotency key in use, one per waiting batch, three per generation
# thread, six for an import, one each per order, gateway call, payment notification and receipt,
# one for shared limits, and a reserve
MAX_CONNECTIONS = 72
LOCK_TIMEOUT_SECONDS = 5  # a request that waits longer is answered with 503 and can be repeated
# we have our own log and metrics; FastAPI's would log user input, and checked for it every time
TELEMETRY_OFF: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}
SIGN_IN_LINKS = (
    ("console", "/console"),
    ("vouchers", "/voucher"),
    ("go_live", "/admin/go-live"),
    ("students", "/admin/siswa"),
    ("payment_sync", "/admin/sync-pembayaran"),
    ("docs", "/docs"),
)
CREDENTIAL_HEADERS = ("Authorization", "X-API-Key", "X-Order-Token")
ROUTERS = (
    # routes are tried in this order, and buyers of a sold-out event come in thousands
    checkout_api.public_router,
    api_payment.router,
    checkout_api.order_router,
    ticket_api.router,
    ticket_api.file_router,
    batche_api.router,
    api_events.router,
    api_event_tickets.router,
    closing_report_api.router,
    import_api.router,
    api_templates.router,
    api_guests.router,
    people_api.router,
    checkin_api.router,
    api_checkins.router,
    api_checkins.event_router,
    api_gates.router,
    api_gates.pairing_router,
    gate_page.router,
    *CONSOLE_ROUTERS,
    review_api.router,
    box_office_api.router,
    api_vouchers.router,
    api_whatsapp.router,
    refund_api.router,
    event_list_page.router,
    contacts_api.public_router,
    contacts_api.buyer_router,
    contacts_api.office_router,
    contact_pages.order_router,
    contact_pages.shop_router,
    waiting_list_api.public_router,
    waiting_list_api.router,
    waiting_list_pages.shop_router,
    waiting_list_pages.entry_router,
    shop_pages.router,
    order_pages.router,
    monitoring_api.router,
    api_repairs.router,
    console_page.router,
    go_live_page.router,
    sync_page.router,
    sync_api.router,
    student_pages.router,
    bank_statement_pages.router,
    sign_in_pages.router,
    api_holder.router,
    api_docs_page.router,
    api_docs_page.json_router,
    api_health.router,
    api_health.metrics_router,
)
DESCRIPTION = """\
Sell, issue, download and validate tickets of events.

Every JSON response is `{"success": true, "data": …}` or `{"success": false, "error": …}`. Send an
API key as `Authorization: Bearer …` or `X-API-Key`; `ticketing api-keys create` creates one. In a
browser, the session of a user who has signed in at `/sign-in` counts, too. A POST with an
`Idempotency-Key` is processed once within 24 hours, however often it is sent.

Buyers need no API key. Placing an order returns a token, shown once and never stored; it gives
access to that order as `X-Order-Token`, and to its page at `/orders/{token}`. Payment notifications
are signed by the gateway.
"""


def create_app(application: Application) -> FastAPI:
    """Return the FastAPI application for an open application."""
    service = _build_services(application)
    app = FastAPI(
        title="Ticket assets",
        version=api_health.VERSION,
        description=DESCRIPTION,
        openapi_url=None,  # api_docs_page has both, for those who have signed in
        lifespan=_lifespan,
        telemetry=TELEMETRY_OFF,
        # `include_router` would build every route a second time, at the first request
        routes=[route for router in ROUTERS for route in router.routes],
    )
    app.state.service = service
    http_errors.register_error_handlers(app)
    app.mount("/docs/files", api_docs_page.swagger_ui_files())
    complete_openapi(app)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=application.settings.cors_origins,
        allow_methods=["GET", "POST", "PUT", "PATCH"],
        allow_headers=[*CREDENTIAL_HEADERS, "Content-Type", "Idempotency-Key"],
        expose_headers=["X-Request-Id", "Idempotent-Replayed", "Retry-After"],
    )
    app.add_middleware(
        SessionMiddleware,
        database=service.database,
        public_url=application.settings.web_public_url or "",
        ration=service.get(CredentialRation),
    )
    patterns = (UPLOAD_PATH_PATTERN, import_pages.UPLOAD_PATH_PATTERN)
    uploads = dict.fromkeys(patterns, application.settings.max_file_size + MAX_OVERHEAD_BYTES)
    app.add_middleware(RequestMiddleware, metrics=service.get(Metrics), upload_limits=uploads)
    return app


def _build_services(application: Application) -> Services:
    """Return the services; their database has more connections, and other objects are new."""
    services = Services(
        application.settings,
        Database.from_url(
            application.url,
            max_connections=MAX_CONNECTIONS,
            environment=application.settings.midtrans_environment,
            lock_timeout_seconds=LOCK_TIMEOUT_SECONDS,
        ),
        application.url,
        application.dagster_url,
        application.server,
        application.get_factory,
        started_at=now(),
    )
    database, templates = services.database, services.get(TemplateFolders)

    def means() -> GenerationContext:
        keys, folder = services.get(KeyRing), services.get(DocumentFolder)
        return GenerationContext(database, keys, Renderer(templates), folder)

    metrics = Metrics()
    metrics.registry.register(VoucherCollector(database, now))
    metrics.registry.register(PaymentCollector(database))
    metrics.registry.register(QueueCollector(database))
    metrics.registry.register(BillingCollector(database))
    metrics.registry.register(CheckInCollector(database))
    services.register_value(Metrics, metrics)
    metrics.registry.register(TicketCollector(database))
    services.register_value(TicketGenerationQueue, TicketGenerationQueue(means, now))
    services.register_value(ImportRequestQueue, _import_request_queue(services))
    _register_limits(services, metrics)
    services.register_value(PageSettings, build_page_settings(services.get(MidtransAccount)))
    services.register_value(SignInLinks, SignInLinks(SIGN_IN_LINKS))
    services.register_value(EventCache, EventCache(partial(get_event, database)))
    services.register_value(
        EventStream, EventStream("dashboard", partial(dashboard_snapshot, database))
    )
    services.register_value(SyncStreams, SyncStreams(database, services.find(BillingConnector)))
    # an invalid setting fails at start, not in a request
    services.find(WhatsAppProviderConfig)
    services.settings.require_public_url()
    return services


def _register_limits(services: Services, metrics: Metrics) -> None:
    """Register the limits, which are shared with the other processes of the web service."""
    limiter, ration = RateLimiter(services.settings.web_requests_a_minute), CredentialRation()
    requests = RequestCollector(services.database, metrics)
    metrics.registry.register(requests)
    services.register_value(RateLimiter, limiter)
    services.register_value(CredentialRation, ration)
    limiters = {"requests": limiter, "wrong credentials": ration.limiter}
    services.register_value(SharedCounts, SharedCounts(services.database, limiters, requests))


def _import_request_queue(services: Services) -> ImportRequestQueue:
    settings = services.settings
    retention = timedelta(days=settings.retention_days)
    return ImportRequestQueue(
        services.database, settings.uploads, now, retention=retention,
        erased=ErasedContacts(services.get(KeyRing)),
    )  # fmt: skip


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    service: Services = app.state.service
    anyio.to_thread.current_default_thread_limiter().total_tokens = MAX_THREADS
    fail_abandoned_batches(service.database, at=now())
    service.get(ImportRequestQueue).start()
    service.get(TicketGenerationQueue).start()
    service.get(SharedCounts).start()
    try:
        yield
    finally:
        await anyio.to_thread.run_sync(service.get(ImportRequestQueue).close)
        await anyio.to_thread.run_sync(service.get(TicketGenerationQueue).close)
        await anyio.to_thread.run_sync(service.get(SharedCounts).close)
        service.database.dispose()
