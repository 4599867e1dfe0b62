"""Notices and content security policy of the buyer's pages."""

from ticketing.platform.http.errors import TooManyRequests
from ticketing.platform.http.html import content_security_policy, render_notice_page
from ticketing.platform.http.pages import PageSettings
from ticketing.platform.kernel.errors import TicketingError, Unavailable, UnknownEvent, UnknownOrder
from ticketing.selling.payments.midtrans.client import MidtransAccount

PAGE_NOTICES: dict[type[TicketingError], str] = {
    UnknownEvent: "no_event",
    UnknownOrder: "no_order",
    TooManyRequests: "too_many",
    Unavailable: "away",
}


def build_page_settings(account: MidtransAccount) -> PageSettings:
    """Return the page settings; forms may redirect to the gateway of this account."""
    return PageSettings(content_security_policy(account.snap_url), PAGE_NOTICES, render_notice_page)
