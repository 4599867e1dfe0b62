"""An embedded PostgreSQL server for installations on one machine, demos and tests.

May import `platform.kernel`.
Begin reading in `server.py`.
"""
