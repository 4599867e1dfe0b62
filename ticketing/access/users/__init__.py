"""Users of the pages: names, roles, passwords, and the throttle of failed attempts.

May import `access.caller`, `access.sessions`, `events` and `platform`.
Begin reading in `user.py`, then `manage.py`.
"""
