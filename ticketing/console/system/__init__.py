"""The own account, and pages for admins: users, API keys and the audit log.

May import what `ticketing.console` may.
Begin reading in `users_page.py`.
"""
