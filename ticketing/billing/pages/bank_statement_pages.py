"""The page of credits on bank accounts: matched, proposed, open; matched and unmatched by hand."""

from datetime import timedelta
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Path, Query, Request, Response
from fastapi.responses import RedirectResponse

from ticketing.access.authentication import Operator, Viewer
from ticketing.access.caller import Caller, Role
from ticketing.access.signed_in_pages import sign_out_token, signed_in_pages_router
from ticketing.billing.bank_statements import row_queries, statements
from ticketing.billing.bank_statements.judge_row import RowState
from ticketing.billing.eligibility.match_payments import match_all_events
from ticketing.billing.pages.api import Language, require_connector, verify_form
from ticketing.billing.pages.html import render
from ticketing.billing.pages.student_pages import format_amount
from ticketing.billing.sync.drive import BillingConnector
from ticketing.platform.http.envelope import MAX_ID
from ticketing.platform.http.errors import NotAllowed
from ticketing.platform.http.forms import FormFields
from ticketing.platform.http.services import Services, ServicesDependency, now
from ticketing.platform.kernel.errors import Refused

PATH = "/admin/mutasi-bank"
PAGE_ROWS = 50

router = signed_in_pages_router(PATH, include_in_schema=False)
RowId = Annotated[int, Path(ge=1, le=MAX_ID)]


async def require_form(request: Request) -> None:
    """Raise NotAllowed for anything but a form of this page."""
    if not await verify_form(request):
        raise NotAllowed("send the form of the page")


@router.get("")
def show(
    *,
    request: Request,
    services: ServicesDependency,
    caller: Viewer,
    language: Language,
    state: Annotated[RowState | None, Query()] = None,
    before: Annotated[int | None, Query(ge=1, le=MAX_ID)] = None,
) -> Response:
    """Return a page of credits, the latest first."""
    return _page(request, services, caller, language, state=state, before=before)


@router.post("/{row_id}/match", dependencies=[Depends(require_form)])
def match(
    *,
    request: Request,
    services: ServicesDependency,
    caller: Operator,
    language: Language,
    row_id: RowId,
    fields: FormFields,
) -> Response:
    """Match a credit with the bill of the form, or with the proposed one."""
    student, bill = fields.get("student", "").strip(), fields.get("bill", "").strip()
    source = require_connector(services).name
    try:
        statements.match_by_hand(
            services.database, source, row_id, bill=(student, bill) if student or bill else None,
            in_addition=bool(fields.get("in_addition")), by=caller.actor, at=now(),
        )  # fmt: skip
    except Refused as error:
        return _page(request, services, caller, language, problem=error)
    return _done(services, caller, language, fields)


@router.post("/{row_id}/unmatch", dependencies=[Depends(require_form)])
def unmatch(
    *,
    request: Request,
    services: ServicesDependency,
    caller: Operator,
    language: Language,
    row_id: RowId,
    fields: FormFields,
) -> Response:
    """Undo a match, or refuse a proposal, with the reason of the form."""
    source = require_connector(services).name
    try:
        statements.unmatch(
            services.database, source, row_id, reason=fields.get("reason", ""), by=caller.actor,
            at=now(),
        )  # fmt: skip
    except Refused as error:
        return _page(request, services, caller, language, problem=error)
    return _done(services, caller, language, fields)


def _done(
    services: Services, caller: Caller, language: str, fields: dict[str, str]
) -> RedirectResponse:
    match_all_events(
        services.database, require_connector(services).name, by=caller.actor, at=now(),
        max_age=timedelta(days=services.settings.billing_max_age_days),
    )  # fmt: skip
    state = fields.get("state", "")
    chosen = f"&state={state}" if state in set(RowState) else ""
    return RedirectResponse(f"{PATH}?language={language}{chosen}", HTTPStatus.SEE_OTHER)


def _page(
    request: Request,
    services: Services,
    caller: Caller,
    language: str,
    *,
    state: RowState | None = None,
    before: int | None = None,
    problem: Refused | None = None,
) -> Response:
    connector, token = services.find(BillingConnector), sign_out_token(request)
    if connector is None:
        return render("not_configured.html.j2", language, token=token)
    rows = services.database.run(
        row_queries.list_rows, connector.name, state=state, before_id=before, limit=PAGE_ROWS + 1
    )
    sums = services.database.run(row_queries.sum_states, connector.name)
    return render(
        "bank_statements.html.j2", language, token=token, rows=rows[:PAGE_ROWS], sums=sums,
        status=HTTPStatus.OK if problem is None else problem.status,
        problem="" if problem is None else str(problem), chosen=state, before=before,
        next_id=rows[PAGE_ROWS - 1].id if len(rows) > PAGE_ROWS else None, amount=format_amount,
        may_act=caller.role.includes(Role.OPERATOR),
    )  # fmt: skip
