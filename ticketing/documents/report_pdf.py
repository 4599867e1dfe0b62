"""The generation report as a PDF, from `templates/report/`."""

import functools
from collections.abc import Mapping
from datetime import datetime

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from ticketing.events.model import Event
from ticketing.platform.kernel.local_dates import format_event_dates, format_instant
from ticketing.platform.paths import TEMPLATES

FOLDER = TEMPLATES / "report"


@functools.cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
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
