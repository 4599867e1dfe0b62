"""What a running service has at hand, for whoever answers a request."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, cast

from fastapi import Depends, Request

from ticketing.documents.folder import DocumentFolder
from ticketing.documents.templates import TemplateFolders
from ticketing.domain.events import Event
from ticketing.gateways.midtrans import Account
from ticketing.gateways.whatsapp_vendors import Subscription
from ticketing.office import Office
from ticketing.store.database import Database
from ticketing.web.limits import Limiter
from ticketing.web.live_board import LiveBoard
from ticketing.web.metrics import Metrics
from ticketing.web.recent_events import RecentEvents
from ticketing.web.workshop import Workshop


@dataclass(frozen=True, slots=True)
class Service:
    """The office's things and the service's own."""

    office: Office
    workshop: Workshop
    metrics: Metrics
    limiter: Limiter
    templates: TemplateFolders
    account: Account
    chat: Subscription | None  # with who carries WhatsApp messages
    recent_events: RecentEvents
    voucher_board: LiveBoard
    started_at: datetime

    @property
    def database(self) -> Database:
        """The application's database."""
        return self.office.database

    @property
    def folder(self) -> DocumentFolder:
        """Where the PDFs are."""
        return self.office.folder

    def event(self, slug_or_id: str) -> Event:
        """The event; raises UnknownEvent."""
        return self.office.event(slug_or_id)

    def ticket_path(self, token_id: bytes) -> str:
        """The holder's page of a ticket."""
        return f"/t/{self.office.keys.magic_link(token_id)}"

    def address(self, request: Request, path: str) -> str:
        """An address of ours as others can reach it."""
        return (self.office.settings.web_public_url or str(request.base_url)).rstrip("/") + path


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
