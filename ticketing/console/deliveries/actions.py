"""What staff do about messages: send again, cancel, resume a channel."""

from collections.abc import Callable, Mapping
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Path, Response

from ticketing.access.authentication import Operator
from ticketing.access.caller import Caller
from ticketing.access.signed_in_pages import signed_in_pages_router
from ticketing.console.deliveries.ledger_page import (
    DELIVERIES_PATH,
    read_filter,
    render_ledger,
)
from ticketing.console.home import PATH
from ticketing.console.html import CheckedForm, ConsolePage, PageDependency, redirect
from ticketing.events.queries import get_event
from ticketing.notifications import admin
from ticketing.notifications.channel_policy import resume_channel
from ticketing.notifications.delivery import Channel
from ticketing.platform.http.envelope import MAX_ID, EventInPath
from ticketing.platform.http.services import now
from ticketing.platform.kernel.errors import Refused

DeliveryIdInPath = Annotated[int, Path(ge=1, le=MAX_ID)]
MAX_COUNT_DIGITS = 12

router = signed_in_pages_router(DELIVERIES_PATH, include_in_schema=False)
event_router = signed_in_pages_router(f"{PATH}/events", include_in_schema=False)


@router.post("/{delivery_id}/resend")
def resend(
    delivery_id: DeliveryIdInPath, page: PageDependency, caller: Operator, fields: CheckedForm
) -> Response:
    """Send one message again."""
    return _act(
        page, caller, fields,
        lambda: admin.resend_delivery(
            page.services.database, delivery_id, at=now(), by=caller.actor
        ),
    )  # fmt: skip


@router.post("/{delivery_id}/cancel")
def cancel(
    delivery_id: DeliveryIdInPath, page: PageDependency, caller: Operator, fields: CheckedForm
) -> Response:
    """Cancel a message that waits to be sent."""
    return _act(
        page, caller, fields,
        lambda: admin.cancel_delivery(
            page.services.database, delivery_id, at=now(), by=caller.actor
        ),
    )  # fmt: skip


@router.post("/channels/{channel}/resume")
def resume(
    channel: Channel, page: PageDependency, caller: Operator, fields: CheckedForm
) -> Response:
    """Send by a paused channel again; it is a channel of all events."""
    return _act(
        page, caller, fields,
        lambda: resume_channel(page.services.database, channel, at=now(), by=caller.actor),
    )  # fmt: skip


@event_router.post("/{event}/deliveries/resend/plan")
def plan_resending(
    event: EventInPath, page: PageDependency, caller: Operator, fields: CheckedForm
) -> Response:
    """Show how many failed messages of an event would be sent again."""
    known, chosen = get_event(page.services.database, event), _filter_of(fields, event)
    count = admin.count_failed_deliveries(
        page.services.database, known, channel=_channel_of(chosen)
    )
    return render_ledger(page, caller, chosen, resend_count=count)


@event_router.post("/{event}/deliveries/resend")
def resend_failed(
    event: EventInPath, page: PageDependency, caller: Operator, fields: CheckedForm
) -> Response:
    """Send the failed messages of an event again, as many as the plan said."""
    known, chosen = get_event(page.services.database, event), _filter_of(fields, event)
    count = fields.get("count", "")
    expected = int(count) if count.isdecimal() and len(count) < MAX_COUNT_DIGITS else -1
    return _act(
        page, caller, chosen,
        lambda: admin.resend_failed_deliveries(
            page.services.database, known, channel=_channel_of(chosen), expected=expected,
            at=now(), by=caller.actor,
        ),
    )  # fmt: skip


def _filter_of(fields: Mapping[str, str], event: str) -> Mapping[str, str]:
    return read_filter(event, fields.get("channel", ""), failed=True)


def _channel_of(chosen: Mapping[str, str]) -> Channel | None:
    return Channel(chosen["channel"]) if chosen["channel"] else None


def _act(
    page: ConsolePage, caller: Caller, fields: Mapping[str, str], act: Callable[[], object]
) -> Response:
    """Do something, and lead to the ledger with its filter; a refusal is shown on it."""
    chosen = read_filter(
        fields.get("event", ""), fields.get("channel", ""), fields.get("state", ""),
        failed=fields.get("failed") == "true",
    )  # fmt: skip
    try:
        act()
    except Refused as error:
        return render_ledger(page, caller, chosen, status=error.status, problem=str(error))
    return redirect(f"{DELIVERIES_PATH}?{urlencode(chosen)}")
