"""API keys, roles and the authentication of HTTP requests.

May import `platform`.
Begin reading in `key_queries.py`, then `authentication.py`.
"""
