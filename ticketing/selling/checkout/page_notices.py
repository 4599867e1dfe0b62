"""Choose the notices and the content security policy of the buyer's pages."""

from ticketing.platform.http.errors import TooManyRequests
from ticketing.platform.http.html import notice_page, policy
from ticketing.platform.http.pages import PageSettings
from ticketing.platform.kernel.errors import TicketingError, Unavailable, UnknownEvent, UnknownOrder
from ticketing.selling.payments.midtrans.client import Account

NOTICES: dict[type[TicketingError], str] = {
    UnknownEvent: "no_event",
    UnknownOrder: "no_order",
    TooManyRequests: "too_many",
    Unavailable: "away",
}


def page_settings(account: Account) -> PageSettings:
    """Return the settings of pages whose forms may lead to the gateway of an account."""
    return PageSettings(policy(account.snap_url), NOTICES, notice_page)
