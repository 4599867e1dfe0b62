"""The routers of the console's pages, in the order in which they are tried."""

from ticketing.console import (
    event_pages,
    gate_pages,
    guest_pages,
    home,
    import_pages,
    new_event_page,
)
from ticketing.console.batches.routers import BATCH_ROUTERS
from ticketing.console.deliveries.routers import DELIVERY_ROUTERS
from ticketing.console.orders.routers import ORDER_ROUTERS
from ticketing.console.reports import report_page
from ticketing.console.system.routers import SYSTEM_ROUTERS

CONSOLE_ROUTERS = (
    home.router,
    new_event_page.router,
    import_pages.router,
    event_pages.router,
    *BATCH_ROUTERS,
    guest_pages.router,
    gate_pages.router,
    *ORDER_ROUTERS,
    *DELIVERY_ROUTERS,
    report_page.router,
    *SYSTEM_ROUTERS,
)
