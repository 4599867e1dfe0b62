"""The web service: assembles routers and middleware, and runs the server.

May import everything.
Begin reading in `app.py`.
"""
