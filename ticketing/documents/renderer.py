"""Render tickets to PDF. Callers do not depend on the PDF engine."""

from collections.abc import Callable

from ticketing.documents.fonts import font_problems
from ticketing.documents.template_context import SAMPLE_TICKET, ticket_variables
from ticketing.documents.template_proof import fit_location
from ticketing.documents.template_renderer import (
    PreflightIssue,
    TemplateRenderer,
    load_template,
)
from ticketing.documents.templates import TemplateFolders
from ticketing.documents.ticket_data import PrintedTicket
from ticketing.documents.weasyprint_engine import engine_problems
from ticketing.platform.kernel.errors import TemplateBroken, TextDoesNotFit, UndrawableText

_TEMPLATE_THAT_CAN_BE_STAMPED = "plain"


class Renderer:
    """Renders tickets; equal tickets and templates give equal bytes.

    Thread-safe: threads that use the same template take turns.
    """

    def __init__(self, templates: TemplateFolders) -> None:
        """Templates, fonts and the engine are loaded on first use."""
        self._templates = templates

    def open(self, template_id: str) -> TemplateRenderer:
        """Return the renderer of a template as its files are now."""
        return load_template(self._templates.get(template_id))

    def document_key(self, ticket: PrintedTicket, template_id: str) -> str:
        """Return a digest of everything that a document depends on; a stale PDF has another one."""
        return self.open(template_id).document_key(ticket)

    def check_template(
        self, template_id: str, sample: PrintedTicket = SAMPLE_TICKET
    ) -> TemplateRenderer:
        """Return the renderer of a template; a repeated check takes microseconds.

        Raises TemplateBroken when nobody could use its sample ticket.
        """
        try:
            template = self.open(template_id)
            template.prove(sample)
        except (TextDoesNotFit, UndrawableText) as error:
            place = fit_location(self._templates.get(template_id), error.details.get("field"))
            reason = f"template {template_id!r}, {place}: {error}"
            raise TemplateBroken(reason) from error
        return template

    def preflight_checker(
        self, template_id: str
    ) -> Callable[[PrintedTicket], list[PreflightIssue]]:
        """Return a function that finds the texts of a ticket that `render` would refuse."""
        find_issues = self.open(template_id).find_issues
        return lambda ticket: [
            issue
            for field, text in ticket_variables(ticket).items()
            for issue in find_issues(field, text)
        ]

    def render(self, ticket: PrintedTicket, template_id: str) -> bytes:
        """Return the ticket as a PDF of one page.

        Raises UndrawableText, TextDoesNotFit or TemplateBroken.
        """
        return self.open(template_id).render(ticket).content


def installation_problems() -> list[str]:
    """Return what is missing on this machine for rendering tickets, with what to do."""
    return [*engine_problems(), *font_problems()]


def stamping_problem() -> str | None:
    """Return why no template can be stamped on this machine, found by stamping a built-in one."""
    return Renderer(TemplateFolders()).open(_TEMPLATE_THAT_CAN_BE_STAMPED).stamping_refusal
