"""Compile a template for stamping: what cannot be proved equal to a full render is refused."""

import gc
from collections.abc import Callable
from dataclasses import replace

import structlog

from ticketing.documents.pdf_inspection import same_picture
from ticketing.documents.pdf_options import REFUSAL
from ticketing.documents.printed_page import PrintedPage
from ticketing.documents.stamping.slots import NotStampable
from ticketing.documents.stamping.stamper import Stamper
from ticketing.documents.template_context import SAMPLE_TICKET
from ticketing.documents.template_html import TicketHtmlTemplate
from ticketing.documents.ticket_data import PrintedTicket
from ticketing.documents.weasyprint_engine import TemplatePdfWriter

LOG = structlog.stdlib.get_logger("ticketing.documents")
_UNESCAPED = NotStampable("", "it prints unescaped text; remove `safe` and `autoescape`")
_IDENTIFIER = "0" * 32
# a name in two scripts and of several lines: another class of text than the sample's
_SECOND_SAMPLE = replace(
    SAMPLE_TICKET,
    full_name="Екатерина Raden Ajeng Kusumaningtyas Prabowo Wijayakusuma",
    first_name="Екатерина Raden Ajeng",
    last_name="Kusumaningtyas Prabowo Wijayakusuma",
    seat="Tribun Barat 112",
)


def compile_stamper(
    page: TicketHtmlTemplate,
    writer: TemplatePdfWriter,
    render_in_full: Callable[[PrintedTicket, str], bytes],
) -> Stamper | NotStampable:
    """Return a stamper whose samples equal full renders, or the reason why there is none."""
    if page.prints_unescaped:
        return _UNESCAPED
    if writer.options.tags:  # they belong to one page's texts, and the tail of a PDF has none
        return NotStampable("", REFUSAL)
    try:
        stamper = Stamper(page, writer)
        for sample in (SAMPLE_TICKET, _SECOND_SAMPLE):
            _require_equal(stamper, sample, render_in_full)
    except NotStampable as reason:
        return reason.with_traceback(None)
    except Exception as error:  # of any kind: WeasyPrint's private calls may have changed
        LOG.exception("stamping is off for a template")
        return NotStampable("", f"stamping fails with {type(error).__name__}: {error}")
    # what is compiled stays: looking through it for garbage took a fifteenth of a ticket's time
    gc.collect()
    gc.freeze()
    return stamper


def _require_equal(
    stamper: Stamper, sample: PrintedTicket, render_in_full: Callable[[PrintedTicket, str], bytes]
) -> None:
    stamped = stamper.stamp(PrintedPage.of(sample), _IDENTIFIER).content
    if not same_picture(stamped, render_in_full(sample, _IDENTIFIER)):
        raise NotStampable("", "its stamped sample looks different from a full render")
