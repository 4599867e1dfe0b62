"""The generation report as a PDF, from `templates/report/`."""

import functools
from collections.abc import Mapping
from datetime import datetime

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from ticketing.documents.emoji import leave_out_emoji
from ticketing.documents.fonts import installed_fonts
from ticketing.events.model import Event
from ticketing.platform.kernel.local_dates import format_event_dates, format_instant
from ticketing.platform.kernel.text import to_printable
from ticketing.platform.paths import TEMPLATES

FOLDER = TEMPLATES / "report"


def to_drawable(value: object) -> object:
    """Return a text without characters that would be printed as a box; other values unchanged.

    Emoji are left out as on the ticket; of other characters the code point is printed.
    """
    if not isinstance(value, str) or (value.isascii() and value.isprintable()):
        return value
    fonts = installed_fonts()
    text = leave_out_emoji(to_printable(value), fonts.undrawable)
    for character in fonts.undrawable(text):
        text = text.replace(character, f"[U+{ord(character):04X}]")
    return text


@functools.cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, finalize=to_drawable,
    )  # fmt: skip
    return environment.get_template("report.html.j2")


def render_report_pdf(event: Event, context: Mapping[str, object], *, at: datetime) -> bytes:
    """Return the report as PDF; `context` has the template's variables."""
    import weasyprint  # noqa: PLC0415 - takes a second, and most processes write no report

    html = _template().render(
        event=event,
        date=format_event_dates(event.starts_at, event.ends_at, event.time_zone, "en"),
        written_at=format_instant(at, event.time_zone, "en"),
        **context,
    )
    style = weasyprint.CSS(filename=str(FOLDER / "report.css"))
    document = weasyprint.HTML(string=html, base_url=str(FOLDER))
    pdf: bytes = document.write_pdf(stylesheets=[style])
    return pdf
