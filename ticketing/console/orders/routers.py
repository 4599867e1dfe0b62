"""The routers of the pages of orders."""

from ticketing.console.orders import actions, box_office_page, list_page, order_page, refund_actions

ORDER_ROUTERS = (
    list_page.router,
    order_page.router,
    actions.router,
    refund_actions.router,
    box_office_page.router,
)
