"""The routers of the pages of batches and jobs."""

from ticketing.console.batches import actions, batch_page, list_page

BATCH_ROUTERS = (
    list_page.router,
    batch_page.router,
    actions.router,
    actions.event_router,
    actions.job_router,
)
