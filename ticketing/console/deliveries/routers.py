"""The routers of the pages of messages."""

from ticketing.console.deliveries import actions, ledger_page, opt_out_page

DELIVERY_ROUTERS = (
    opt_out_page.router,
    ledger_page.router,
    actions.router,
    actions.event_router,
)
