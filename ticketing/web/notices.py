"""Choose the notices and the content security policy of the buyer's pages."""

from ticketing.documents.shop_pages import notice_page, policy
from ticketing.domain.errors import TicketingError, Unavailable, UnknownEvent, UnknownOrder
from ticketing.gateways.midtrans import Account
from ticketing.web.pages import PageSettings
from ticketing.web.problems import TooManyRequests

NOTICES: dict[type[TicketingError], str] = {
    UnknownEvent: "no_event",
    UnknownOrder: "no_order",
    TooManyRequests: "too_many",
    Unavailable: "away",
}


def page_settings(account: Account) -> PageSettings:
    """Return the settings of pages whose forms may lead to the gateway of an account."""
    return PageSettings(policy(account.snap_url), NOTICES, notice_page)
