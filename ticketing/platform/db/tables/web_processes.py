"""Tables of what the processes of the web service share: rates of requests, and their counts.

Both are unlogged: they cost no write-ahead log, and after a crash of PostgreSQL they are empty.
"""

from sqlalchemy import BigInteger, Column, Float, Index, Table, Text

from ticketing.platform.db.columns import metadata, timestamp_column

request_rates = Table(
    "request_rates",
    metadata,
    Column("subject", Text, primary_key=True),  # the limit and the network, order or contact
    Column("level", Float, nullable=False),  # requests that have not drained yet, at `updated_at`
    timestamp_column("updated_at"),
    Index("ix_request_rates_updated_at", "updated_at"),
    prefixes=["UNLOGGED"],
)

request_counts = Table(
    "request_counts",
    metadata,
    Column("method", Text, primary_key=True),
    Column("route", Text, primary_key=True),
    Column("code", Text, primary_key=True),
    Column("at_most", Float, primary_key=True),  # seconds, the upper bound of a bucket
    Column("requests", BigInteger, nullable=False),
    Column("seconds", Float, nullable=False),
    prefixes=["UNLOGGED"],
)
