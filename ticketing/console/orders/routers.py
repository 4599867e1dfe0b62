"""The routers of the pages of orders."""

from ticketing.console.orders import actions, list_page, order_page, refund_actions

ORDER_ROUTERS = (list_page.router, order_page.router, actions.router, refund_actions.router)
