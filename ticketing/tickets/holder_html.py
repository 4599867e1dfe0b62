"""HTML of the magic link's page, from `templates/holder/`."""

import functools

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ticketing.documents.qr import QrCode
from ticketing.documents.template_context import language_variables, ticket_variables
from ticketing.documents.ticket_data import PrintedTicket
from ticketing.platform.paths import TEMPLATES

FOLDER = TEMPLATES / "holder"


@functools.cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip


def render_holder_page(ticket: PrintedTicket, *, document_url: str | None) -> str:
    """Return the page of a live ticket; `document_url` is None without a PDF."""
    return (
        _environment()
        .get_template("ticket.html.j2")
        .render(
            **ticket_variables(ticket),
            **language_variables(ticket),
            qr=QrCode(ticket.qr_text).data_url(),
            document_url=document_url,
        )
    )


def render_holder_notice(*, title: str, sentence: str) -> str:
    """Return the page for a revoked ticket or an unknown link."""
    return _environment().get_template("notice.html.j2").render(title=title, sentence=sentence)
