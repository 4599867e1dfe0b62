"""The tables, as SQLAlchemy Core. Constraints hold the invariants; every index says whose it is.

Instants are timestamptz in UTC; the zone belongs to the event. Migrations repeat this by hand, and
`alembic check` proves that both say the same.
"""
