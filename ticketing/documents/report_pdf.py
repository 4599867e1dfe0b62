"""The generation report as a PDF, from `templates/report/`."""

from collections.abc import Mapping
from datetime import datetime

from ticketing.documents.html_pdf import render_html_pdf
from ticketing.events.model import Event
from ticketing.platform.kernel.local_dates import format_event_dates, format_instant
from ticketing.platform.paths import TEMPLATES

FOLDER = TEMPLATES / "report"


def render_report_pdf(event: Event, context: Mapping[str, object], *, at: datetime) -> bytes:
    """Return the report as PDF; `context` has the template's variables."""
    common = {
        "event": event,
        "date": format_event_dates(event.starts_at, event.ends_at, event.time_zone, "en"),
        "written_at": format_instant(at, event.time_zone, "en"),
    }
    return render_html_pdf(FOLDER / "report.html.j2", FOLDER / "report.css", common | dict(context))
