"""Users, sessions, API keys, roles, and the authentication of HTTP requests.

May import `orders`, `events`, `crypto` and `platform`.
Begin reading in `caller.py`, then `authentication.py`.
"""
