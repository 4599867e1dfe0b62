"""What a request says of event and template, made into the event it means."""

from dataclasses import replace
from typing import Annotated, Protocol

from pydantic import Field

from ticketing.events.model import Event
from ticketing.events.queries import get_event
from ticketing.platform.http.envelope import Id
from ticketing.platform.http.services import Services

EVENT_DEFAULT_TEMPLATE = 1  # older clients number templates; they knew only this one

EventReference = Annotated[
    Id | Annotated[str, Field(pattern="^[a-z0-9-]{1,63}$")],
    Field(description="The event's number or slug."),
]
TemplateReference = Annotated[
    int | str | None,
    Field(description="A template's name; absent or 1 is the event's own."),
]


class TemplateFinder(Protocol):
    """Find a ticket template by its name."""

    def get(self, template_id: str, /) -> object:
        """Return the template. Raises TemplateBroken when there is none."""
        ...


def resolve_event(
    services: Services,
    event_id: int | str,
    template_id: int | str | None,
    *,
    templates: TemplateFinder,
) -> Event:
    """The event, printing with that template. Raises UnknownEvent and TemplateBroken."""
    event = get_event(services.database, str(event_id))
    if template_id is None or template_id == EVENT_DEFAULT_TEMPLATE:
        return event
    templates.get(str(template_id))
    return replace(event, template_id=str(template_id))
