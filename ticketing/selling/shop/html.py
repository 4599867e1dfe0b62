"""Render the buyer's pages from `templates/order/`: the shop of an event, and an order.

The language is Indonesian or English: the one that the browser asks for, for an order the one that
it was placed in, else that of the event. Nothing is loaded from other hosts: the only script is
inline, and the content security policy contains its digest. An order that waits
for its payment is the exception: the gateway's script opens the payment in the same page.
"""

from datetime import timedelta

from ticketing.events.model import Event
from ticketing.platform.http.errors import TooManyRequests
from ticketing.platform.http.pages import (
    PageSettings,
    content_security_policy,
    render_notice_page,
    render_page,
)
from ticketing.platform.kernel.errors import (
    TicketingError,
    Unavailable,
    UnknownEvent,
    UnknownOrder,
    UnknownWaitingEntry,
)
from ticketing.platform.kernel.languages import localise
from ticketing.platform.kernel.local_dates import (
    format_event_dates,
    format_event_times,
    format_instant,
)
from ticketing.selling.payments.midtrans.client import MidtransAccount

# events that last for years, such as a hotspot outlet, are shown without a date
OPEN_ENDED_DURATION = timedelta(days=3 * 365)


def is_open_ended(event: Event) -> bool:
    """Return whether an event lasts for years, such as a hotspot outlet, and has no date."""
    return event.ends_at - event.starts_at >= OPEN_ENDED_DURATION


def render_event_template(name: str, event: Event, *, language: str = "", **context: object) -> str:
    """Render a page of an event or an order in a language, else in that of the event."""
    locale = localise(event.locale, language)
    schedule = (event.starts_at, event.ends_at, event.time_zone, locale)
    return render_page(
        name,
        locale,
        event=event,
        eventDate=format_event_dates(*schedule),
        eventTime=format_event_times(*schedule),
        isAlways=is_open_ended(event),
        instant=lambda at: format_instant(at, event.time_zone, locale),
        **context,
    )


PAGE_NOTICES: dict[type[TicketingError], str] = {
    UnknownEvent: "no_event",
    UnknownOrder: "no_order",
    UnknownWaitingEntry: "no_entry",
    TooManyRequests: "too_many",
    Unavailable: "away",
}


def build_page_settings(account: MidtransAccount) -> PageSettings:
    """Return the page settings; forms may redirect to the gateway of this account."""
    return PageSettings(
        content_security_policy(account.snap_url),
        content_security_policy(account.snap_url, shows_gateway=True),
        PAGE_NOTICES,
        render_notice_page,
    )
