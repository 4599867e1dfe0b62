"""The routers of the pages for admins."""

from ticketing.console.system import audit_page, keys_page, users_page

SYSTEM_ROUTERS = (users_page.router, keys_page.router, audit_page.router)
