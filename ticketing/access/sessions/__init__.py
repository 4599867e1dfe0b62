"""Sessions: their tokens and rows, and the recognition of a request's user.

May import `access.caller` and `platform`.
Begin reading in `session_queries.py`, then `middleware.py`.
"""
