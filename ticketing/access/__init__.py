"""API keys, roles and the authentication of HTTP requests.

May import `platform`.
Begin reading in `service.py`, then `authentication.py`.
"""
