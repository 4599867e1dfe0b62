"""The books of orders, and those who are told of every entry.

Triggers write `order_ledger` when a transaction ends, from what orders, attempts and refunds have
become, so no code can forget to; another trigger refuses to change it. Amounts are signed rupiah.
"""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
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

from ticketing.store.schema import metadata
from ticketing.store.schema_sales import orders


def _id() -> Column[int]:
    return Column("id", BigInteger, Identity(always=True), primary_key=True)


def _text(name: str, default: str | None = None) -> Column[str]:
    return Column(name, Text, nullable=False, server_default=default)


def _amount(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False, server_default="0")


def _instant(name: str, *, nullable: bool = False) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=nullable)


def _now(name: str) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=False, server_default=func.now())


order_ledger = Table(
    "order_ledger",
    metadata,
    _id(),
    Column("event_id", BigInteger, nullable=False),  # the order's
    Column("order_id", BigInteger, ForeignKey(orders.c.id), nullable=False),
    Column("attempt_id", BigInteger, nullable=True),  # when it is about money
    _text("kind"),
    _instant("at"),
    _now("booked_at"),
    _text("actor", ""),  # whom the audit log names in the same transaction; empty: nobody
    _text("subject"),  # the order's code, or the attempt's key
    _amount("sale"),  # what orders that are pending or paid are worth, more or less by this
    _amount("money"),  # what is in our hands, more or less by this
    Column("details", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    Index("ix_order_ledger_order_id_id", "order_id", "id"),  # an order's; what is booked of it
    Index("ix_order_ledger_event_id_at", "event_id", "at"),  # an event's, between two instants
)

hook_endpoints = Table(
    "hook_endpoints",
    metadata,
    _id(),
    # the secret is derived from it and stands nowhere
    Column("uid", Uuid, nullable=False, unique=True, server_default=func.gen_random_uuid()),
    _text("name"),
    _text("url"),
    Column("kinds", ARRAY(Text), nullable=False),
    Column("event_id", BigInteger, ForeignKey("events.id"), nullable=True),  # none: all events
    _text("created_by"),
    _instant("created_at"),
    _instant("disabled_at", nullable=True),
    _text("disabled_why", ""),
    _instant("removed_at", nullable=True),
    _instant("failing_since", nullable=True),  # since when nothing arrived there
    _instant("rests_until", nullable=True),  # after no answer; one look a while is enough
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
    _id(),
    Column("endpoint_id", BigInteger, ForeignKey("hook_endpoints.id"), nullable=False),
    Column("entry_id", BigInteger, ForeignKey("order_ledger.id"), nullable=False),
    _text("state", "waiting"),
    Column("tries", Integer, nullable=False, server_default="0"),
    _instant("next_try", nullable=True),
    _instant("claimed_until", nullable=True),
    _instant("last_try", nullable=True),
    Column("last_status", Integer, nullable=True),
    _text("last_error", ""),
    _text("answer", ""),  # its first characters
    _instant("ended_at", nullable=True),
    UniqueConstraint("endpoint_id", "entry_id"),
    CheckConstraint("state IN ('waiting', 'delivered', 'failed')", name="state"),
    CheckConstraint("(state = 'waiting') = (next_try IS NOT NULL)", name="next_try"),
    CheckConstraint("(state = 'waiting') = (ended_at IS NULL)", name="ended"),
    Index("ix_hook_calls_due", "next_try", "id", postgresql_where=text("state = 'waiting'")),
    Index(  # forgetting old ones
        "ix_hook_calls_ended_at", "ended_at", postgresql_where=text("ended_at IS NOT NULL")
    ),
)
