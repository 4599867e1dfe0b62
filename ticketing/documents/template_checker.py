"""Prove the templates of events."""

from ticketing.documents.renderer import Renderer
from ticketing.documents.template_context import sample_ticket
from ticketing.documents.templates import TemplateFolders
from ticketing.events.model import Event, NewEvent


class TemplateChecker:
    """Proves templates; a repeated check takes microseconds. Thread-safe."""

    def __init__(self, templates: TemplateFolders) -> None:
        """The engine is loaded by the first check."""
        self._renderer = Renderer(templates)

    def require_usable(self, event: Event | NewEvent) -> None:
        """Raise TemplateBroken unless the event's template makes tickets that can be used."""
        self._renderer.check_template(event.template_id, sample_ticket(event))
