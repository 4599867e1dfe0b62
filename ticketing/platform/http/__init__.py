"""The HTTP layer shared by all APIs: middleware, envelope, errors, rate limit, server-sent events.

May import the rest of `platform`, FastAPI and Starlette.
Begin reading in `middleware.py` and `errors.py`.
"""
