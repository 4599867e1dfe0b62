"""Request parameters that refer to an event and a ticket template."""

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated

from pydantic import Field

from ticketing.events.model import Event
from ticketing.events.queries import get_event
from ticketing.platform.http.envelope import Id
from ticketing.platform.http.services import Services

EVENT_DEFAULT_TEMPLATE = 1  # older clients send numbers for templates; this one is the default

EventReference = Annotated[
    Id | Annotated[str, Field(pattern="^[a-z0-9-]{1,63}$")],
    Field(description="The event's id or slug."),
]
TemplateReference = Annotated[
    int | str | None,
    Field(description="A template's name; absent or 1 uses the event's own."),
]


def resolve_event(
    services: Services,
    event_id: int | str,
    template_id: int | str | None,
    *,
    find_template: Callable[[str], object],
) -> Event:
    """Return the event, with that template. Raises UnknownEvent and TemplateBroken."""
    event = get_event(services.database, str(event_id))
    if template_id is None or template_id == EVENT_DEFAULT_TEMPLATE:
        return event
    find_template(str(template_id))
    return replace(event, template_id=str(template_id))
