"""The plan of an import: staged rows matched with guests, compared, and written.

May import the tables and `roster.model`.
Begin reading in `staging_queries.py`.
"""
