"""API keys: create, find, rotate and revoke them.

May import `access.caller`, `events` and `platform`.
Begin reading in `key_queries.py`.
"""
