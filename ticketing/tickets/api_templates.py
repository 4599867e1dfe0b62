"""HTTP API for ticket templates, and the reference to one in other requests."""

from dataclasses import replace
from typing import Annotated

from pydantic import Field

from ticketing.access.authenticated_route import authenticated_router
from ticketing.access.authentication import Viewer
from ticketing.documents.template_checker import TemplateChecker
from ticketing.documents.templates import TemplateFolders
from ticketing.events.model import Event
from ticketing.platform.http.envelope import ResponseModel, SuccessResponse
from ticketing.platform.http.services import Services, ServicesDependency
from ticketing.tickets.template_choice import chosen_template, list_templates

router = authenticated_router("/api/templates", "templates")

TemplateReference = Annotated[
    int | str | None,
    Field(
        description="A template's name, or its number from `GET /api/templates`;"
        " absent or 1 uses the event's own."
    ),
]


class TemplateResponse(ResponseModel):
    """A ticket template; its number never changes."""

    id: int
    """The template's number, for `templateId` of other requests; it never changes."""
    name: str
    """The name of the template, for `templateId` of other requests."""


class TemplatesResponse(ResponseModel):
    """All ticket templates by number."""

    templates: list[TemplateResponse]
    """The templates, lowest number first."""


@router.get("")
def templates(services: ServicesDependency, _: Viewer) -> SuccessResponse[TemplatesResponse]:
    """Return the ticket templates; `templateId` of other requests is an id or a name."""
    found = list_templates(services.database, services.get(TemplateFolders))
    listed = [TemplateResponse(id=each.number, name=each.name) for each in found]
    return SuccessResponse(data=TemplatesResponse(templates=listed))


def resolve_template(services: Services, event: Event, reference: int | str | None) -> str | None:
    """Return the template that a request chooses, None for the event's own.

    Raises TemplateBroken for one that is unknown, or whose tickets could not be used.
    """
    name = chosen_template(services.database, services.get(TemplateFolders), reference)
    if name is not None:
        services.get(TemplateChecker).require_usable(replace(event, template_id=name))
    return name
