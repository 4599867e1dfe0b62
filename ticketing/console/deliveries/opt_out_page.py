"""Addresses that get no campaigns: find, add and take back; messages about own orders go on."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import Query, Response

from ticketing.access.authentication import AnyEventViewer, Operator
from ticketing.access.caller import Caller
from ticketing.access.signed_in_pages import signed_in_pages_router
from ticketing.console.deliveries import ledger_queries
from ticketing.console.deliveries.ledger_page import DELIVERIES_PATH
from ticketing.console.html import CheckedForm, ConsolePage, PageDependency, redirect
from ticketing.notifications.campaigns.opt_out import opt_out_address, undo_opt_out
from ticketing.platform.http.services import now
from ticketing.platform.kernel.errors import Refused

OPT_OUTS_PATH = f"{DELIVERIES_PATH}/opt-outs"

router = signed_in_pages_router(OPT_OUTS_PATH, include_in_schema=False)


@router.get("")
def show_opt_outs(
    page: PageDependency,
    caller: AnyEventViewer,
    text: Annotated[str, Query(alias="q", max_length=254)] = "",
    after: Annotated[str, Query(max_length=254)] = "",
) -> Response:
    """Return the addresses, to callers of all events only."""
    caller.require_event(None)
    return _render(page, caller, text=text.strip(), after=after)


@router.post("")
def change(page: PageDependency, caller: Operator, fields: CheckedForm) -> Response:
    """Exclude an address from campaigns, or take that back."""
    database, address = page.services.database, fields.get("address", "")
    try:
        if fields.get("answer") == "undo":
            undo_opt_out(database, address, by=caller.actor)
        else:
            opt_out_address(database, address, at=now(), by=caller.actor)
    except Refused as error:
        return _render(page, caller, given=fields, status=error.status, problem=str(error))
    return redirect(OPT_OUTS_PATH)


def _render(
    page: ConsolePage,
    caller: Caller,
    *,
    text: str = "",
    after: str = "",
    given: Mapping[str, str] | None = None,
    status: int = 200,
    problem: str = "",
) -> Response:
    rows = page.services.database.run(ledger_queries.list_opt_outs, text, after=after)
    size = ledger_queries.PAGE
    return page.render(
        "opt_outs.html.j2", caller, status=status, problem=problem, text=text,
        opt_outs=rows[:size], is_first=not after, given=(given or {}).get("address", ""),
        total=page.services.database.run(ledger_queries.count_opt_outs),
        following=rows[size - 1].address if len(rows) > size else "",
    )  # fmt: skip
