"""What a request says of event and template, made into the event it means."""

from dataclasses import replace
from typing import Annotated, Protocol

from pydantic import Field

from ticketing.domain.events import Event
from ticketing.store.events import find_event
from ticketing.web.answers import Id
from ticketing.web.service import Service

EVENTS_OWN = 1  # older clients number templates; they knew only this one

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

    def find(self, template_id: str, /) -> object:
        """Return the template. Raises TemplateBroken when there is none."""
        ...


def chosen(
    serving: Service,
    event_id: int | str,
    template_id: int | str | None,
    *,
    templates: TemplateFinder,
) -> Event:
    """The event, printing with that template. Raises UnknownEvent and TemplateBroken."""
    event = find_event(serving.database, str(event_id))
    if template_id is None or template_id == EVENTS_OWN:
        return event
    templates.find(str(template_id))
    return replace(event, template_id=str(template_id))
