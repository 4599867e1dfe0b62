"""Signing in and out: the checks in their order, and the page.

May import `access.caller`, `access.sessions`, `access.users` and `platform`.
Begin reading in `sign_in.py`, then `pages.py`.
"""
