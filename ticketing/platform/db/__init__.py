"""PostgreSQL: connections, tables, migrations, audit log, inbox, outbox, notifications.

May import `platform.kernel` and, for its commands, `platform.cli`.
Begin reading in `database.py`, then `tables/`.
"""
