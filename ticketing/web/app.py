"""The application put together: routers, the threshold, what is started and stopped with it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

import anyio.to_thread
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.telemetry import TelemetryConfig

from ticketing.actions.batch_orders import end_abandoned
from ticketing.actions.generate import Means
from ticketing.application import Application
from ticketing.documents.folder import DocumentFolder
from ticketing.documents.renderer import Renderer
from ticketing.documents.templates import TemplateFolders
from ticketing.gateways.midtrans import Account
from ticketing.gateways.whatsapp_vendors import Subscription
from ticketing.signing.keys import KeyRing
from ticketing.store.database import Database
from ticketing.store.events import find_event
from ticketing.web import (
    batches,
    events,
    gate,
    health,
    holder,
    order_pages,
    orders,
    payments,
    problems,
    refunds,
    shop,
    tickets,
    voucher_api,
    voucher_console,
    voucher_purchase,
    voucher_repairs,
    voucher_stream,
    whatsapp,
)
from ticketing.web.limits import Limiter
from ticketing.web.live_board import LiveBoard
from ticketing.web.metrics import Metrics
from ticketing.web.notices import page_settings
from ticketing.web.pages import PageSettings
from ticketing.web.recent_events import RecentEvents
from ticketing.web.service import Service, now
from ticketing.web.threshold import Threshold
from ticketing.web.ticket_metrics import TicketMetrics
from ticketing.web.voucher_metrics import VoucherCollector
from ticketing.web.voucher_stream import board_as_it_is
from ticketing.web.workshop import Workshop

THREADS = 8
# two a thread, one an idempotency key in use, one a waiting batch, three a bench, one an order, one
# a call to the gateway, one a notice from it and one a report of a message, and some to spare
CONNECTIONS = 65
# log and metrics are our own; FastAPI's would quote what people typed, and looked each time if to
SILENT: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}
CREDENTIALS = ("Authorization", "X-API-Key", "X-Order-Token")
ROUTERS = (
    tickets.router,
    batches.router,
    events.router,
    gate.router,
    orders.anybody,
    orders.one,
    payments.router,
    voucher_purchase.router,
    whatsapp.router,
    refunds.router,
    shop.router,
    order_pages.router,
    voucher_api.router,
    voucher_repairs.router,
    voucher_stream.router,
    voucher_console.router,
    holder.router,
    health.router,
    health.metrics_router,
)
DESCRIPTION = """\
Tickets of events: sold, made one by one or in batches, fetched, and validated.

Every JSON answer is `{"success": true, "data": …}` or `{"success": false, "error": …}`. Send an API
key as `Authorization: Bearer …` or `X-API-Key`; `ticketing api-keys add` makes one. A POST with an
`Idempotency-Key` is done once within 24 hours, however often it is sent.

Buyers need no key. Whoever orders gets a token, shown once and kept nowhere; it opens that order as
`X-Order-Token`, and its page at `/orders/{token}`. A gateway signs what it tells us.
"""


def create_app(application: Application) -> FastAPI:
    """The service of an open application."""
    service = _service(
        replace(application, database=Database.at(application.url, connections=CONNECTIONS))
    )
    app = FastAPI(
        title="Ticket assets",
        version=health.VERSION,
        description=DESCRIPTION,
        redoc_url=None,
        lifespan=_lifespan,
        telemetry=SILENT,
    )
    app.state.service = service
    problems.register(app)
    for router in ROUTERS:
        app.include_router(router)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=application.settings.cors_origins,
        allow_methods=["GET", "POST", "PUT"],
        allow_headers=[*CREDENTIALS, "Content-Type", "Idempotency-Key"],
        expose_headers=["X-Request-Id", "Idempotent-Replayed", "Retry-After"],
    )
    app.add_middleware(Threshold, metrics=service.get(Metrics))
    return app


def _service(application: Application) -> Service:
    database, templates = application.database, application.get(TemplateFolders)

    def means() -> Means:
        keys, folder = application.get(KeyRing), application.get(DocumentFolder)
        return Means(database, keys, Renderer(templates), folder)

    metrics = Metrics()
    metrics.registry.register(VoucherCollector(database, now))
    application.register_value(Metrics, metrics)
    application.register_value(TicketMetrics, TicketMetrics(metrics.registry, database))
    application.register_value(Workshop, Workshop(means, now))
    application.register_value(Limiter, Limiter(application.settings.web_requests_a_minute))
    application.register_value(PageSettings, page_settings(application.get(Account)))
    application.register_value(RecentEvents, RecentEvents(partial(find_event, database)))
    application.register_value(LiveBoard, LiveBoard("dashboard", partial(board_as_it_is, database)))
    application.find(Subscription)  # a wrong setting ends the start, not a request
    return Service(application, started_at=now())


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    service: Service = app.state.service
    anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
    end_abandoned(service.database, at=now())
    service.get(Workshop).open()
    try:
        yield
    finally:
        await anyio.to_thread.run_sync(service.get(Workshop).close)
        service.database.dispose()
