"""The tables, one module a capability, as SQLAlchemy Core.

May import `platform.db.columns` and other tables that a foreign key leads to.
Begin reading in `metadata.py`; constraints hold the invariants, and every index says its query.
"""
