"""What a running service has at hand, for whoever answers a request."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, cast

from fastapi import Depends, Request

from ticketing.documents.folder import DocumentFolder
from ticketing.documents.templates import TemplateFolders
from ticketing.domain.events import Event
from ticketing.office import Office
from ticketing.store.database import Database
from ticketing.web.limits import Limiter
from ticketing.web.metrics import Metrics
from ticketing.web.workshop import Workshop


@dataclass(frozen=True, slots=True)
class Service:
    """The office's things and the service's own."""

    office: Office
    workshop: Workshop
    metrics: Metrics
    limiter: Limiter
    templates: TemplateFolders
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

    def address(self, request: Request, path: str) -> str:
        """An address of ours as others can reach it."""
        return (self.office.settings.web_public_url or str(request.base_url)).rstrip("/") + path


def now() -> datetime:
    """The web is one of the doors that may ask the clock."""
    return datetime.now(UTC)


def service(request: Request) -> Service:
    """The service that the request came to."""
    return cast("Service", request.app.state.service)


Serving = Annotated[Service, Depends(service)]
