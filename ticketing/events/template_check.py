"""The check of an event's ticket template, which a package above this one makes."""

from collections.abc import Callable
from dataclasses import dataclass

from ticketing.events.model import NewEvent


@dataclass(frozen=True, slots=True)
class EventTemplateCheck:
    """Checks templates with the values of an event; `require_usable` raises TemplateBroken."""

    require_usable: Callable[[NewEvent], None]
