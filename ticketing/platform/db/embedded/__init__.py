"""An embedded PostgreSQL server, for one machine, demos and tests.

May import `platform.kernel`.
Begin reading in `server.py`.
"""
