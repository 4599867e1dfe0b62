"""PostgreSQL: connections, tables, migrations, audit log, inbound webhooks, outbox, NOTIFY.

May import `platform.kernel`, SQLAlchemy, Alembic and psycopg.
Begin reading in `database.py`, then `tables/`.
"""
