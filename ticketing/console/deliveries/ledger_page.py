"""The ledger of messages: filters, errors, the budget, and paused channels."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import Depends, Query, Response

from ticketing.access.authentication import AnyEventViewer
from ticketing.access.caller import Caller
from ticketing.access.signed_in_pages import signed_in_pages_router
from ticketing.console.deliveries import ledger_queries
from ticketing.console.deliveries.budget import get_budget
from ticketing.console.deliveries.ledger_queries import DeliveryFilter
from ticketing.console.home import PATH
from ticketing.console.html import ConsolePage, PageDependency
from ticketing.events.queries import get_event
from ticketing.notifications.admin import get_outbox_backlog
from ticketing.notifications.delivery import Channel, DeliveryState
from ticketing.platform.http.envelope import MAX_ID
from ticketing.platform.http.services import now

DELIVERIES_PATH = f"{PATH}/deliveries"

router = signed_in_pages_router(DELIVERIES_PATH, include_in_schema=False)


def read_filter(
    event: Annotated[str, Query(max_length=100)] = "",
    channel: Annotated[str, Query(max_length=20)] = "",
    state: Annotated[str, Query(max_length=20)] = "",
    *,
    failed: Annotated[bool, Query()] = False,
) -> Mapping[str, str]:
    """Return the filter of the address; a channel or state that does not exist filters nothing."""
    return {
        "event": event,
        "channel": channel if channel in set(Channel) else "",
        "state": state if state in set(DeliveryState) else "",
        "failed": "true" if failed else "",
    }


@router.get("")
def show_ledger(
    page: PageDependency,
    caller: AnyEventViewer,
    chosen: Annotated[Mapping[str, str], Depends(read_filter)],
    before: Annotated[int | None, Query(ge=1, le=MAX_ID)] = None,
) -> Response:
    """Return a page of the messages of the events that the caller may see, the newest first."""
    return render_ledger(page, caller, chosen, before=before)


def render_ledger(
    page: ConsolePage,
    caller: Caller,
    chosen: Mapping[str, str],
    *,
    before: int | None = None,
    status: int = 200,
    problem: str = "",
    resend_count: int | None = None,
) -> Response:
    """Return the ledger, with the plan of sending again or the reason of a refusal."""
    database, at = page.services.database, now()
    event = get_event(database, chosen["event"]) if chosen["event"] else None
    wanted = DeliveryFilter(
        event.id if event else None,
        Channel(chosen["channel"]) if chosen["channel"] else None,
        DeliveryState(chosen["state"]) if chosen["state"] else None,
        bool(chosen["failed"]),
    )
    rows = database.run(
        ledger_queries.list_deliveries, wanted, only=caller.event_ids, before=before
    )
    sees_all, size = caller.event_ids is None, ledger_queries.PAGE
    return page.render(
        "deliveries.html.j2", caller, status=status, problem=problem, chosen=chosen, event=event,
        deliveries=rows[:size], following=rows[size - 1].id if len(rows) > size else 0,
        is_first=before is None, channels=list(Channel), states=list(DeliveryState),
        no_address=Channel.LINK, resend_count=resend_count, sees_all=sees_all,
        budget=get_budget(page.services, at=at) if sees_all else None,
        rests=get_outbox_backlog(database, at=at).rests if sees_all else {},
    )  # fmt: skip
