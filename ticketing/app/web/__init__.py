"""The web service put together: routers, middleware, server.

May import everything but the command line.
Begin reading in `app.py`.
"""
