"""The routers of the pages of the own account and for admins."""

from ticketing.console.system import account_page, audit_page, keys_page, users_page

SYSTEM_ROUTERS = (account_page.router, users_page.router, keys_page.router, audit_page.router)
