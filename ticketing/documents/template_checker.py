"""Prove templates for callers of several threads, because a renderer is not thread-safe."""

import threading

from ticketing.documents.renderer import Renderer
from ticketing.documents.template_context import sample_ticket
from ticketing.documents.templates import TemplateFolders
from ticketing.events.model import Event, NewEvent


class TemplateChecker:
    """Proves templates with a renderer of its own; a repeated check takes microseconds."""

    def __init__(self, templates: TemplateFolders) -> None:
        """The engine is loaded by the first check."""
        self._renderer = Renderer(templates)
        self._lock = threading.Lock()

    def require_usable(self, event: Event | NewEvent) -> None:
        """Raise TemplateBroken unless the event's template makes tickets that can be used."""
        with self._lock:
            self._renderer.check_template(event.template_id, sample_ticket(event))
