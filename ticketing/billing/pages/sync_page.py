"""The page that starts, watches and stops a sync. Its script only draws what the API says."""

from fastapi import Request, Response

from ticketing.access.authentication import Viewer
from ticketing.access.caller import Role
from ticketing.access.signed_in_pages import sign_out_token, signed_in_pages_router
from ticketing.billing.differences.trend_queries import list_trend
from ticketing.billing.pages.api import PATH, Language
from ticketing.billing.pages.html import labels, render
from ticketing.billing.pages.student_pages import format_amount
from ticketing.billing.sync import item_queries
from ticketing.billing.sync.drive import BillingConnector
from ticketing.billing.sync.log_messages import failure_text
from ticketing.billing.sync.progress import progress
from ticketing.billing.sync.progress_json import progress_to_json
from ticketing.platform.http.line_chart import draw_line
from ticketing.platform.http.services import ServicesDependency, now

MAX_FAILED = 50

router = signed_in_pages_router(PATH, include_in_schema=False)


@router.get("")
def show(
    request: Request, services: ServicesDependency, caller: Viewer, language: Language
) -> Response:
    """Return the page with the present progress, which works without the script, too."""
    connector, token = services.find(BillingConnector), sign_out_token(request)
    if connector is None:
        return render("not_configured.html.j2", language, token=token)
    shown = progress(services.database, connector.name, at=now())
    failed, classes = [], {}
    if shown.run is not None and shown.run.failed:
        failed = services.database.run(item_queries.list_failed, shown.run.id, limit=MAX_FAILED)
        classes = services.database.run(item_queries.count_failures, shown.run.id)
    trend = services.database.run(list_trend, connector.name)
    return render(
        "sync.html.j2", language, token=token, may_act=caller.role.includes(Role.OPERATOR),
        progress=progress_to_json(shown, language), failed=failed,
        classes={failure_text(name, language): count for name, count in classes.items()},
        failure_text=lambda name: failure_text(name, language), trend=trend, amount=format_amount,
        chart=draw_line(
            [(point.at, float(point.arrears)) for point in trend], str(labels(language)["trend"])
        ),
    )  # fmt: skip
