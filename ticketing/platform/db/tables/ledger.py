"""The ledger of orders.

Triggers write it at the end of a transaction, from the changes to orders, payment attempts and
refunds; another trigger refuses updates and deletions. Amounts are signed rupiah.
"""

from sqlalchemy import BigInteger, Column, Index, Table

from ticketing.platform.db.columns import (
    bigint_column,
    created_at_column,
    foreign_key_column,
    id_column,
    jsonb_column,
    metadata,
    optional_bigint_column,
    text_column,
    timestamp_column,
)

order_ledger = Table(
    "order_ledger",
    metadata,
    id_column(),
    Column("event_id", BigInteger, nullable=False),  # the order's
    foreign_key_column("order_id", "orders.id"),
    optional_bigint_column("attempt_id"),  # entries about money
    text_column("kind"),
    timestamp_column("at"),
    created_at_column("recorded_at"),
    text_column("actor", ""),  # of the audit entry in the same transaction; empty: none
    text_column("subject"),  # the order code or the key of the attempt
    bigint_column("sale"),  # change of the value of pending and paid orders
    bigint_column("money"),  # change of the money received
    jsonb_column("details"),
    Index("ix_order_ledger_order_id_id", "order_id", "id"),  # entries of an order
    Index("ix_order_ledger_event_id_at", "event_id", "at"),  # entries of an event in a period
)
