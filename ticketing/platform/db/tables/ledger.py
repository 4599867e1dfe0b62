"""The books of orders, and those who are told of every entry.

Triggers write `order_ledger` when a transaction ends, from what orders, attempts and refunds have
become, so no code can forget to; another trigger refuses to change it. Amounts are signed rupiah.
"""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from ticketing.platform.db.columns import (
    bigint_column,
    created_at_column,
    holder_column,
    id_column,
    text_column,
    timestamp_column,
)
from ticketing.platform.db.tables.metadata import metadata
from ticketing.platform.db.tables.sales import orders

order_ledger = Table(
    "order_ledger",
    metadata,
    id_column(),
    Column("event_id", BigInteger, nullable=False),  # the order's
    Column("order_id", BigInteger, ForeignKey(orders.c.id), nullable=False),
    Column("attempt_id", BigInteger, nullable=True),  # when it is about money
    text_column("kind"),
    timestamp_column("at"),
    created_at_column("booked_at"),
    text_column("actor", ""),  # whom the audit log names in the same transaction; empty: nobody
    text_column("subject"),  # the order's code, or the attempt's key
    bigint_column("sale"),  # what orders that are pending or paid are worth, more or less by this
    bigint_column("money"),  # what is in our hands, more or less by this
    Column("details", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    Index("ix_order_ledger_order_id_id", "order_id", "id"),  # an order's; what is booked of it
    Index("ix_order_ledger_event_id_at", "event_id", "at"),  # an event's, between two instants
)

hook_endpoints = Table(
    "hook_endpoints",
    metadata,
    id_column(),
    # the secret is derived from it and stands nowhere
    Column("uid", Uuid, nullable=False, unique=True, server_default=func.gen_random_uuid()),
    text_column("name"),
    text_column("url"),
    Column("kinds", ARRAY(Text), nullable=False),
    Column("event_id", BigInteger, ForeignKey("events.id"), nullable=True),  # none: all events
    text_column("created_by"),
    timestamp_column("created_at"),
    timestamp_column("disabled_at", nullable=True),
    text_column("disabled_why", ""),
    timestamp_column("removed_at", nullable=True),
    timestamp_column("failing_since", nullable=True),  # since when nothing arrived there
    timestamp_column("rests_until", nullable=True),  # after no answer; one look a while is enough
    CheckConstraint("name <> ''", name="name"),
    CheckConstraint("cardinality(kinds) > 0", name="kinds"),
    Index(
        "uq_hook_endpoints_name",
        "name",
        unique=True,
        postgresql_where=text("removed_at IS NULL"),
    ),
)

hook_calls = Table(
    "hook_calls",
    metadata,
    id_column(),
    Column("endpoint_id", BigInteger, ForeignKey("hook_endpoints.id"), nullable=False),
    Column("entry_id", BigInteger, ForeignKey("order_ledger.id"), nullable=False),
    text_column("state", "waiting"),
    Column("tries", Integer, nullable=False, server_default="0"),
    timestamp_column("next_try", nullable=True),
    timestamp_column("claimed_until", nullable=True),
    holder_column("claimed_by"),
    timestamp_column("last_try", nullable=True),
    Column("last_status", Integer, nullable=True),
    text_column("last_error", ""),
    text_column("answer", ""),  # its first characters
    timestamp_column("ended_at", nullable=True),
    UniqueConstraint("endpoint_id", "entry_id"),
    CheckConstraint("state IN ('waiting', 'delivered', 'failed')", name="state"),
    CheckConstraint("(state = 'waiting') = (next_try IS NOT NULL)", name="next_try"),
    CheckConstraint("(state = 'waiting') = (ended_at IS NULL)", name="ended"),
    Index("ix_hook_calls_due", "next_try", "id", postgresql_where=text("state = 'waiting'")),
    Index(  # forgetting old ones
        "ix_hook_calls_ended_at", "ended_at", postgresql_where=text("ended_at IS NOT NULL")
    ),
)
