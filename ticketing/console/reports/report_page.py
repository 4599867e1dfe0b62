"""The reports of an event: a page with drawings and tables, and each table as a file."""

from io import BytesIO, StringIO
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from fastapi import Query, Response

from ticketing.access.authentication import Viewer
from ticketing.access.signed_in_pages import signed_in_pages_router
from ticketing.console.home import PATH
from ticketing.console.html import PageDependency
from ticketing.console.reports.report_tables import EventReport, make_report
from ticketing.events.queries import get_event
from ticketing.platform.http.envelope import NO_STORE_HEADERS, EventInPath
from ticketing.platform.http.line_chart import draw_line
from ticketing.platform.kernel.csv_writer import ENCODING, write_sheet
from ticketing.platform.kernel.xlsx_writer import MEDIA_TYPE, write_workbook

router = signed_in_pages_router(f"{PATH}/events", include_in_schema=False)


@router.get("/{event}/reports")
def show_reports(event: EventInPath, page: PageDependency, caller: Viewer) -> Response:
    """Return all reports of an event."""
    known = get_event(page.services.database, event)
    with page.services.database.transaction() as connection:
        tables = {one: make_report(connection, known, one) for one in EventReport}
    return page.render("reports.html.j2", caller, event=known, tables=tables, draw_line=draw_line)


@router.get("/{event}/reports/{report}")
def download(
    event: EventInPath,
    report: EventReport,
    page: PageDependency,
    _: Viewer,
    kind: Annotated[Literal["csv", "xlsx"], Query(alias="format")] = "csv",
) -> Response:
    """Return a report as CSV or as a workbook."""
    known = get_event(page.services.database, event)
    table = page.services.database.run(make_report, known, report)
    if kind == "xlsx":
        workbook = BytesIO()
        write_workbook(workbook, {report: table.as_sheet()})
        content, media_type = workbook.getvalue(), MEDIA_TYPE
    else:
        text, delimiter = StringIO(), page.services.settings.csv_delimiter_character
        zone = ZoneInfo(known.time_zone)
        write_sheet(text, *table.as_sheet(), time_zone=zone, delimiter=delimiter)
        content, media_type = text.getvalue().encode(ENCODING), "text/csv"
    name = f'attachment; filename="{known.slug}-{report}.{kind}"'
    headers = NO_STORE_HEADERS | {"Content-Disposition": name}
    return Response(content, media_type=media_type, headers=headers)
