"""The buyer's pages, from `templates/order/`: an event to buy tickets for, and an order.

Words are Indonesian or English, as the event is. Nothing is loaded from elsewhere: the one script
stands in the page, and the policy sent along names its digest.
"""

from datetime import timedelta

from ticketing.events.model import Event
from ticketing.platform.http.html import render_page
from ticketing.platform.kernel.local_dates import (
    format_event_dates,
    format_event_times,
    format_instant,
)

OPEN_ENDED_DURATION = timedelta(
    days=3 * 365
)  # what lasts for years, a hotspot's outlet, has no date to come on


def render_event_page(event: Event, **shown: object) -> str:
    """Where tickets of an event are bought."""
    return _render_event_template("event.html.j2", event, **shown)


def render_order_page(event: Event, **shown: object) -> str:
    """An order, for whoever has its address."""
    return _render_event_template("order.html.j2", event, **shown)


def _render_event_template(name: str, event: Event, **shown: object) -> str:
    clock = (event.starts_at, event.ends_at, event.time_zone, event.locale)
    return render_page(
        name,
        event.locale,
        event=event,
        eventDate=format_event_dates(*clock),
        eventTime=format_event_times(*clock),
        isAlways=event.ends_at - event.starts_at >= OPEN_ENDED_DURATION,
        instant=lambda at: format_instant(at, event.time_zone, event.locale),
        **shown,
    )
