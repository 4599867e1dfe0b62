"""The buyer's pages, from `templates/order/`: an event to buy tickets for, and an order.

Words are Indonesian or English, as the event is. Nothing is loaded from elsewhere: the one script
stands in the page, and the policy sent along names its digest.
"""

from datetime import timedelta

from ticketing.events.model import Event
from ticketing.platform.http.html import render_page
from ticketing.platform.kernel.local_dates import spoken_date, spoken_instant, spoken_time

ALWAYS = timedelta(days=3 * 365)  # what lasts for years, a hotspot's outlet, has no date to come on


def event_page(event: Event, **shown: object) -> str:
    """Where tickets of an event are bought."""
    return _page("event.html.j2", event, **shown)


def order_page(event: Event, **shown: object) -> str:
    """An order, for whoever has its address."""
    return _page("order.html.j2", event, **shown)


def _page(name: str, event: Event, **shown: object) -> str:
    clock = (event.starts_at, event.ends_at, event.time_zone, event.locale)
    return render_page(
        name,
        event.locale,
        event=event,
        eventDate=spoken_date(*clock),
        eventTime=spoken_time(*clock),
        isAlways=event.ends_at - event.starts_at >= ALWAYS,
        instant=lambda at: spoken_instant(at, event.time_zone, event.locale),
        **shown,
    )
