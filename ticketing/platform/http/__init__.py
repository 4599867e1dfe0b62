"""The HTTP layer shared by all APIs: middleware, envelope, errors, rate limit, server-sent events.

May import `platform.kernel`, `platform.db` and FastAPI.
Begin reading in `middleware.py` and `errors.py`.
"""
